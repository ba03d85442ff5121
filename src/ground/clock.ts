import { performance } from 'node:perf_hooks'
import * as timers from 'node:timers'

// Taken once, when the library is imported: tests that put fake timers into the globals (vitest, node:test, sinon) drive
// their own code with them, and not the server. The date is left to them.
const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate } = timers
const now = performance.now.bind(performance)

/**
 * The only user of timers and of time. Everything else is handed a {@link Clock}, so that tests can move a fake
 * one (`fastify-beryl/testing`) and nothing ever sleeps.
 */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary start. Never compare it with a wall clock. */
  now(): number
  /** Wall-clock milliseconds since the epoch: for showing to people, never for deciding. */
  date(): number
  /** Calls `callback` once, `ms` or later from now. */
  setTimeout(callback: () => void, ms: number): Timer
  /** Calls `callback` every `ms` until cancelled. Does not keep the process alive. */
  setInterval(callback: () => void, ms: number): Timer
  /** Calls `callback` once, after the I/O of this turn of the event loop. */
  setImmediate(callback: () => void): Timer
}

export const CLOCK_METHODS: readonly (keyof Clock)[] = [
  'now',
  'date',
  'setTimeout',
  'setInterval',
  'setImmediate',
]

/** A pending call. Cancelling twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void
}

/** Node runs a timer that is set for longer at once. Nearly 25 days. */
const LONGEST_MS = 2 ** 31 - 1

/** The clock of the machine. Timeouts keep the process alive, intervals do not. */
export const systemClock: Clock = {
  now,
  date: () => Date.now(),
  setTimeout(callback, ms) {
    const handle = setTimeout(callback, Math.min(ms, LONGEST_MS))
    return { cancel: () => clearTimeout(handle) }
  },
  setInterval(callback, ms) {
    const handle = setInterval(callback, Math.min(ms, LONGEST_MS)).unref()
    return { cancel: () => clearInterval(handle) }
  },
  setImmediate(callback) {
    const handle = setImmediate(callback)
    return { cancel: () => clearImmediate(handle) }
  },
}
