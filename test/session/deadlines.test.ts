import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import type { Clock } from '../../src/ground/clock.ts'
import { Deadline } from '../../src/ground/deadline.ts'
import { patience, Watch } from '../../src/ground/watch.ts'
import { defineChannel } from '../../src/index.ts'
import { Endpoint } from '../../src/node/endpoint.ts'
import { resolveOptions } from '../../src/node/options.ts'
import { v2 } from '../../src/protocol/v2.ts'
import { Backlog, type SlowReader } from '../../src/session/backlog.ts'
import type { Session } from '../../src/session/session.ts'
import type { Wire } from '../../src/session/wire.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'

// The drain's deadline over every combination of what may take long, and who judges others while the loop stands still.

const room = defineChannel('room:*', {
  schema: { in: {} },
  join: () => new Promise<never>(() => {}),
  in: {},
})

/** A client that answers a close after so long, or never, and is gone when it is cut. */
class Client implements Wire {
  bufferedBytes = 0
  sentBytes = 0
  bytesRead = 0
  session: Session | undefined
  readonly seen: string[] = []
  readonly #clock: Clock
  readonly #answerMs: number

  constructor(clock: Clock, answerMs: number) {
    this.#clock = clock
    this.#answerMs = answerMs
  }

  write(): void {}

  close(code: number): void {
    this.seen.push(`close ${code}`)
    if (Number.isFinite(this.#answerMs)) this.#clock.setTimeout(() => this.#gone(code), this.#answerMs)
  }

  terminate(): void {
    this.seen.push('cut')
    this.#gone(1006)
  }

  pause(): void {}

  resume(): void {}

  #gone(code: number): void {
    this.session?.disconnected(code)
  }
}

for (const timeoutMs of [1, 1_000, 30_000]) {
  for (const pauseMs of [0, 700]) {
    for (const handlerMs of [0, 9_000]) {
      for (const closeMs of [0, 8_000]) {
        for (const answerMs of [0, 600, Number.POSITIVE_INFINITY]) {
          for (const hangs of [false, true]) {
            const title = `${timeoutMs} ms with pauses of ${pauseMs}, handlers ${hangs ? 'that hang' : 'done'} of ${handlerMs}, closes of ${closeMs}, answers after ${answerMs}`
            test(`a drain keeps to its deadline: ${title}`, async () => {
              const clock = fakeClock()
              const drain = { batch: 2, timeoutMs, pauseMs, handlerMs, closeMs }
              const endpoint = new Endpoint(resolveOptions({ channels: [room], clock, drain }))
              endpoint.host.attach(Fastify())
              await endpoint.startPubSub()
              const sessions = endpoint.startSessions()
              const clients = Array.from({ length: 7 }, (_, n) => {
                const wire = new Client(clock, answerMs)
                const id = endpoint.makeConnectionId()
                const connection = {
                  id,
                  assigns: {} as never,
                  ip: '',
                  transport: 'test',
                  connectedAt: 0,
                } as const
                const admission = {
                  connection,
                  codec: v2,
                  connectionTopic: undefined,
                  expiresAt: undefined,
                  renew: undefined,
                }
                wire.session = sessions.open(admission, wire, endpoint.terms)
                if (hangs) wire.session.receive(Buffer.from(`["1","1","room:${n}","phx_join",{}]`), false)
                return wire
              })
              let endedAt = Number.POSITIVE_INFINITY
              void sessions.drain().then(() => {
                endedAt = clock.now()
              })
              await clock.advance(timeoutMs)
              assert.ok(endedAt <= timeoutMs, `ended after ${endedAt}`)
              assert.equal(sessions.connectionCount, 0)
              for (const { seen } of clients) assert.equal(seen[0], 'close 1012')
            })
          }
        }
      }
    }
  }
}

test('parts of a deadline end by it, and pauses too', async () => {
  const clock = fakeClock()
  const deadline = new Deadline(clock, 1_000)
  const order: string[] = []
  void deadline.pause(5_000).then(() => order.push(`paused until ${clock.now()}`))
  void deadline.wait(new Promise(() => {})).then(() => order.push(`waited until ${clock.now()}`))
  await clock.advance(600)
  assert.deepEqual([deadline.leftMs, deadline.within(300), deadline.within(500)], [400, 300, 400])
  await clock.advance(5_000)
  assert.deepEqual(order, ['paused until 1000', 'waited until 1000'])
})

/** A clock whose timers run late: while the loop stands still none does, and afterwards all that are due at once. */
function standingClock() {
  const clock = fakeClock()
  let aheadMs = 0
  const standing: Clock = { ...clock, now: () => clock.now() + aheadMs }
  return {
    clock,
    standing,
    /** The loop stands still for so long. */
    stand(ms: number): void {
      aheadMs += ms
    },
  }
}

for (const standMs of [3_000, 11_000, 120_000]) {
  test(`a reader that had no chance to read for ${standMs} ms of our own is not cut, and one that does not read is`, async () => {
    const { clock, standing, stand } = standingClock()
    const limits = { maxBufferedBytes: 1e9, stallMs: 10_000, maxTotalBytes: 1e9 }
    const backlog = new Backlog(limits, standing)
    const cuts: string[] = []
    const reader: SlowReader = {
      wire: { bufferedBytes: 10, sentBytes: 0 } as Wire,
      isGone: false,
      cut: (limit) => void cuts.push(limit),
      caughtUp() {},
    }
    backlog.add(reader, 0)
    await clock.advance(1_000)
    stand(standMs)
    await clock.advance(1_000)
    assert.deepEqual(cuts, [])
    await clock.advance(10_000)
    assert.deepEqual(cuts, ['stallMs'])
  })

  test(`a watch has no more than one round of ${standMs} ms in which the loop stood still`, async () => {
    const { clock, standing, stand } = standingClock()
    const watch = new Watch(standing, 1_000, () => {})
    await clock.advance(2_000)
    stand(standMs)
    assert.ok(watch.now <= 3_250, `${watch.now}`)
    watch.stop()
    assert.equal(clock.pending, 0)
  })

  test(`who has 5,000 ms is given back what ${standMs} ms of standing still took from him, once`, async () => {
    const { clock, standing, stand } = standingClock()
    let isLate = false
    patience(standing, 5_000, () => {
      isLate = true
    })
    stand(standMs)
    await clock.advance(5_000)
    assert.equal(isLate, false)
    await clock.advance(5_000)
    assert.equal(isLate, true)
  })
}

test('a reader that is gone does not come back into the backlog, and a closing one stays until its socket is gone', async () => {
  const clock = fakeClock()
  const backlog = new Backlog({ maxBufferedBytes: 1e9, stallMs: 1e9, maxTotalBytes: 100 }, clock)
  const wire = { bufferedBytes: 100, sentBytes: 0 } as Wire
  const reader = { wire, isGone: false, cut() {}, caughtUp() {} }
  backlog.add(reader, 0)
  assert.equal(clock.pending, 1)
  reader.isGone = true
  backlog.delete(reader)
  // As the last flush of a turn does.
  backlog.add(reader, 100)
  assert.equal(clock.pending, 0)
  assert.equal(backlog.isFull, false)
})
