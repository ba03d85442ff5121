import type { Clock, Timer } from '../ground/clock.ts'

const FIRST_MS = 1_000
const LONGEST_MS = 30_000

/** Names that were refused and are asked for again, all at once: after 1, 2, 4 … 30 s, until none is left. */
export class AskedLater {
  readonly #clock: Clock
  readonly #ask: (name: string) => void
  readonly #names = new Set<string>()
  #waitMs = FIRST_MS
  #timer: Timer | undefined

  constructor(clock: Clock, ask: (name: string) => void) {
    this.#clock = clock
    this.#ask = ask
  }

  has(name: string): boolean {
    return this.#names.has(name)
  }

  /** It was refused, again or for the first time. */
  add(name: string): void {
    this.#names.add(name)
    this.#timer ??= this.#clock.setTimeout(() => this.#askAll(), this.#waitMs)
  }

  /** It is heard again, or wanted no more. */
  delete(name: string): void {
    if (this.#names.delete(name) && this.#names.size === 0) this.clear()
  }

  clear(): void {
    this.#names.clear()
    this.#waitMs = FIRST_MS
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #askAll(): void {
    this.#timer = undefined
    this.#waitMs = Math.min(2 * this.#waitMs, LONGEST_MS)
    for (const name of this.#names) this.#ask(name)
  }
}
