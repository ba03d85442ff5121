import { checkFunction, refuseArgument } from '../ground/argument.ts'
import type { Clock, Timer } from '../ground/clock.ts'

interface Pending extends Timer {
  readonly at: number
  readonly callback: () => void
}

/** A clock that stands still until it is told to move. */
export interface FakeClock extends Clock {
  /**
   * Moves time forward by `ms`, runs every timer that falls due at its own time and in order, and lets the promises
   * that each one starts settle before the next. Resolves when all that has settled.
   */
  advance(ms: number): Promise<void>
  /** Lets everything that is ready now (immediates, promises) run, without moving time. */
  settle(): Promise<void>
  /** The number of timers and immediates that are pending, for a leak test. */
  readonly pending: number
}

/** Makes a {@link FakeClock} that begins at 0 (monotonic) and at `date` (wall clock, default 2026-01-01). */
export function fakeClock(date = Date.UTC(2026, 0, 1)): FakeClock {
  checkTime('fakeClock', 'date', date, -Number.MAX_VALUE, Number.MAX_VALUE)
  const timers = new Set<Pending>()
  const immediates = new Set<() => void>()
  let now = 0

  function schedule(callback: () => void, ms: number): Timer {
    const timer: Pending = { at: now + Math.max(0, ms), callback, cancel: () => void timers.delete(timer) }
    timers.add(timer)
    return timer
  }

  function nextDue(until: number): Pending | undefined {
    let next: Pending | undefined
    for (const timer of timers)
      if (timer.at <= until && (next === undefined || timer.at < next.at)) next = timer
    return next
  }

  /** Several real turns: promise chains that pass through I/O (a socket, a stream) need more than microtasks. */
  async function realTurns(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
  }

  async function settle(): Promise<void> {
    await realTurns()
    while (immediates.size > 0) {
      for (const run of [...immediates]) if (immediates.delete(run)) run()
      await realTurns()
    }
  }

  return {
    now: () => now,
    date: () => date + now,
    setTimeout(callback, ms) {
      checkFunction('fakeClock.setTimeout', 'callback', callback)
      checkTime('fakeClock.setTimeout', 'ms', ms, Number.NEGATIVE_INFINITY)
      return schedule(callback, ms)
    },
    setInterval(callback, ms) {
      checkFunction('fakeClock.setInterval', 'callback', callback)
      // At 0 it would never let time move on.
      checkTime('fakeClock.setInterval', 'ms', ms, Number.MIN_VALUE)
      let current: Timer
      const again = (): void => {
        current = schedule(again, ms)
        callback()
      }
      current = schedule(again, ms)
      return { cancel: () => current.cancel() }
    },
    setImmediate(callback) {
      checkFunction('fakeClock.setImmediate', 'callback', callback)
      const run = (): void => callback()
      immediates.add(run)
      return { cancel: () => void immediates.delete(run) }
    },
    async advance(ms) {
      checkTime('fakeClock.advance', 'ms', ms, 0, Number.MAX_VALUE)
      const until = now + ms
      await settle()
      for (let due = nextDue(until); due !== undefined; due = nextDue(until)) {
        now = due.at
        timers.delete(due)
        due.callback()
        await settle()
      }
      now = until
    },
    settle,
    get pending() {
      return timers.size + immediates.size
    },
  }
}

function checkTime(
  call: string,
  argument: string,
  ms: unknown,
  least: number,
  most = Number.POSITIVE_INFINITY,
): void {
  if (typeof ms === 'number' && !Number.isNaN(ms) && ms >= least && ms <= most) return
  refuseArgument(call, argument, 'a number of milliseconds', ms)
}
