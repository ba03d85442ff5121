import type { Clock, Timer } from '../ground/clock.ts'

/** A join waits so long for the adapter: it is answered then, and hears the other nodes from the confirmation on. */
const WAIT_MS = 2_000

/**
 * The wait for an adapter that was asked for a topic:
 *
 *     awaited ──confirmed, refused──▶ over
 *        └──2 s, adapter down──▶ given up ──confirmed, refused──▶ over
 */
export class Confirmation {
  /** Resolves when the adapter has confirmed, and when the wait is given up. Rejects where the adapter says no. */
  readonly awaited: Promise<void>
  /** The number of joins that wait. */
  joins = 0
  isGivenUp = false
  readonly #timer: Timer
  #resolve: () => void = () => {}

  /** @param gaveUp called with the number of joins that were waiting */
  constructor(asked: Promise<void>, clock: Clock, gaveUp: (joins: number) => void) {
    this.#timer = clock.setTimeout(() => this.giveUp(gaveUp), WAIT_MS)
    this.awaited = new Promise((resolve, reject) => {
      this.#resolve = resolve
      asked.then(resolve, reject)
    })
    const over = (): void => this.#timer.cancel()
    this.awaited.then(over, over)
  }

  giveUp(gaveUp: (joins: number) => void): void {
    if (this.isGivenUp) return
    this.isGivenUp = true
    this.#timer.cancel()
    gaveUp(this.joins)
    this.#resolve()
  }
}
