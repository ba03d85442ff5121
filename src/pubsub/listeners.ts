import { tell } from '../ground/foreign.ts'
import type { Broadcast } from './broadcast.ts'

/** A listener of the server's own. */
export type TopicListener = (message: { topic: string; event: string; payload: unknown }) => void

/** So many broadcasts are told in a row, where each was made by a listener: one that answers itself would have no end. */
const MAX_IN_A_ROW = 1_000

/** A broadcast, and those who listened when it was made. */
interface Told {
  readonly broadcast: Broadcast
  readonly listeners: ReadonlySet<TopicListener>
  readonly failed: (error: unknown) => void
}

/** The server's own listeners of a topic. Each hears all in one order: what a listener broadcasts is told when all have heard what it heard. */
export class TopicListeners {
  #listeners = new Set<TopicListener>()
  /** Somebody is told from these: they are changed no more, but copied. */
  #isToldFrom = false
  /** All that is told in a row; `undefined` at rest. */
  #row: Told[] | undefined

  get isEmpty(): boolean {
    return this.#listeners.size === 0
  }

  add(listener: TopicListener): void {
    this.#own().add(listener)
  }

  remove(listener: TopicListener): void {
    this.#own().delete(listener)
  }

  /** One copy for each broadcast at the most, which costs as much: thousands may listen, and come and go. */
  #own(): Set<TopicListener> {
    if (this.#isToldFrom) this.#listeners = new Set(this.#listeners)
    this.#isToldFrom = false
    return this.#listeners
  }

  /** Calls all of them; each failure, also of a promise, is given to `failed` and harms nobody. */
  notify(broadcast: Broadcast, failed: (error: unknown) => void): void {
    const told: Told = { broadcast, listeners: this.#listeners, failed }
    this.#isToldFrom = true
    if (this.#row === undefined) this.#tellAll([told])
    else if (this.#row.length < MAX_IN_A_ROW) {
      broadcast.keep()
      this.#row.push(told)
    } else failed(new Error(`listeners of ${broadcast.topic} answer each other: they hear this one not`))
  }

  #tellAll(row: Told[]): void {
    this.#row = row
    try {
      // Grows meanwhile.
      for (const told of row) this.#tell(told)
    } finally {
      this.#row = undefined
      this.#isToldFrom = false
    }
  }

  #tell({ broadcast, listeners, failed }: Told): void {
    const { topic, event } = broadcast
    for (const listener of listeners)
      if (this.#listeners.has(listener))
        tell(() => listener({ topic, event, payload: broadcast.onWire() }), failed)
  }
}
