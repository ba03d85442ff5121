import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Codec } from '../../src/protocol/message.ts'
import { Broadcast } from '../../src/pubsub/broadcast.ts'
import { TopicSubscribers } from '../../src/pubsub/subscribers.ts'
import { Listener, V1, V2 } from './lab.ts'

/** The codec, counting. */
function counting(codec: Codec): Codec & { count: number } {
  const counted = {
    ...codec,
    count: 0,
    encodeBroadcast(topic: string, event: string, payload: unknown) {
      counted.count++
      return codec.encodeBroadcast(topic, event, payload)
    },
  }
  return counted
}

test('a broadcast is encoded once for each codec that somebody speaks, and all get the same bytes', () => {
  const [v1, v2] = [counting(V1), counting(V2)]
  const broadcast = new Broadcast('room:1', 'said', { body: 'hi' })
  const frames = [v2, v1, v2, v2, v1].map((codec) => broadcast.frame(codec))
  assert.equal(v1.count, 1)
  assert.equal(v2.count, 1)
  assert.equal(frames[0], frames[2])
  assert.equal(frames[2], frames[3])
  assert.equal(frames[1], frames[4])
  assert.notEqual(frames[0], frames[1])
})

test('that a codec cannot carry the payload is found out once, too', () => {
  const v1 = counting(V1)
  const broadcast = new Broadcast('room:1', 'blob', Buffer.of(1))
  assert.equal(broadcast.frame(v1), null)
  assert.equal(broadcast.frame(v1), null)
  assert.equal(v1.count, 1)
  assert.notEqual(broadcast.frame(V2), null)
})

test('subscribers come and go in any order, and each that is there is delivered to once', () => {
  const topic = new TopicSubscribers()
  const listeners = Array.from({ length: 6 }, (_, n) => new Listener(`c${n}`))
  for (const listener of listeners) topic.add(listener)
  for (const gone of [0, 5, 2]) topic.remove(listeners[gone] as Listener)
  topic.remove(listeners[2] as Listener)
  topic.remove(new Listener())
  topic.deliver(new Broadcast('t', 'e', 1))
  assert.deepEqual(
    listeners.map(({ heard }) => heard.length),
    [0, 1, 0, 1, 1, 0],
  )
  assert.equal(topic.size, 3)
  topic.add(listeners[0] as Listener)
  topic.deliver(new Broadcast('t', 'e', 2))
  assert.equal(listeners[0]?.heard.length, 1)
})

test('a broadcast passes by one subscriber, or all of one connection', () => {
  const topic = new TopicSubscribers()
  const [a, b, c] = [new Listener('x'), new Listener('x'), new Listener('y')]
  for (const listener of [a, b, c]) topic.add(listener)
  topic.deliver(new Broadcast('t', 'but a', 1), a)
  topic.deliver(new Broadcast('t', 'but x', 1), 'x')
  assert.deepEqual(
    [a, b, c].map(({ heard }) => heard.map(([event]) => event)),
    [[], ['but a'], ['but a', 'but x']],
  )
})

test('a listener that throws harms nobody, and one that ends itself is not called again', () => {
  const topic = new TopicSubscribers()
  const heard: string[] = []
  const failures: unknown[] = []
  const once = (): void => {
    heard.push('once')
    topic.unlisten(once)
  }
  topic.listen(() => {
    throw new Error('broken')
  })
  topic.listen(once)
  topic.listen(() => void heard.push('always'))
  for (const n of [1, 2]) topic.notify(new Broadcast('t', 'e', n), (error) => failures.push(error))
  assert.deepEqual(heard, ['once', 'always', 'always'])
  assert.equal(failures.length, 2)
  assert.equal(topic.isEmpty, false)
})
