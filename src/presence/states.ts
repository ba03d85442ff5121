import type { Clock, Timer } from '../ground/clock.ts'
import { JsonText, SharedText } from '../protocol/message.ts'

/** Shorter texts are made anew for those who come in another turn. */
const KEPT_CHARS = 4_096
/** A text that nobody has asked for within so long is forgotten. */
const KEPT_MS = 1_000

interface Kept {
  readonly state: JsonText
  isWanted: boolean
}

/**
 * The whole of large topics, as clients are told it. When thousands come back, they come in hundreds of turns, and most of them change nothing
 * of what clients are shown: the text is made once for all of those.
 */
export class States {
  readonly #clock: Clock
  readonly #make: (topic: string) => string
  readonly #kept = new Map<string, Kept>()
  #sweep: Timer | undefined

  constructor(clock: Clock, make: (topic: string) => string) {
    this.#clock = clock
    this.#make = make
  }

  of(topic: string): JsonText {
    const kept = this.#kept.get(topic)
    if (kept !== undefined) {
      kept.isWanted = true
      return kept.state
    }
    const json = this.#make(topic)
    if (json.length < KEPT_CHARS) return new JsonText(json)
    const state = new SharedText(json)
    this.#keep(topic, state)
    return state
  }

  /** Clients would be shown something else. */
  changed(topic: string): void {
    this.#kept.delete(topic)
  }

  end(): void {
    this.#sweep?.cancel()
    this.#sweep = undefined
    this.#kept.clear()
  }

  #keep(topic: string, state: JsonText): void {
    this.#kept.set(topic, { state, isWanted: false })
    this.#sweep ??= this.#startSweep()
  }

  #startSweep(): Timer {
    return this.#clock.setTimeout(() => {
      this.#sweep = undefined
      for (const [topic, kept] of this.#kept) {
        if (!kept.isWanted) this.#kept.delete(topic)
        kept.isWanted = false
      }
      if (this.#kept.size > 0) this.#sweep = this.#startSweep()
    }, KEPT_MS)
  }
}
