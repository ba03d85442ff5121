import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryNetwork } from 'fastify-beryl/testing'
import type { PubSubAdapter } from '../../src/pubsub/adapter.ts'
import { encodeEnvelope } from '../../src/pubsub/envelope.ts'
import { delivered, Listener, Node } from './lab.ts'

const MIB = 1_024 * 1_024

/** A node on an adapter that carries so many bytes, given an envelope of so many that another program wrote. */
async function heard(maxMessageBytes: number | undefined, bytes: number): Promise<[number, string[]]> {
  const network = memoryNetwork()
  const inner = network.adapter()
  const adapter: PubSubAdapter = {
    name: 'bounded',
    maxMessageBytes,
    status: 'up',
    start: (...args) => inner.start(...args),
    publish: (...args) => inner.publish(...args),
    subscribe: (topic) => inner.subscribe(topic),
    unsubscribe: (topic) => inner.unsubscribe(topic),
    stop: () => inner.stop(),
  }
  const node = new Node('a', adapter)
  await node.pubsub.start()
  const listener = new Listener()
  node.join('room:1', listener)
  const envelope = {
    kind: 'broadcast',
    node: 'z',
    run: 1,
    sequence: 1,
    topic: 'room:1',
    event: 'said',
    connectionId: undefined,
  } as const
  const head = encodeEnvelope({ ...envelope, payload: '' }).length
  network.inject('topic:room:1', encodeEnvelope({ ...envelope, payload: 'x'.repeat(bytes - head) }))
  await delivered()
  node.pubsub.kill()
  return [listener.heard.length, node.dropped]
}

test('X11 what is longer than the adapter carries is ignored and counted: no node has sent it', async () => {
  const limit = 2 * MIB
  assert.deepEqual(await heard(limit, limit), [1, []])
  assert.deepEqual(await heard(limit, limit + 1), [0, ['longer than the adapter carries']])
  assert.deepEqual(await heard(MIB - 1_024, 20 * MIB), [0, ['longer than the adapter carries']])
})

test('X11 a node whose server carries less takes what the others may say, up to 1 MiB', async () => {
  assert.deepEqual(await heard(65_536, MIB), [1, []])
  assert.deepEqual(await heard(65_536, MIB + 1), [0, ['longer than the adapter carries']])
})

test('X11 an adapter that names no limit has none', async () => {
  assert.deepEqual(await heard(undefined, 4 * MIB), [1, []])
})
