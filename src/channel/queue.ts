import type { Message } from '../protocol/message.ts'
import { Broadcast } from '../pubsub/broadcast.ts'

export type Queued = Message | Broadcast

/**
 * The queue of a channel, in order. Messages of its client and broadcasts have a bound each, so that a noisy neighbour
 * does not use up the client's own room. Nothing is moved when one is taken: a long queue costs no more than a short one.
 */
export class Queue {
  readonly #limit: number
  #queued: Queued[] = []
  #head = 0
  #messages = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** The number of those that wait, of either kind. */
  get length(): number {
    return this.#queued.length - this.#head
  }

  get hasRoomForMessage(): boolean {
    return this.#messages < this.#limit
  }

  get hasRoomForBroadcast(): boolean {
    return this.length - this.#messages < this.#limit
  }

  get first(): Queued | undefined {
    return this.#queued[this.#head]
  }

  put(item: Queued): void {
    this.#queued.push(item)
    if (!(item instanceof Broadcast)) this.#messages++
  }

  /** Takes out the first. */
  take(): void {
    if (!(this.first instanceof Broadcast)) this.#messages--
    this.#head++
    // Half of it is gone: each item is moved once at the most.
    if (this.#head * 2 < this.#queued.length) return
    this.#queued = this.#queued.slice(this.#head)
    this.#head = 0
  }

  /** The messages that wait, but one; the broadcasts are for nobody any more. */
  messagesBut(one: Message | undefined): Message[] {
    const waiting = this.#queued.slice(this.#head)
    return waiting.filter((item): item is Message => !(item instanceof Broadcast) && item !== one)
  }
}
