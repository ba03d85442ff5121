import type { Clock } from '../ground/clock.ts'
import { type Backoff, backoffMs } from './backoff.ts'

/** The restarts in a row of one child, before none of which it had run for `maxMs`, and the wait for its next start. */
export class Pace {
  readonly #clock: Clock
  #inARow = 0
  #runsSince: number | undefined = undefined
  #notBefore: number | undefined = undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get inARow(): number {
    return this.#inARow
  }

  /** The milliseconds that it still has to wait; `undefined` where it does not. */
  get waitMs(): number | undefined {
    if (this.#notBefore === undefined) return undefined
    return Math.max(0, Math.ceil(this.#notBefore - this.#clock.now()))
  }

  began(): void {
    this.#runsSince = this.#clock.now()
  }

  ended({ maxMs }: Backoff): void {
    if (this.#runsSince !== undefined && this.#clock.now() - this.#runsSince >= maxMs) this.#inARow = 0
    this.#runsSince = undefined
  }

  /** Counts one more restart. @returns the wait before it */
  next(backoff: Backoff): number {
    this.#inARow += 1
    return backoffMs(backoff, this.#inARow, Math.random())
  }

  wait(ms: number): void {
    this.#notBefore = this.#clock.now() + ms
  }

  waitNoMore(): void {
    this.#notBefore = undefined
  }
}
