import type { Clock, Timer } from './clock.ts'

// All judgement of others by time goes through here: while our own event loop stands still nobody is heard, and that is
// nobody's fault but ours.

/** So much later than planned a look may come before it counts as late. */
const JITTER_MS = 250

/**
 * Looks at others again and again. Its {@link now} tells the time in which they could have been heard: of a pause of
 * our own loop it has no more than one round.
 */
export class Watch {
  readonly #clock: Clock
  readonly #roundMs: number
  readonly #timer: Timer
  #lookedAt: number
  #attendedMs = 0
  #lateMs = 0

  constructor(clock: Clock, everyMs: number, look: (now: number) => void) {
    this.#clock = clock
    this.#roundMs = everyMs + Math.min(JITTER_MS, everyMs / 4)
    this.#lookedAt = clock.now()
    this.#timer = clock.setInterval(() => {
      this.#attendedMs = this.now
      this.#lateMs = this.#overdueMs(clock.now())
      this.#lookedAt = clock.now()
      look(this.#attendedMs)
    }, everyMs)
  }

  /** Milliseconds since the start of the watch, without those in which the loop stood still. */
  get now(): number {
    return this.#attendedMs + Math.min(this.#clock.now() - this.#lookedAt, this.#roundMs)
  }

  /** Milliseconds for which the loop stood still before this round: what is read now may have been sent so long ago. */
  lateMs(now: number): number {
    return Math.max(this.#lateMs, this.#overdueMs(now))
  }

  #overdueMs(now: number): number {
    const sinceMs = now - this.#lookedAt
    return sinceMs > this.#roundMs ? sinceMs : 0
  }

  stop(): void {
    this.#timer.cancel()
  }
}

/**
 * Calls `tooLate` when somebody has had `ms` to do something. Where the call itself is late, he is given the time that
 * was taken from him, at the most once more `ms`.
 */
export function patience(clock: Clock, ms: number, tooLate: () => void): Timer {
  let dueAt = clock.now() + ms
  let timer = clock.setTimeout(look, ms)
  function look(): void {
    const moreMs = forgivenMs(clock.now() - dueAt, ms)
    if (moreMs === 0) return tooLate()
    dueAt = clock.now() + moreMs
    timer = clock.setTimeout(look, moreMs)
  }
  return { cancel: () => timer.cancel() }
}

/** The time that was taken from somebody who had `ms`, where the look at him comes `lateMs` late; 0 where that is no matter. */
export function forgivenMs(lateMs: number, ms: number): number {
  return lateMs <= JITTER_MS ? 0 : Math.min(lateMs, ms)
}
