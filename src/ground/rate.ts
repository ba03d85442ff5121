/** A limit of frequency: `perSecond` in the long run, `burst` at once after a pause. */
export interface RateOptions {
  readonly perSecond: number
  /** @default twice `perSecond` */
  readonly burst?: number | undefined
}

/** A client that waited as long as it was told must not be refused for a rounding error. */
const ROUNDING_MS = 1e-6

/**
 * A rate limit (a token bucket, kept as GCRA keeps it). What each limited thing has of its own is one number, its *due
 * time*: that at which its bucket is full again. It starts at 0.
 */
export class Rate {
  readonly #intervalMs: number
  readonly #toleranceMs: number

  constructor({ perSecond, burst = 2 * perSecond }: RateOptions) {
    this.#intervalMs = 1_000 / perSecond
    this.#toleranceMs = burst * this.#intervalMs
  }

  /**
   * The milliseconds by which something of this cost is too early; 0 where it may happen.
   *
   * @param since the earliest time at which it may have been sent: before `now` where it had to wait for us
   */
  waitMs(due: number, now: number, cost = 1, since = now): number {
    // A cost above a whole bucket may happen when the bucket is full, and is paid for afterwards.
    const neededMs = Math.min(cost * this.#intervalMs, this.#toleranceMs)
    return Math.max(0, Math.ceil(Math.max(due, since) + neededMs - now - this.#toleranceMs - ROUNDING_MS))
  }

  /** The due time after it has happened. */
  charge(due: number, since: number, cost = 1): number {
    return Math.max(due, since) + cost * this.#intervalMs
  }
}
