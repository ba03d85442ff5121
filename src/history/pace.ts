import type { Clock, Timer } from '../ground/clock.ts'

/** Somebody who goes on when it is time. */
export interface Waiting {
  goOn(): void
}

/** Lets those that wait go on together, so often: one timer for all of them, while there are any. */
export class Pace {
  readonly #clock: Clock
  readonly #everyMs: number
  #waiting = new Set<Waiting>()
  #timer: Timer | undefined

  constructor(clock: Clock, everyMs: number) {
    this.#clock = clock
    this.#everyMs = everyMs
  }

  wait(one: Waiting): void {
    this.#waiting.add(one)
    this.#timer ??= this.#clock.setTimeout(() => this.#goOn(), this.#everyMs)
  }

  forget(one: Waiting): void {
    this.#waiting.delete(one)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#waiting.clear()
  }

  #goOn(): void {
    this.#timer = undefined
    const waiting = this.#waiting
    this.#waiting = new Set()
    for (const one of waiting) one.goOn()
  }
}
