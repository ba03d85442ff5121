import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Rate } from '../../src/ground/rate.ts'

/** The number of attempts at these times that are let through. */
function passes(rate: Rate, times: readonly number[], cost = 1): number[] {
  let due = 0
  return times.filter((now) => {
    if (rate.waitMs(due, now, cost) > 0) return false
    due = rate.charge(due, now, cost)
    return true
  })
}

test('a full bucket allows its burst at once, and then one each interval', () => {
  const rate = new Rate({ perSecond: 10, burst: 3 })
  assert.deepEqual(passes(rate, [0, 0, 0, 0, 50, 99, 100, 150, 200]), [0, 0, 0, 100, 200])
})

test('the burst is twice the rate where nobody says', () => {
  assert.equal(passes(new Rate({ perSecond: 5 }), Array(100).fill(0)).length, 10)
})

test('whoever waits as long as he was told is let through, and not a millisecond earlier', () => {
  fc.assert(
    fc.property(
      fc.record({
        perSecond: fc.double({ min: 0.1, max: 10_000, noNaN: true }),
        burst: fc.integer({ min: 1, max: 100 }),
      }),
      fc.integer({ min: 1, max: 200 }),
      (options, attempts) => {
        const rate = new Rate(options)
        let due = 0
        for (let n = 0; n < attempts; n++) {
          const waitMs = rate.waitMs(due, 0)
          if (waitMs > 0) {
            assert.equal(rate.waitMs(due, waitMs), 0)
            assert.ok(rate.waitMs(due, waitMs - 1) > 0)
            return
          }
          due = rate.charge(due, 0)
        }
      },
    ),
  )
})

test('in the long run no more passes than the rate, whatever the times of the attempts', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 300 }), (gaps) => {
      const times = gaps.map((_, index) => gaps.slice(0, index + 1).reduce((sum, gap) => sum + gap, 0))
      const passed = passes(new Rate({ perSecond: 4, burst: 2 }), times)
      const span = (times.at(-1) ?? 0) / 1_000
      assert.ok(passed.length <= 2 + span * 4 + 1e-9)
    }),
  )
})

test('what costs more than a whole bucket passes when the bucket is full, and is paid for afterwards', () => {
  const rate = new Rate({ perSecond: 100, burst: 100 })
  assert.equal(rate.waitMs(0, 0, 1_000), 0)
  const due = rate.charge(0, 0, 1_000)
  assert.equal(due, 10_000)
  assert.equal(rate.waitMs(due, 0, 1), 9_010)
  assert.equal(rate.waitMs(due, 9_010, 1), 0)
  assert.equal(rate.waitMs(due, 9_999, 1_000), 1)
  assert.equal(rate.waitMs(due, 10_000, 1_000), 0)
})

test('a rate below one in a second lets one through', () => {
  assert.deepEqual(passes(new Rate({ perSecond: 0.1 }), [0, 1, 5_000, 10_000]), [0, 10_000])
})

test('what waited for us while we stood still passes, where it would have passed in time', () => {
  fc.assert(
    fc.property(
      fc.record({
        perSecond: fc.integer({ min: 1, max: 100 }),
        burst: fc.integer({ min: 1, max: 50 }),
        times: fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 200 }),
        stoodAt: fc.integer({ min: 0, max: 20_000 }),
        stoodMs: fc.integer({ min: 1, max: 10_000 }),
      }),
      ({ perSecond, burst, times, stoodAt, stoodMs }) => {
        const rate = new Rate({ perSecond, burst })
        const sorted = [...times].sort((a, b) => a - b)
        const polite = passes(rate, sorted)
        let due = 0
        for (const sentAt of polite) {
          const waited = sentAt >= stoodAt && sentAt < stoodAt + stoodMs
          const [now, since] = waited ? [stoodAt + stoodMs, stoodAt] : [sentAt, sentAt]
          assert.equal(rate.waitMs(due, now, 1, since), 0)
          due = rate.charge(due, since)
        }
      },
    ),
  )
})

test('a pause of ours is worth what could have come in it, and no more', () => {
  const rate = new Rate({ perSecond: 10, burst: 3 })
  let due = 0
  let passed = 0
  while (rate.waitMs(due, 5_000, 1, 3_000) === 0) {
    due = rate.charge(due, 3_000)
    passed++
  }
  assert.equal(passed, 3 + 20)
})
