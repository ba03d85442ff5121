import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PubSubAdapter } from '../../src/index.ts'
import { SlowClient } from './slow-wire.ts'
import { stage } from './stage.ts'

/** An adapter that counts who asks for what. */
function countingAdapter(): PubSubAdapter & { topics: string[] } {
  const topics: string[] = []
  return {
    name: 'counting',
    topics,
    status: 'up',
    start: () => {},
    stop: () => {},
    publish: (topic) => void topics.push(topic),
    subscribe: (topic) => void topics.push(topic),
    unsubscribe: (topic) => void topics.push(topic),
  }
}

/** The engine itself may come to need so much meanwhile: 25 bytes a join. An entry in a map costs more. */
const HEAP_BYTES = 1_000_000
/** Until the engine has compiled what it will. */
const WARM_UP = 30
const ROUNDS = 200
const JOINS_PER_ROUND = 200

test('nothing exists for a topic before its join was allowed: refused joins leave everything as it was', async (t) => {
  assert.ok(globalThis.gc, 'needs --expose-gc')
  const adapter = countingAdapter()
  const { app, clock } = await stage(t, {
    pubsub: adapter,
    limits: { joins: false, messages: false, bytesPerSecond: false, channelMessages: { perSecond: 1 } },
  })
  const client = await SlowClient.connect(app)
  const round = async (number: number): Promise<void> => {
    for (let n = 0; n < JOINS_PER_ROUND; n += 4) {
      const id = `${number}.${n}`
      client.send('1', '1', `room:refused-${id}`, 'phx_join', { refuse: true })
      client.send('1', '1', `room:invalid-${id}`, 'phx_join', { refuse: 'yes' })
      client.send('1', '1', `nowhere:${id}`, 'phx_join', {})
      client.send('1', '1', `room:${'x'.repeat(256)}${id}`, 'phx_join', {})
    }
    await clock.settle()
    assert.equal(client.received.length, JOINS_PER_ROUND)
    for (const [, , , , payload] of client.received) {
      assert.equal((payload as { status: string }).status, 'error')
    }
    client.received.length = 0
  }
  for (let number = 0; number < WARM_UP; number++) await round(number)
  adapter.topics.length = 0
  const timers = clock.pending
  globalThis.gc()
  const before = process.memoryUsage().heapUsed
  for (let number = 0; number < ROUNDS; number++) await round(WARM_UP + number)
  globalThis.gc()
  const grown = process.memoryUsage().heapUsed - before
  const { channels, topics } = app.channels.status()
  assert.deepEqual([channels, topics, clock.pending], [0, 0, timers])
  assert.deepEqual(adapter.topics, [], 'the broker was not asked')
  assert.ok(grown < HEAP_BYTES, `the heap grew by ${grown} bytes`)
  t.diagnostic(`${ROUNDS * JOINS_PER_ROUND} refused joins: the heap grew by ${grown} bytes`)
})
