import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Clock } from '../../src/ground/clock.ts'
import { Rate } from '../../src/ground/rate.ts'
import { Watch } from '../../src/ground/watch.ts'
import { Meter } from '../../src/session/meter.ts'
import { check } from '../support/property.ts'

// The count of each topic outlives the channel, and is forgotten in time and in number.

const meterOf = (perSecond: number): Meter =>
  new Meter({
    messages: undefined,
    channelMessages: new Rate({ perSecond, burst: 1 }),
    bytes: undefined,
    joins: undefined,
    heartbeats: new Rate({ perSecond: 1 }),
  })

test('a channel that ended has its bucket kept until it is full again', () => {
  const meter = meterOf(1)
  assert.equal(meter.channelMessage(0, 'room:1'), 0)
  meter.forget('room:1', 10)
  assert.equal(meter.channelMessage(20, 'room:1'), 980)
  meter.forget('room:1', 1_000)
  assert.equal(meter.channelMessage(1_000, 'room:1'), 0)
})

test('who goes from topic to topic has no more than 1,024 counted: the oldest are forgotten', () => {
  const meter = meterOf(0.001)
  const count = 5_000
  for (let n = 0; n < count; n++) {
    assert.equal(meter.channelMessage(n, `room:${n}`), 0)
    meter.forget(`room:${n}`, n)
  }
  const kept = (n: number): boolean => meter.channelMessage(count, `room:${n}`) > 0
  assert.equal(kept(count - 1), true)
  assert.equal(kept(count - 1_024), true)
  assert.equal(kept(count - 1_025), false)
})

// A meter at rest is let go, and another is made for a client that sends something.

const RATES = {
  messages: new Rate({ perSecond: 1, burst: 3 }),
  channelMessages: new Rate({ perSecond: 2, burst: 3 }),
  bytes: new Rate({ perSecond: 100, burst: 300 }),
  joins: new Rate({ perSecond: 1, burst: 2 }),
  heartbeats: new Rate({ perSecond: 1 }),
}

const ROUND_MS = 500

/** The time, and the looks that tell for how long it stood still. */
class Hours {
  now = 0
  #look = (): void => {}
  #nextLook = ROUND_MS
  readonly watch = new Watch(this.#clock, ROUND_MS, () => {})

  get #clock(): Clock {
    const setInterval = (look: () => void): object => {
      this.#look = look
      return { cancel() {} }
    }
    return { now: () => this.now, setInterval } as unknown as Clock
  }

  pass(ms: number, standsStill: boolean): void {
    const end = this.now + ms
    if (standsStill) {
      this.now = end
      return
    }
    for (let next = Math.max(this.#nextLook, this.now); next <= end; next += ROUND_MS) {
      this.now = next
      this.#look()
      this.#nextLook = next + ROUND_MS
    }
    this.now = end
  }
}

const WHATS = ['message', 'channel', 'join', 'heartbeat', 'refused', 'look'] as const

/** A client that does few things, at its own pace. */
const client = fc
  .record({
    whats: fc.subarray([...WHATS], { minLength: 1, maxLength: 3 }),
    paceMs: fc.constantFrom(30, 400, 900, 4_000),
    stillOneIn: fc.constantFrom(4, 20),
    bytes: fc.constantFrom(0, 290),
  })
  .chain(({ whats, paceMs, stillOneIn, bytes }) =>
    fc.array(
      fc.record({
        ms: fc.oneof(fc.nat(30), fc.nat(paceMs)),
        standsStill: fc.nat(stillOneIn).map((n) => n === 0),
        what: fc.constantFrom(...whats, 'look' as const),
        bytes: fc.constant(bytes),
        topic: fc.constantFrom('room:1', 'room:2'),
      }),
      { minLength: 10, maxLength: 60 },
    ),
  )

test('a client is told the same whether its meter is let go at rest or kept', (t) => {
  let letGo = 0
  check(t, 5_000, client, (steps) => {
    const hours = new Hours()
    const made = (): Meter => new Meter(RATES, hours.watch)
    const kept = made()
    let current = made()
    for (const { ms, standsStill, what, bytes, topic } of steps) {
      hours.pass(ms, standsStill)
      const { now } = hours
      const ask = (meter: Meter): unknown => {
        if (what === 'message') return meter.message(now, bytes)
        if (what === 'channel') return meter.channelMessage(now, topic)
        if (what === 'join') return meter.join(now)
        if (what === 'heartbeat') return meter.heartbeat(now, bytes)
        return what === 'refused' && meter.isFlooding(now)
      }
      assert.equal(ask(current), ask(kept))
      if (what === 'look' && current.isAtRest(now)) {
        current = made()
        letGo++
      }
    }
  })
  assert.ok(letGo > 100, `let go ${letGo} times`)
})
