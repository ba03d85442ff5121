import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import Fastify from 'fastify'
import beryl, { type BerylOptions, defineChannel, type PubSubAdapter } from 'fastify-beryl'
import { connect, fakeClock, memoryNetwork } from 'fastify-beryl/testing'
import { Type } from 'typebox'
import type { Clock } from '../../src/ground/clock.ts'
import { countingClock } from '../support/counting-clock.ts'

// Joins wait for the adapter, but not for ever.

const room = defineChannel('room:*', {
  schema: { out: { said: Type.Object({ n: Type.Integer() }) } },
  join: () => ({ assigns: {} }),
})

/** A node whose adapter confirms topics of channels when it is told to. */
async function nodeOn(clock: Clock, options: BerylOptions = {}) {
  const network = memoryNetwork()
  const inner = network.adapter()
  const held: (() => void)[] = []
  const adapter: PubSubAdapter = {
    name: 'slow',
    get status() {
      return inner.status
    },
    start: (...args) => inner.start(...args),
    publish: (...args) => inner.publish(...args),
    subscribe(topic) {
      if (!topic.startsWith('topic:')) return inner.subscribe(topic)
      return new Promise((resolve) => held.push(() => resolve(inner.subscribe(topic))))
    },
    unsubscribe: (topic) => inner.unsubscribe(topic),
    stop: () => inner.stop(),
  }
  const app = Fastify()
  await app.register(beryl, { channels: [room], pubsub: adapter, clock, presence: false, ...options })
  return { app, network, held }
}

/** The same, with another node, and time that stands still. */
async function slowNode(t: TestContext, options?: BerylOptions) {
  const clock = fakeClock()
  const { app, network, held } = await nodeOn(clock, options)
  const other = Fastify()
  await other.register(beryl, { channels: [room], pubsub: network.adapter(), presence: false })
  await other.ready()
  const unconfirmed: number[] = []
  app.channels.onTelemetry('pubsub.unconfirmed', (_) => void unconfirmed.push(_.joins))
  t.after(async () => {
    const closing = Promise.all([app.close(), other.close()])
    for (let n = 0; n < 8; n++) await clock.advance(1_000)
    await closing
  })
  return { app, other, clock, network, held, unconfirmed, client: await connect(app) }
}

test('X12: a join is answered ok after two seconds without a confirmation, is counted, and hears the others from then on', async (t) => {
  const { app, other, clock, held, unconfirmed, client } = await slowNode(t)
  const joining = client.join(room, 'room:1')
  let isIn = false
  void joining.then(() => {
    isIn = true
  })
  await clock.advance(1_999)
  assert.equal(isIn, false)
  await clock.advance(1)
  const channel = await joining
  assert.deepEqual(unconfirmed, [1])
  assert.equal(app.channels.status().pubsub?.unconfirmed, 1)
  const late = await (await connect(app)).join(room, 'room:1')
  assert.deepEqual(unconfirmed, [1, 1], 'who comes later does not wait at all')
  for (const confirm of held) confirm()
  await clock.settle()
  other.channels.broadcast('room:1', 'said', { n: 1 })
  await channel.expectPush('said', { n: 1 })
  await late.expectPush('said', { n: 1 })
})

test('X12: a join does not wait for an adapter that is down, nor does one that was waiting when it went', async (t) => {
  const { app, network, unconfirmed, client } = await slowNode(t)
  const waiting = client.join(room, 'room:1')
  await client.heartbeat()
  network.cut()
  await waiting
  await client.join(room, 'room:2')
  assert.deepEqual(unconfirmed, [1, 1])
  assert.equal(app.channels.status().pubsub?.status, 'down')
})

test('X12: where a join has less than two seconds, it is over before the wait for the adapter is', async (t) => {
  const { clock, held, unconfirmed, client } = await slowNode(t, { limits: { joinTimeoutMs: 1_000 } })
  const joining = assert.rejects(client.join(room, 'room:1'), /join_timeout/)
  await client.heartbeat()
  await clock.advance(1_000)
  await joining
  for (const confirm of held) confirm()
  assert.deepEqual(unconfirmed, [])
})

test('X12: a hundred joins that wait for the adapter have one timer between them, and none when it has confirmed', async (t) => {
  const clock = countingClock()
  const { app, held } = await nodeOn(clock)
  t.after(() => app.close())
  const client = await connect(app)
  await client.heartbeat()
  const before = clock.pending
  const joining = Array.from({ length: 100 }, (_, n) => client.join(room, `room:${n}`))
  await client.heartbeat()
  assert.equal(held.length, 100)
  assert.equal(clock.pending, before + 1)
  for (const confirm of held) confirm()
  await Promise.all(joining)
  assert.equal(clock.pending, before)
})

test('X9: a connectTimeoutMs that is not a second below pluginTimeout is refused, naming both', async (t) => {
  const app = Fastify({ pluginTimeout: 5_500 })
  t.after(() => app.close())
  const adapter = Object.assign(memoryNetwork().adapter(), { connectTimeoutMs: 5_000 })
  await assert.rejects(async () => app.register(beryl, { pubsub: adapter }), {
    code: 'BERYL_ERR_OPTION_INVALID',
    message:
      "option 'pubsub.connectTimeoutMs': wanted at least 1000 less than Fastify's option pluginTimeout, which is 5500, got 5000",
  })
})
