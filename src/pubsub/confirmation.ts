import { Deferred } from '../ground/deferred.ts'

/**
 * The wait for an adapter that was asked for topics:
 *
 *     awaited ──confirmed, refused──▶ over
 *        └──2 s, adapter down──▶ given up ──confirmed, refused──▶ over
 */
export class Confirmation {
  readonly topics: readonly string[]
  /** The wait is given up then, on the monotonic clock. */
  readonly dueAt: number
  /** The number of joins that wait. */
  joins = 0
  isGivenUp = false
  #waiting: Deferred | undefined

  constructor(topics: readonly string[], dueAt: number) {
    this.topics = topics
    this.dueAt = dueAt
  }

  /**
   * Resolves when the adapter has confirmed, and when the wait is given up. Rejects where the adapter says no. Made for the first who
   * waits, and to be asked for before there is an answer.
   */
  get awaited(): Promise<void> {
    this.#waiting ??= new Deferred()
    return this.#waiting.promise
  }

  giveUp(): void {
    this.isGivenUp = true
    this.#waiting?.resolve()
  }

  confirmed(): void {
    this.#waiting?.resolve()
  }

  refused(error: unknown): void {
    this.#waiting?.reject(error)
  }
}
