import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock, memoryNetwork } from '../../src/testing/index.ts'
import { Node, room } from './lab.ts'

// Abuse of a history, and its price: each has a bound.

async function stage(hooks: Parameters<typeof room>[0] = {}, options: object = {}) {
  const clock = fakeClock()
  const network = memoryNetwork({ clock })
  const node = await Node.start(clock, { pubsub: network.adapter(), channels: [room(hooks)], ...options })
  const say = (payload: unknown): void => node.endpoint.outbound.broadcast('room:1', 'said', payload)
  return { clock, network, node, say }
}

test('H5 a client that is ahead again and again makes the node read once in 100 ms, whoever joins with it', async () => {
  const { clock, node } = await stage({}, { limits: { joins: false, messages: false } })
  const first = node.connect()
  first.join()
  await clock.settle()
  const { epoch } = first.look()
  const before = node.reads()
  const clients = Array.from({ length: 50 }, () => node.connect())
  for (let round = 0; round < 10; round++) {
    for (const client of clients) client.join({ epoch, offset: 2 ** 53 - 1 - round })
    await clock.advance(100)
  }
  assert.ok(node.reads() - before <= 11, `${node.reads() - before}`)
  for (const client of clients) assert.equal(client.look().recovered, false)
})

test('H12 H14 ten thousand clients that come back at once after a restart cost two reads', async () => {
  const { clock, node, say } = await stage()
  const first = node.connect()
  first.join()
  await clock.settle()
  for (let n = 0; n < 5; n++) say(n)
  await clock.settle()
  const { epoch } = first.look()
  first.raw.session.disconnected(1006)
  await clock.settle()
  const before = node.reads()
  const clients = Array.from({ length: 10_000 }, () => node.connect())
  for (const client of clients) client.join({ epoch, offset: 0 })
  await clock.settle()
  await clock.advance(100)
  assert.ok(node.reads() - before <= 2, `${node.reads() - before}`)
  for (const client of clients) assert.equal(client.look().took.length, 5)
})

test('H12 a topic that is written ten thousand times keeps its size, on the node and in the log', async () => {
  const { clock, node, say } = await stage()
  const client = node.connect()
  client.join()
  await clock.settle()
  for (let n = 0; n < 10_000; n++) {
    say(n)
    if (n % 500 === 0) await clock.settle()
  }
  await clock.settle()
  const { entries, offset } = await node.endpoint.outbound.history('room:1', {})
  assert.deepEqual([entries.length, offset], [100, 10_000])
  assert.equal(client.look().took.length, 10_000)
})

test('H6 a payload at the limit of a message is logged and sent again whole', async () => {
  const { clock, node, say } = await stage()
  const before = node.connect()
  before.join()
  await clock.settle()
  before.look().raw.session.disconnected(1006)
  const payload = 'ü'.repeat(65_000)
  say(payload)
  await clock.settle()
  const after = before.moveTo(node.connect())
  after.join()
  await clock.advance(200)
  assert.deepEqual(after.look().took, [[1, payload]])
})

test('H2 a ttl that passes between the join and the read tells the client that it has not all', async () => {
  const { clock, node, say } = await stage({ history: { ttlMs: 50 } })
  const before = node.connect()
  before.join()
  await clock.settle()
  say('a')
  await clock.settle()
  const { epoch, offset } = before.look()
  assert.equal(offset, 1)
  say('b')
  await clock.settle()
  const after = node.connect()
  // A node that has to read again: it waits 100 ms, and by then the entries are gone.
  node.endpoint.history?.unheard('room:1')
  after.join({ epoch, offset: 1 })
  await clock.advance(0)
  after.look()
  assert.equal(after.recovered, true)
  await clock.advance(60)
  const late = node.connect()
  late.join({ epoch, offset: 1 })
  await clock.advance(200)
  late.look()
  assert.deepEqual([late.recovered, late.took], [false, []])
})
