import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import Fastify, { type FastifyInstance } from 'fastify'
import beryl from 'fastify-beryl'
import { redis } from 'fastify-beryl/redis'
import * as phoenix from 'phoenix'
import { need } from '../support/need.ts'
import { RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { client, room, upTo } from './guide-client.ts'

// Nodes over a real Redis, and clients with the lines of docs/history.md, which come back to another node.

const PERSISTENT = ['appendonly yes', 'appendfsync always']

async function start(t: TestContext, ...config: string[]): Promise<RedisServer> {
  const server = await RedisServer.start(...config)
  t.after(() => server.end())
  return server
}

async function serve(t: TestContext, { url }: { url: string }): Promise<FastifyInstance> {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [room], pubsub: redis({ url }) })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return app
}

/** A node of its own. @returns its port, and its end by `kill -9` */
async function fork(t: TestContext, { port }: RedisServer) {
  const file = fileURLToPath(new URL('redis-node.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', file, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
  }
  t.after(kill)
  const [line] = await once(child.stdout, 'data')
  return { port: Number(String(line)), kill }
}

const at = (port: number): string => `ws://127.0.0.1:${port}/socket`
const portOf = (app: FastifyInstance): number => (app.server.address() as AddressInfo).port
const isUp = (app: FastifyInstance): boolean => app.channels.status().pubsub?.status === 'up'

/** Says numbers in `room:1`, each when the one before is in the log. */
function speaker() {
  let said = 0
  const say = async (app: FastifyInstance, count = 1): Promise<number> => {
    for (let n = 0; n < count; n++) {
      // The names of the program's own channels are not known here.
      await app.channels.publish('room:1' as never, 'said' as never, { n: ++said } as never)
    }
    return said
  }
  return { say, count: () => said }
}

suite('history over Redis', need('redis-server'), () => {
  test('H3, H6, H9 what is published on one node is told by another to a client that comes back there, once and in order', async (t) => {
    const server = await start(t)
    const [here, there] = [await serve(t, server), await serve(t, server)]
    const { say, count } = speaker()
    let port = portOf(here)
    const { took, joins, reset } = client(t, () => at(port), phoenix.Socket)
    await until('the first join', () => joins.length === 1)
    for (let round = 1; round <= 6; round++) {
      port = portOf(round % 2 === 0 ? here : there)
      await say(here)
      reset()
      for (const app of [here, there, here]) await say(app)
      await until('it is back', () => joins.length > round)
      await say(there)
    }
    await until(
      () => `all ${count()} came: ${took}`,
      () => took.length >= count(),
    )
    assert.deepEqual(took, upTo(count()))
    assert.deepEqual(joins, [false, true, true, true, true, true, true])
  })

  test('H6 a node is killed: its client comes back to another, and hears what was said meanwhile', async (t) => {
    const server = await start(t)
    const [here, doomed] = [await serve(t, server), await fork(t, server)]
    const { say, count } = speaker()
    let { port } = doomed
    const { took, joins } = client(t, () => at(port), phoenix.Socket)
    await until('the first join', () => joins.length === 1)
    await say(here, 3)
    await until('they came', () => took.length === 3)
    await doomed.kill()
    await say(here, 5)
    port = portOf(here)
    await until(
      () => `all ${count()} came: ${took}`,
      () => took.length >= count(),
    )
    assert.deepEqual(took, upTo(8))
    assert.deepEqual(joins, [false, true])
  })

  test('H2, H8 Redis restarts empty: the epoch changes, and whoever had entries hears recovered: false', async (t) => {
    const server = await start(t)
    const app = await serve(t, server)
    const { say } = speaker()
    const { took, joins } = client(t, () => at(portOf(app)), phoenix.Socket)
    await until('the first join', () => joins.length === 1)
    await say(app, 3)
    await until('they came', () => took.length === 3)
    const before = await app.channels.history('room:1' as never)
    await server.kill()
    await until('it is down', () => !isUp(app))
    await server.start()
    await until('it joined again', () => joins.length === 2)
    assert.deepEqual(joins, [false, false])
    const after = await app.channels.history('room:1' as never)
    assert.notEqual(after.epoch, before.epoch)
    assert.deepEqual([after.offset, after.entries], [0, []])
    await say(app)
    await until('the next came', () => took.length === 4)
    assert.deepEqual(took, [1, 2, 3, 4])
  })

  test('H2 Redis restarts with all it had: the epoch changes, offsets go on, and a client of the former one missed nothing', async (t) => {
    const server = await start(t, ...PERSISTENT)
    const [here, there] = [await serve(t, server), await serve(t, server)]
    const { say } = speaker()
    let port = portOf(here)
    const { took, joins, reset } = client(t, () => at(port), phoenix.Socket)
    await until('the first join', () => joins.length === 1)
    await say(here, 3)
    await until('they came', () => took.length === 3)
    const before = await here.channels.history('room:1' as never)
    await server.kill()
    await until('they are down', () => !isUp(here) && !isUp(there))
    await server.start()
    await until('they are up', () => isUp(here) && isUp(there))
    port = portOf(there)
    await say(there, 2)
    reset()
    await until(
      () => `it is back, and all came: ${took}`,
      () => joins.length === 2 && took.length === 5,
    )
    assert.deepEqual(took, upTo(5))
    assert.deepEqual(joins, [false, true])
    const after = await here.channels.history('room:1' as never, {
      since: { epoch: before.epoch, offset: 3 },
    })
    assert.notEqual(after.epoch, before.epoch)
    assert.deepEqual([after.recovered, after.offset, after.entries.length], [true, 5, 2])
  })
})
