import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock, memoryNetwork } from '../../src/testing/index.ts'
import { Node, room } from '../history/lab.ts'

// limits.historyBytes: the bytes of all logs in the memory of a node, and of the ends of logs elsewhere.

const text = 'x'.repeat(1_000)

test('limits.historyBytes cuts the longest logs of a node, and the limit is reported', async () => {
  const clock = fakeClock()
  const node = await Node.start(clock, { channels: [room()], limits: { historyBytes: 20_000 } })
  for (let n = 0; n < 30; n++) await node.endpoint.outbound.publish('room:1', 'said', text, {})
  const { entries, offset } = await node.endpoint.outbound.history('room:1', {})
  assert.ok(entries.length < 20 && entries.length > 5, `${entries.length}`)
  assert.equal(offset, 30)
  assert.ok(node.events.includes('limits.historyBytes'))
})

test('limits.historyBytes cuts the ends of logs that an engine keeps', async () => {
  const clock = fakeClock()
  const pubsub = memoryNetwork({ clock }).adapter()
  const node = await Node.start(clock, { pubsub, channels: [room()], limits: { historyBytes: 20_000 } })
  const client = node.connect()
  client.join()
  await clock.settle()
  for (let n = 0; n < 30; n++) await node.endpoint.outbound.publish('room:1', 'said', text, {})
  await clock.settle()
  assert.equal(client.look().took.length, 30)
  assert.ok(node.events.includes('limits.historyBytes'))
  const late = node.connect()
  late.join({ epoch: client.epoch, offset: 0 })
  await clock.settle()
  assert.equal(late.look().recovered, false)
})

test('limits.historyBytes: false keeps all that size and ttlMs allow', async () => {
  const clock = fakeClock()
  const node = await Node.start(clock, { channels: [room()], limits: { historyBytes: false } })
  for (let n = 0; n < 90; n++) await node.endpoint.outbound.publish('room:1', 'said', text, {})
  const { entries } = await node.endpoint.outbound.history('room:1', {})
  assert.deepEqual([entries.length, node.events.includes('limits.historyBytes')], [90, false])
})
