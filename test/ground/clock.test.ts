import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/ground/clock.ts'

test('a timer of more than 25 days waits, where Node would run it at once', async () => {
  let ran = 0
  const timers = [
    systemClock.setTimeout(() => ran++, 2 ** 31),
    systemClock.setInterval(() => ran++, Number.MAX_SAFE_INTEGER),
  ]
  // Node would set them for 1 ms, so they would run before a timer of 5 ms that is set behind them.
  await new Promise<void>((resolve) => void systemClock.setTimeout(resolve, 5))
  for (const timer of timers) timer.cancel()
  assert.equal(ran, 0)
})
