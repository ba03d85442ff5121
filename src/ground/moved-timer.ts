import type { Clock, Timer } from './clock.ts'

/**
 * A deadline that is moved again and again before it comes. To move it costs no timer: the one that is set looks, when it comes too early,
 * how long there still is.
 */
export class MovedTimer {
  readonly #clock: Clock
  readonly #leastMs: number
  readonly #due: (lateMs: number) => void
  #at = Number.POSITIVE_INFINITY
  #timer: Timer | undefined

  /**
   * @param leastMs The timer never waits for longer: it is there for every deadline that was set at least so far ahead.
   * @param due Called once for each deadline that comes, with how late that is.
   */
  constructor(clock: Clock, leastMs: number, due: (lateMs: number) => void) {
    this.#clock = clock
    this.#leastMs = leastMs
    this.#due = due
  }

  /** Due in `ms`, and not when it was before. */
  move(ms: number): void {
    this.#at = this.#clock.now() + ms
    if (this.#timer === undefined) this.#look()
  }

  cancel(): void {
    this.#at = Number.POSITIVE_INFINITY
    this.#timer?.cancel()
    this.#timer = undefined
  }

  readonly #look = (): void => {
    const lateMs = this.#clock.now() - this.#at
    this.#timer = undefined
    if (lateMs >= 0) this.#due(lateMs)
    else this.#timer = this.#clock.setTimeout(this.#look, Math.min(-lateMs, this.#leastMs))
  }
}
