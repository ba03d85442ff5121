import { type Clock, systemClock } from '../../src/ground/clock.ts'

/** The machine's clock at many times its speed: what takes a minute is over in seconds. */
export function scaledClock(times: number): Clock {
  const startedAt = systemClock.now()
  const date = systemClock.date()
  const now = (): number => (systemClock.now() - startedAt) * times
  return {
    now,
    date: () => Math.floor(date + now()),
    setTimeout: (callback, ms) => systemClock.setTimeout(callback, ms / times),
    setInterval: (callback, ms) => systemClock.setInterval(callback, ms / times),
    setImmediate: systemClock.setImmediate,
  }
}
