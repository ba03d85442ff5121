import type { Clock } from '../ground/clock.ts'

/** Turns that are taken in microtasks, all channels of a tree together, before the event loop has one of its own. */
const MICROTURNS = 100

/**
 * The moment at which a channel's next turn begins, when it was asked for by code of the application. Channels that go on asking each
 * other would else keep the event loop in its microtasks for ever.
 */
export class Breath {
  readonly #clock: Clock
  #left = MICROTURNS

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `run` behind what is at work: at once, or behind the I/O that is due, as often as need be. */
  soon(run: () => void): void {
    this.#left--
    if (this.#left >= 0) queueMicrotask(run)
    else this.later(run)
  }

  /** Calls `run` behind the I/O that is due. */
  later(run: () => void): void {
    this.#clock.setImmediate(() => {
      this.#left = MICROTURNS
      run()
    })
  }
}
