import { after, before, suite, test } from 'node:test'
import { redis } from 'fastify-beryl/redis'
import { adapterFacts } from 'fastify-beryl/testing'
import { need } from '../support/need.ts'
import { RedisCluster } from '../support/redis-cluster.ts'

suite('a Redis Cluster of three masters, sharded', need('redis-server'), () => {
  let cluster: RedisCluster
  before(async () => {
    cluster = await RedisCluster.start(3, 'appendonly yes', 'appendfsync always')
  })
  after(() => cluster.end())

  for (const { title, run } of adapterFacts) {
    test(`redis, sharded: ${title}`, async () => {
      await cluster.flush()
      await run({
        adapter: () => redis({ url: cluster.urls, sharded: true }),
        cut: () => cluster.kill(),
        heal: () => cluster.restart(),
      })
    })
  }
})
