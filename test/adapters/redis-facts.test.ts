import { after, before, suite, test } from 'node:test'
import { redis } from 'fastify-beryl/redis'
import { adapterFacts } from 'fastify-beryl/testing'
import { need } from '../support/need.ts'
import { RedisServer } from '../support/redis.ts'

suite('redis', need('redis-server'), () => {
  let server: RedisServer
  before(async () => {
    server = await RedisServer.start('appendonly yes', 'appendfsync always')
  })
  after(() => server.end())

  for (const { title, run } of adapterFacts) {
    test(`redis: ${title}`, async () => {
      await server.command('FLUSHALL')
      await run({
        adapter: () => redis({ url: server.url }),
        cut: () => server.kill(),
        heal: () => server.start(),
      })
    })
  }
})
