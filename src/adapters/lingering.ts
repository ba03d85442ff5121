import { AgedMap } from '../ground/aged-map.ts'
import type { Clock, Timer } from '../ground/clock.ts'

/** A topic without local members is kept so long: who reloads a page comes back to it. */
export const LINGER_MS = 2_000

/** Names that are kept for {@link LINGER_MS}, the oldest first. One timer for all. */
export class Lingering {
  readonly #clock: Clock
  readonly #over: (name: string) => void
  /** Name → when its time is over. */
  readonly #names = new AgedMap<string, number>()
  #timer: Timer | undefined

  /** @param over called for each whose time is over */
  constructor(clock: Clock, over: (name: string) => void) {
    this.#clock = clock
    this.#over = over
  }

  add(name: string): void {
    this.#names.set(name, this.#clock.now() + LINGER_MS)
    this.#timer ??= this.#clock.setTimeout(() => this.#look(), LINGER_MS)
  }

  delete(name: string): void {
    this.#names.delete(name)
  }

  clear(): void {
    this.#names.clear()
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #look(): void {
    this.#timer = undefined
    const now = this.#clock.now()
    for (let first = this.#names.oldest; first !== undefined; first = this.#names.oldest) {
      const { key: name, value: at } = first
      if (at > now) {
        this.#timer = this.#clock.setTimeout(() => this.#look(), at - now)
        return
      }
      this.#names.delete(name)
      this.#over(name)
    }
  }
}
