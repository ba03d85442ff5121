import { checkFunction, refuseArgument } from '../ground/argument.ts'
import { type Clock, systemClock, type Timer } from '../ground/clock.ts'

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

/**
 * Makes a {@link FakeClock}. Its monotonic time begins at 0.
 *
 * @param date the wall clock at its beginning, in milliseconds since the epoch @default now
 * @throws `BERYL_ERR_ARGUMENT`
 */
export function fakeClock(date = systemClock.date()): FakeClock {
  checkTime('fakeClock', 'date', date, -Number.MAX_VALUE, Number.MAX_VALUE)
  const schedule = new Schedule()
  return {
    now: () => schedule.now,
    date: () => date + schedule.now,
    ...timersOf(schedule),
    async advance(ms) {
      checkTime('fakeClock.advance', 'ms', ms, 0, Number.MAX_VALUE)
      await schedule.runUntil(schedule.now + ms)
    },
    settle: () => schedule.settle(),
    get pending() {
      return schedule.pending
    },
  }
}

function timersOf(schedule: Schedule): Pick<Clock, 'setTimeout' | 'setInterval' | 'setImmediate'> {
  return {
    setTimeout(callback, ms) {
      checkFunction('fakeClock.setTimeout', 'callback', callback)
      checkTime('fakeClock.setTimeout', 'ms', ms, Number.NEGATIVE_INFINITY)
      return schedule.once(callback, ms)
    },
    setInterval(callback, ms) {
      checkFunction('fakeClock.setInterval', 'callback', callback)
      // At 0 it would never let time move on.
      checkTime('fakeClock.setInterval', 'ms', ms, Number.MIN_VALUE)
      return schedule.every(callback, ms)
    },
    setImmediate(callback) {
      checkFunction('fakeClock.setImmediate', 'callback', callback)
      return schedule.soon(callback)
    },
  }
}

/** The timers and immediates that are pending, and the time that they count by. */
class Schedule {
  now = 0
  readonly #timers = new Set<Pending>()
  readonly #immediates = new Set<() => void>()

  get pending(): number {
    return this.#timers.size + this.#immediates.size
  }

  once(callback: () => void, ms: number): Timer {
    const cancel = (): void => void this.#timers.delete(timer)
    const timer: Pending = { at: this.now + Math.max(0, ms), callback, cancel }
    this.#timers.add(timer)
    return timer
  }

  every(callback: () => void, ms: number): Timer {
    const again = (): void => {
      current = this.once(again, ms)
      callback()
    }
    let current = this.once(again, ms)
    return { cancel: () => current.cancel() }
  }

  soon(callback: () => void): Timer {
    const run = (): void => callback()
    this.#immediates.add(run)
    return { cancel: () => void this.#immediates.delete(run) }
  }

  async runUntil(until: number): Promise<void> {
    await this.settle()
    for (let due = this.#nextDue(until); due !== undefined; due = this.#nextDue(until)) {
      this.now = due.at
      this.#timers.delete(due)
      due.callback()
      await this.settle()
    }
    this.now = until
  }

  async settle(): Promise<void> {
    await realTurns()
    while (this.#immediates.size > 0) {
      for (const run of [...this.#immediates]) if (this.#immediates.delete(run)) run()
      await realTurns()
    }
  }

  #nextDue(until: number): Pending | undefined {
    let next: Pending | undefined
    for (const timer of this.#timers)
      if (timer.at <= until && (next === undefined || timer.at < next.at)) next = timer
    return next
  }
}

/** Lets one real turn of the event loop pass, whatever timers the test has faked. */
export function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => {
    systemClock.setImmediate(resolve)
  })
}

/** Several real turns: promise chains that pass through I/O (a socket, a stream) need more than microtasks. */
async function realTurns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await turnOfEventLoop()
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
