import type { AdapterCounts } from '../pubsub/adapter.ts'

/** The counts of one adapter, over all its starts. */
export class Tally {
  #dropped = 0
  #resubscribed = 0
  #refused = 0
  #roundTripMs: number | undefined

  get counts(): AdapterCounts {
    return {
      dropped: this.#dropped,
      resubscribed: this.#resubscribed,
      refused: this.#refused,
      roundTripMs: this.#roundTripMs,
    }
  }

  dropped(messages: number): void {
    this.#dropped += messages
  }

  resubscribed(topics: number): void {
    this.#resubscribed += topics
  }

  refused(topics: number): void {
    this.#refused += topics
  }

  roundTrip(ms: number): void {
    this.#roundTripMs = ms
  }
}
