import type { Clock } from './clock.ts'

/** A moment by which all of something is over. It is handed down: whatever is a part of it ends by it. */
export class Deadline {
  readonly #clock: Clock
  readonly #at: number

  constructor(clock: Clock, ms: number) {
    this.#clock = clock
    this.#at = clock.now() + ms
  }

  /** Milliseconds that are left. */
  get leftMs(): number {
    return Math.max(0, this.#at - this.#clock.now())
  }

  /** The share of `ms` that is left for a part. */
  within(ms: number): number {
    return Math.min(ms, this.leftMs)
  }

  /** Resolves after `ms`, or when the time is over. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.setTimeout(resolve, this.within(ms)))
  }

  /** Resolves when `work` has settled, or when the time is over. */
  async wait(work: Promise<unknown>): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimeout(resolve, this.leftMs)
      const settled = (): void => {
        timer.cancel()
        resolve()
      }
      work.then(settled, settled)
    })
  }
}
