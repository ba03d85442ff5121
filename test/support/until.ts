import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'

/**
 * Waits for what events bring about: looks again after each turn of the event loop.
 *
 * @param what What never happened, where it does not.
 */
export async function until(
  what: string | (() => string),
  isTrue: () => boolean,
  deadlineMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + deadlineMs
  while (!isTrue()) {
    if (performance.now() >= deadline) assert.fail(`never: ${typeof what === 'string' ? what : what()}`)
    await setImmediate()
  }
}
