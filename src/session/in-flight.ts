import type { Clock } from '../clock.ts'
import type { Wire } from './wire.ts'

/**
 * The async callbacks that are at work for one client. Above the limit its socket is not read, so that its own TCP slows
 * the client down, until half of them are done.
 */
export class InFlight {
  readonly #wire: Wire
  readonly #limit: number
  #count = 0
  #isPaused = false
  #isHeld = false
  #whenNone: (() => void) | undefined

  constructor(wire: Wire, limit: number) {
    this.#wire = wire
    this.#limit = limit
  }

  /** How many are at work. */
  get count(): number {
    return this.#count
  }

  /** Whether the client's socket is not read. */
  get isPaused(): boolean {
    return this.#isPaused || this.#isHeld
  }

  /** A callback began. Whether it was the one too many. */
  began(): boolean {
    if (++this.#count <= this.#limit || this.isPaused) return false
    this.#isPaused = true
    this.#wire.pause()
    return true
  }

  done(): void {
    this.#count--
    if (this.#isPaused && this.#count <= this.#limit / 2) {
      this.#isPaused = false
      if (!this.#isHeld) this.#wire.resume()
    }
    if (this.#count === 0) this.#whenNone?.()
  }

  /** Reads nothing more, and resolves when the last callback is done, or after `ms`. */
  async hold(clock: Clock, ms: number): Promise<void> {
    this.#isHeld = true
    this.#wire.pause()
    if (this.#count === 0) return
    await new Promise<void>((resolve) => {
      const timer = clock.setTimeout(resolve, ms)
      this.#whenNone = () => {
        timer.cancel()
        resolve()
      }
    })
  }
}
