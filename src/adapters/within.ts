import type { Clock } from '../ground/clock.ts'
import { patience } from '../ground/watch.ts'

/** As `work`, which is given up on after `ms`. Time in which our own event loop stood still does not count. */
export function within<T>(clock: Clock, ms: number, what: string, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = patience(clock, ms, () => reject(new Error(`${what} took longer than ${ms} ms`)))
    work
      .then(resolve, reject)
      .finally(() => timer.cancel())
      .catch(reject)
  })
}
