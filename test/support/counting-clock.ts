import { type Clock, systemClock, type Timer } from '../../src/ground/clock.ts'

/** The machine's clock, which knows how many timers are pending: what a leak test looks at. */
export interface CountingClock extends Clock {
  readonly pending: number
}

export function countingClock(): CountingClock {
  const timers = new Set<object>()

  function counted(start: (done: () => void) => Timer): Timer {
    const key = {}
    timers.add(key)
    const timer = start(() => timers.delete(key))
    return {
      cancel() {
        timers.delete(key)
        timer.cancel()
      },
    }
  }

  return {
    now: systemClock.now,
    date: systemClock.date,
    setTimeout: (callback, ms) => counted((done) => systemClock.setTimeout(both(done, callback), ms)),
    setInterval: (callback, ms) => counted(() => systemClock.setInterval(callback, ms)),
    setImmediate: (callback) => counted((done) => systemClock.setImmediate(both(done, callback))),
    get pending() {
      return timers.size
    },
  }
}

function both(first: () => void, second: () => void): () => void {
  return () => {
    first()
    second()
  }
}
