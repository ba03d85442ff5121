import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { redis } from 'fastify-beryl/redis'
import * as phoenix from 'phoenix'
import { beryl } from '../../src/index.ts'
import type { PubSubAdapter } from '../../src/pubsub/adapter.ts'
import { need } from '../support/need.ts'
import { RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { following, logged, say } from './following.ts'

// Nodes over a real Redis, and clients with the lines of docs/history.md, which come back to another node.

async function start(t: TestContext, ...config: string[]): Promise<RedisServer> {
  const server = await RedisServer.start(...config)
  t.after(() => server.end())
  return server
}

async function serve(t: TestContext, server: RedisServer): Promise<FastifyInstance> {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [logged], pubsub: redis({ url: server.url }) })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return app
}

const portOf = (app: FastifyInstance): number => (app.server.address() as AddressInfo).port
const isUp = (app: FastifyInstance): boolean => app.channels.status().pubsub?.status === 'up'

const PERSISTENT = ['appendonly yes', 'appendfsync always']

suite('history over Redis', need('redis-server'), () => {
  test('H3, H6, H9 what is published on one node is told by another to a client that comes back there, once and in order', async (t) => {
    const server = await start(t)
    const [here, there] = [await serve(t, server), await serve(t, server)]
    const client = following(t, portOf(here), phoenix.Socket)
    await until('the first join', () => client.joins.length === 1)
    for (let round = 1; round <= 6; round++) {
      const [from, to] = round % 2 === 1 ? [here, there] : [there, here]
      await say(from, 1)
      client.moveTo(portOf(to))
      for (let n = 0; n < 5; n++) await say(n % 2 === 0 ? here : there, 1)
      await until('it is back', () => client.joins.length > round)
    }
    await until(() => `all came: ${client.took}`, () => client.took.length >= 36)
    assert.deepEqual(client.took, client.said())
    assert.deepEqual(client.joins, [false, true, true, true, true, true, true])
  })
})
