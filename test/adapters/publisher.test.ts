import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { defineChannel, type PubSubAdapter } from 'fastify-beryl'
import { nats } from 'fastify-beryl/nats'
import { createPublisher, type Publisher, redis } from 'fastify-beryl/redis'
import { connect, memoryNetwork } from 'fastify-beryl/testing'
import { Type } from 'typebox'
import { root } from '../docs/samples.ts'
import { need } from '../support/need.ts'
import { RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { node, room } from './cluster.ts'
import { ENGINES } from './engines.ts'

const NAMED = { connect: () => ({ assigns: {} }), connectionTopic: () => 'user:42' }

for (const { name, needs, start } of ENGINES) {
  test(
    `X14: over ${name} a publisher reaches members, a group and connections on all nodes`,
    needs,
    async (t) => {
      const engine = await start()
      t.after(() => engine.end())
      const nodes = [await node(t, engine.adapter(), NAMED), await node(t, engine.adapter(), NAMED)]
      const members = await Promise.all(
        nodes.map(async ({ app }) => {
          const client = await connect(app)
          return { client, channel: await client.join(room, 'room:1') }
        }),
      )
      const [first] = nodes
      first?.app.groups.create('rooms')
      first?.app.groups.add('rooms', 'room:1')
      first?.app.groups.add('rooms', 'room:nobody')
      await until('both know the group', () =>
        nodes.every(({ app }) => app.groups.has('rooms') && app.groups.topics('rooms').size === 2),
      )
      const publisher = await createPublisher(engine.adapter(), { channels: [room] })
      t.after(() => publisher.close())
      assert.equal(publisher.status, 'up')
      publisher.broadcast('room:1', 'said', { n: 1 })
      publisher.broadcast('room:1', 'file', Buffer.of(1, 2))
      publisher.groups.broadcast('rooms', 'said', { n: 2 })
      publisher.groups.broadcast('nobodies', 'said', { n: 3 })
      for (const { channel } of members) {
        await channel.expectPush('said', { n: 1 })
        await channel.expectPush('file', Buffer.of(1, 2))
        await channel.expectPush('said', { n: 2 })
      }
      // Not before: sharded, it travels by another server than the topic does, and may overtake it.
      publisher.disconnect('user:42')
      for (const { client } of members) await client.expectClosed(1001)
      await publisher.close()
      assert.throws(() => publisher.disconnect('user:42'), { code: 'BERYL_ERR_NOT_RUNNING' })
      assert.equal(publisher.status, 'down')
    },
  )
}

/** A room whose event `said` is logged, and `typing` is not. */
const logged = defineChannel('logged:*', {
  schema: { out: { said: Type.Integer(), typing: Type.Integer() } },
  history: { events: ['said'], size: 10 },
  join: () => ({ assigns: {} }),
})

interface Position {
  readonly epoch: string
  readonly offset: number
}

/** The reply to a join with `$resume`, and the entries that came: offset and payload. */
async function follow(app: FastifyInstance, $resume: unknown) {
  const client = await connect(app)
  const channel = await client.join(logged, 'logged:1', { $resume } as never)
  const entries = (): unknown[] =>
    client.received.filter(({ event }) => event === 'said').map(({ ref, payload }) => [ref, payload])
  const { $resume: position } = channel.reply as { $resume: Position & { recovered: boolean } }
  return { client, channel, position, entries }
}

for (const { name, needs, start } of ENGINES.filter(({ name }) => name !== 'nats')) {
  test(
    `H18 over ${name} what a publisher with channels sends goes into the log that they declare`,
    needs,
    async (t) => {
      const engine = await start()
      t.after(() => engine.end())
      const channels = [logged]
      const [here, there] = [
        await node(t, engine.adapter(), { channels }),
        await node(t, engine.adapter(), { channels }),
      ]
      const ada = await follow(here.app, true)
      const bo = await follow(there.app, true)
      await bo.client.close()
      const publisher: Publisher = await createPublisher(engine.adapter(), { channels })
      t.after(() => publisher.close())
      publisher.broadcast('logged:1', 'said', 1)
      publisher.broadcast('logged:1', 'typing', 7)
      const position = await publisher.publish('logged:1', 'said', 2, { id: 'order-17' })
      assert.deepEqual(await publisher.publish('logged:1', 'said', 3, { id: 'order-17' }), position)
      assert.equal(position.offset, 2)
      publisher.broadcast('logged:1', 'said', 4)
      await publisher.close()

      const wanted = [
        ['@1', 1],
        ['@2', 2],
        ['@3', 4],
      ]
      await until('all came', () => ada.entries().length === 3)
      await ada.channel.expectPush('typing', 7)
      const back = await follow(there.app, { epoch: bo.position.epoch, offset: 0 })
      await until('it is told what it missed', () => back.entries().length === 3)
      assert.equal(back.position.recovered, true)
      for (const { entries } of [ada, back]) assert.deepEqual(entries(), wanted)
    },
  )
}

test('H18 a publisher that knows of no history refuses to publish, and one whose log is out of reach says so', async (t) => {
  const network = memoryNetwork()
  const [knowing, unknowing]: Publisher[] = [
    await createPublisher(network.adapter(), { channels: [logged] }),
    await createPublisher(network.adapter()),
  ]
  t.after(() => Promise.all([knowing?.close(), unknowing?.close()]))
  await assert.rejects(async () => unknowing?.publish('logged:1', 'said', 1), {
    code: 'BERYL_ERR_HISTORY_UNDECLARED',
    message: /that a publisher without `channels` knows of/,
  })
  await assert.rejects(async () => knowing?.publish('logged:1', 'typing', 1), {
    code: 'BERYL_ERR_HISTORY_UNDECLARED',
  })
  network.cut()
  knowing?.broadcast('logged:1', 'said', 1)
  const publishing = assert.rejects(async () => knowing?.publish('logged:1', 'said', 2), {
    code: 'BERYL_ERR_HISTORY_UNAVAILABLE',
  })
  await knowing?.close()
  await publishing
  assert.equal(knowing?.counts.dropped, 1)
  await assert.rejects(async () => knowing?.publish('logged:1', 'said', 3), { code: 'BERYL_ERR_NOT_RUNNING' })
  const logless = nats({ servers: 'nats://127.0.0.1:1' })
  await assert.rejects(createPublisher(logless, { channels: [logged] }), {
    code: 'BERYL_ERR_HISTORY_UNSUPPORTED',
  })
})

test('X14: a publisher refuses what no node could send, and nothing goes out', async (t) => {
  const network = memoryNetwork()
  const checked = await createPublisher(network.adapter(), { channels: [room] })
  const unchecked: Publisher = await createPublisher(network.adapter())
  t.after(() => Promise.all([checked.close(), unchecked.close()]))
  const send = (publisher: Publisher, ...message: readonly unknown[]) =>
    assert.throws.bind(assert, () => Reflect.apply(publisher.broadcast, publisher, [...message]))
  send(checked, 'hall:1', 'said', { n: 1 })({ code: 'BERYL_ERR_TOPIC_UNMATCHED' })
  send(checked, 'room:1', 'shouted', { n: 1 })({ code: 'BERYL_ERR_EVENT_UNDECLARED' })
  send(checked, 'room:1', 'said', { n: 'x' })({ code: 'BERYL_ERR_PAYLOAD_INVALID' })
  for (const publisher of [checked, unchecked]) {
    send(publisher, '', 'said', { n: 1 })({ code: 'BERYL_ERR_ARGUMENT' })
    send(publisher, 'room:1', 'phx_close', {})({ code: 'BERYL_ERR_ARGUMENT' })
    send(publisher, 'room:1', '', {})({ code: 'BERYL_ERR_ARGUMENT' })
    assert.throws(() => publisher.disconnect(''), { code: 'BERYL_ERR_ARGUMENT' })
  }
  send(unchecked, 'room:1', 'said', { n: 1n })({ code: 'BERYL_ERR_PAYLOAD_INVALID' })
  await assert.rejects(createPublisher({} as PubSubAdapter), { code: 'BERYL_ERR_ARGUMENT' })
  await assert.rejects(createPublisher(network.adapter(), { channel: [] } as object), {
    code: 'BERYL_ERR_OPTION_INVALID',
  })
  const twice = [room, defineChannel('room:*', { schema: {}, join: () => ({ assigns: {} }) })]
  await assert.rejects(createPublisher(network.adapter(), { channels: twice }), {
    code: 'BERYL_ERR_CHANNEL_DUPLICATE',
  })
})

suite('redis', need('redis-server'), () => {
  test('a publisher without a broker is an error with a sentence, and leaves nothing behind', async (t) => {
    const server = await RedisServer.start()
    t.after(() => server.end())
    await server.kill()
    const opening = createPublisher(redis({ url: server.url, connectTimeoutMs: 200 }))
    await assert.rejects(opening, { code: 'BERYL_ERR_BROKER', message: /out of reach for 200 ms/ })
  })

  const python = spawnSync('python3', ['--version']).status === 0
  test('X14: the envelope that docs/nodes.md writes in Python is understood by the nodes', {
    skip: python ? false : 'python3 is missing',
  }, async (t) => {
    const server = await RedisServer.start()
    t.after(() => server.end())
    const { app } = await node(t, redis({ url: server.url }), NAMED)
    const client = await connect(app)
    const channel = await client.join(room, 'room:1')
    app.groups.create('rooms')
    app.groups.add('rooms', 'room:1')
    const page = readFileSync(join(root, 'docs/nodes.md'), 'utf8')
    const [, sample = ''] = /```py\n(.*?)```/s.exec(page) ?? []
    const child = spawn('python3', ['-', String(server.port)], { stdio: ['pipe', 'inherit', 'inherit'] })
    child.stdin.end(sample)
    const [code] = await once(child, 'exit')
    assert.equal(code, 0)
    await channel.expectPush('said', { n: 1 })
    await channel.expectPush('said', { n: 2 })
    await client.expectClosed(1001)
  })
})
