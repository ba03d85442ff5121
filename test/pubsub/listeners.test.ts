import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { Broadcast } from '../../src/pubsub/broadcast.ts'
import { type TopicListener, TopicListeners } from '../../src/pubsub/listeners.ts'
import { check } from '../support/property.ts'
import { delivered, threeNodes } from './lab.ts'

const fails = (error: unknown): void => assert.fail(String(error))

/** Of each listener: what it broadcasts when it hears an event for the first time. Events are numbers, as they were made. */
const answers = fc.array(fc.array(fc.nat(3), { maxLength: 6 }), { minLength: 1, maxLength: 4 })

test('W131 all listeners of a topic hear all in the order in which it was broadcast, whoever answers what', () => {
  fc.assert(
    fc.property(answers, fc.integer({ min: 1, max: 5 }), (plans, firsts) => {
      const listeners = new TopicListeners()
      const heard: number[][] = plans.map(() => [])
      let made = 0
      const broadcast = (): void => listeners.notify(new Broadcast('room:1', 'said', made++), fails)
      for (const [index, plan] of plans.entries())
        listeners.add(({ payload }) => {
          heard[index]?.push(payload as number)
          // Each plan is played once: no more answers than it has.
          for (let left = plan.shift() ?? 0; left > 0; left--) broadcast()
        })
      for (let first = 0; first < firsts; first++) broadcast()
      const all = Array.from({ length: made }, (_, n) => n)
      for (const each of heard) assert.deepEqual(each, all)
    }),
  )
})

test('W131 over the pubsub too, where a listener of telemetry answers as well', async (t) => {
  const { nodes } = await threeNodes(t)
  const [{ pubsub, telemetry }] = nodes
  const heard: unknown[][] = [[], [], []]
  const say = (n: number): void => pubsub.broadcast('room:1', 'said', n)
  telemetry.on('broadcast.sent', () => made < 4 && say(++made))
  let made = 1
  pubsub.listen('room:1', ({ payload }) => {
    heard[0]?.push(payload)
    if (made < 3) say(++made)
  })
  pubsub.listen('room:1', ({ payload }) => void heard[1]?.push(payload))
  nodes[1].pubsub.listen('room:1', ({ payload }) => void heard[2]?.push(payload))
  say(1)
  await delivered()
  for (const each of heard) assert.deepEqual(each, [1, 2, 3, 4])
})

test('W131 one that comes while others are told hears what is broadcast from then on; one that goes hears no more', () => {
  const listeners = new TopicListeners()
  const heard: string[] = []
  const broadcast = (n: number): void => listeners.notify(new Broadcast('room:1', 'said', n), fails)
  const hears =
    (name: string): TopicListener =>
    ({ payload }) =>
      void heard.push(`${name} ${payload}`)
  const [late, early] = [hears('late'), hears('early')]
  listeners.add(({ payload }) => {
    if (payload !== 1) return
    broadcast(2)
    listeners.add(late)
    broadcast(3)
    listeners.remove(early)
  })
  listeners.add(early)
  broadcast(1)
  assert.deepEqual(heard, ['late 3'])
})

test('each broadcast is heard by those who listened when it was made and still do, whoever comes and goes meanwhile', (t) => {
  const NAMES = ['ann', 'bob', 'cem', 'dot']
  const act = fc.record({
    does: fc.constantFrom('comes' as const, 'goes' as const, 'broadcast' as const),
    name: fc.constantFrom(...NAMES),
  })
  // The acts from outside, and those of listeners: a list for each time that one of them hears something.
  const cases = fc.tuple(
    fc.array(act, { maxLength: 12 }),
    fc.array(fc.array(act, { maxLength: 4 }), { maxLength: 12 }),
  )
  check(t, 500, cases, ([first, answers]) => {
    const listeners = new TopicListeners()
    const there = new Map<string, TopicListener>()
    const expected: { n: number; left: TopicListener[] }[] = []
    const play = ({ does, name }: { does: 'comes' | 'goes' | 'broadcast'; name: string }): void => {
      const known = there.get(name)
      if (does === 'comes' && known === undefined) {
        const listener: TopicListener = ({ payload }) => hear(listener, payload as number)
        there.set(name, listener)
        listeners.add(listener)
      } else if (does === 'goes' && known !== undefined) {
        there.delete(name)
        listeners.remove(known)
        for (const one of expected) one.left = one.left.filter((each) => each !== known)
      } else if (does === 'broadcast') {
        expected.push({ n: made, left: [...there.values()] })
        listeners.notify(new Broadcast('room:1', 'said', made++), fails)
      }
    }
    const hear = (who: TopicListener, n: number): void => {
      const next = expected.find(({ left }) => left.length > 0)
      assert.deepEqual([next?.n, next?.left.shift()], [n, who])
      for (const each of answers.shift() ?? []) play(each)
    }
    let made = 0
    for (const each of first) play(each)
    assert.ok(expected.every(({ left }) => left.length === 0))
    assert.equal(listeners.isEmpty, there.size === 0)
  })
})

test('W131 bytes are told as they were when they were broadcast', () => {
  const listeners = new TopicListeners()
  const heard: unknown[] = []
  const bytes = Buffer.from([1])
  listeners.add(({ event }) => {
    if (event !== 'first') return
    listeners.notify(new Broadcast('room:1', 'blob', bytes), fails)
    bytes[0] = 2
  })
  listeners.add(({ payload }) => void heard.push(payload))
  listeners.notify(new Broadcast('room:1', 'first', null), fails)
  assert.deepEqual(heard, [null, Buffer.from([1])])
})

test('W131 listeners that answer each other without end are told to stop, and the next broadcast is heard', () => {
  const listeners = new TopicListeners()
  const failures: unknown[] = []
  let heard = 0
  const broadcast = (n: number): void =>
    listeners.notify(new Broadcast('room:1', 'said', n), (error) => failures.push(error))
  listeners.add(({ payload }) => {
    heard++
    if (payload === 0) broadcast(0)
  })
  broadcast(0)
  assert.equal(heard, 1_000)
  assert.equal(failures.length, 1)
  assert.match(String(failures[0]), /listeners of room:1 answer each other/)
  broadcast(1)
  assert.equal(heard, 1_001)
})
