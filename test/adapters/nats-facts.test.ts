import { after, before, suite, test } from 'node:test'
import { nats } from 'fastify-beryl/nats'
import { adapterFacts } from 'fastify-beryl/testing'
import { NatsServer } from '../support/nats.ts'
import { need } from '../support/need.ts'

suite('nats', need('nats-server'), () => {
  let server: NatsServer
  before(async () => {
    server = await NatsServer.start()
  })
  after(() => server.end())

  for (const { title, needsLog, run } of adapterFacts) {
    test(`nats: ${title}`, { skip: needsLog && 'nats() has no log' }, () =>
      run({
        adapter: () => nats({ servers: server.url }),
        cut: () => server.kill(),
        heal: () => server.start(),
      }),
    )
  }
})
