import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fakeClock } from 'fastify-beryl/testing'
import { MovedTimer } from '../../src/ground/moved-timer.ts'

const LEAST_MS = 100

/** Time passes; or the deadline is moved to so many milliseconds from now; or it is taken away. */
const step = fc.oneof(
  fc.record({ pass: fc.nat(250) }),
  fc.record({ move: fc.integer({ min: LEAST_MS, max: 3 * LEAST_MS }) }),
  fc.constant({ cancel: true } as const),
)

test('W114 a deadline that is moved again and again comes once, when it was set for last, and has one timer', () =>
  fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const clock = fakeClock(0)
      const came: number[] = []
      const expected: number[] = []
      let dueAt = Number.POSITIVE_INFINITY
      const timer = new MovedTimer(clock, LEAST_MS, (lateMs) => {
        assert.equal(lateMs, 0)
        came.push(clock.now())
      })
      const expectUntil = (now: number): void => {
        if (dueAt > now) return
        expected.push(dueAt)
        dueAt = Number.POSITIVE_INFINITY
      }
      for (const each of steps) {
        if ('pass' in each) {
          expectUntil(clock.now() + each.pass)
          await clock.advance(each.pass)
        } else if ('move' in each) {
          dueAt = clock.now() + each.move
          timer.move(each.move)
        } else {
          dueAt = Number.POSITIVE_INFINITY
          timer.cancel()
        }
        assert.ok(clock.pending <= 1)
      }
      expectUntil(clock.now() + 4 * LEAST_MS)
      await clock.advance(4 * LEAST_MS)
      assert.deepEqual(came, expected)
      assert.equal(clock.pending, 0)
    }),
  ))

test('W114 a deadline that comes while the process stands still tells how late it is', () => {
  let now = 0
  const pending: (() => void)[] = []
  const clock = {
    ...fakeClock(0),
    now: () => now,
    setTimeout: (run: () => void) => void pending.push(run) as never,
  }
  const late: number[] = []
  const timer = new MovedTimer(clock, LEAST_MS, (lateMs) => late.push(lateMs))
  timer.move(LEAST_MS)
  now = 450
  pending.shift()?.()
  assert.deepEqual(late, [350])
})
