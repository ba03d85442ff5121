import type { Message } from '../protocol/message.ts'
import { Broadcast } from '../pubsub/broadcast.ts'

/** A callback of the application that answers no message, until its turn comes: an info, or a timer that is due. */
export class Due {
  readonly run: () => void
  /** True where as many may wait as broadcasts; a timer waits once at the most. */
  readonly isBounded: boolean

  constructor(run: () => void, isBounded: boolean) {
    this.run = run
    this.isBounded = isBounded
  }
}

/** Work that the server itself has for a channel. */
export type OfServer = Broadcast | Due

export type Queued = Message | OfServer

export function isOfServer(item: Queued): item is OfServer {
  return item instanceof Broadcast || item instanceof Due
}

/**
 * The queue of a channel, in order. Messages of its client and what the server has have a bound each, so that a noisy
 * neighbour does not use up the client's own room. Nothing is moved when one is taken: a long queue costs no more than a short one.
 */
export class Queue {
  readonly #limit: number
  #queued: Queued[] = []
  #head = 0
  #messages = 0
  #ofServer = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** The number of those that wait, of every kind. */
  get length(): number {
    return this.#queued.length - this.#head
  }

  get hasRoomForMessage(): boolean {
    return this.#messages < this.#limit
  }

  /** True where there is room for this broadcast, info or timer. */
  hasRoomFor(item: OfServer): boolean {
    return !isBounded(item) || this.#ofServer < this.#limit
  }

  get first(): Queued | undefined {
    return this.#queued[this.#head]
  }

  put(item: Queued): void {
    this.#queued.push(item)
    this.#count(item, 1)
  }

  /** Takes out the first. */
  take(): void {
    if (this.first !== undefined) this.#count(this.first, -1)
    this.#head++
    // Half of it is gone: each item is moved once at the most.
    if (this.#head * 2 < this.#queued.length) return
    this.#queued = this.#queued.slice(this.#head)
    this.#head = 0
  }

  #count(item: Queued, by: 1 | -1): void {
    if (!isOfServer(item)) this.#messages += by
    else if (isBounded(item)) this.#ofServer += by
  }

  /** The messages that wait, but one; what the server had is for nobody any more. */
  messagesBut(one: Message | undefined): Message[] {
    const waiting = this.#queued.slice(this.#head)
    return waiting.filter((item): item is Message => !isOfServer(item) && item !== one)
  }
}

function isBounded(item: OfServer): boolean {
  return item instanceof Broadcast || item.isBounded
}
