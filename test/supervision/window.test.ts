/** S32: the window trips exactly when it must, against a count by brute force. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RestartWindow } from '../../src/supervision/restart-policy.ts'
import { Lab } from './lab.ts'

const gaps = fc.array(fc.oneof(fc.nat({ max: 10 }), fc.constantFrom(0, 99, 100, 101)), {
  minLength: 1,
  maxLength: 30,
})
const intensity = fc.nat({ max: 4 })

/** The first crash that is one too many in some closed window of 100 ms; -1 if none is. */
function firstTrip(times: readonly number[], allowed: number): number {
  return times.findIndex(
    (now, index) => times.slice(0, index + 1).filter((time) => now - time <= 100).length > allowed,
  )
}

function timesOf(between: readonly number[]): number[] {
  let now = 0
  return between.map((gap) => {
    now += gap
    return now
  })
}

test('S28 S32 the pure window trips at exactly the first restart that is one too many', (t) => {
  let runs = 0
  fc.assert(
    fc.property(gaps, intensity, (between, allowed) => {
      runs += 1
      const times = timesOf(between)
      const window = new RestartWindow({ intensity: allowed, periodMs: 100 })
      const trip = times.findIndex((now) => window.record(now))
      assert.equal(trip, firstTrip(times, allowed))
    }),
    { numRuns: 5_000 },
  )
  t.diagnostic(`${runs} runs`)
})

test('S32 so does a supervisor, and its child was started once more than it was restarted', async (t) => {
  let runs = 0
  await fc.assert(
    fc.asyncProperty(gaps, intensity, async (between, allowed) => {
      runs += 1
      const lab = new Lab()
      const tree = await lab.supervise({ intensity: allowed, periodMs: 100, children: [lab.child('a')] })
      const trip = firstTrip(timesOf(between), allowed)
      let crashes = 0
      for (const gap of between) {
        await lab.clock.advance(gap)
        if (tree.state !== 'running') break
        await lab.exit('a')
        crashes += 1
      }
      assert.equal(tree.state, trip === -1 ? 'running' : 'exited')
      assert.equal(crashes, trip === -1 ? between.length : trip + 1)
      assert.equal(lab.startsOf('a'), trip === -1 ? between.length + 1 : trip + 1)
      await tree.stop()
    }),
    { numRuns: 300 },
  )
  t.diagnostic(`${runs} runs`)
})
