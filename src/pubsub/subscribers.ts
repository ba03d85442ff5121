import type { Broadcast, Subscriber } from './broadcast.ts'
import type { Confirmation } from './confirmation.ts'
import { type TopicListener, TopicListeners } from './listeners.ts'

/** The subscribers of a topic on this node: dense, so that a broadcast is one loop; O(1) to join and to leave. */
export class TopicSubscribers {
  /** Absent when the adapter has confirmed that this node hears the topic, or has refused. */
  confirmation: Confirmation | undefined
  /** The adapter said no: this node does not hear what others send. */
  isRefused = false
  /** The only one, as a user's own topic has: it needs no array. */
  #one: Subscriber | undefined
  #subscribers: Subscriber[] | undefined
  /** The server's own; most topics have none. */
  #listeners: TopicListeners | undefined

  get size(): number {
    return this.#one === undefined ? (this.#subscribers?.length ?? 0) : 1
  }

  get isEmpty(): boolean {
    return this.size === 0 && this.#listeners === undefined
  }

  add(subscriber: Subscriber): void {
    subscriber.slot = this.size
    if (subscriber.slot === 0) this.#one = subscriber
    else if (this.#one === undefined) this.#subscribers?.push(subscriber)
    else {
      this.#subscribers = [this.#one, subscriber]
      this.#one = undefined
    }
  }

  /** Gives whether it was there. */
  remove(subscriber: Subscriber): boolean {
    if (this.#one === subscriber) {
      this.#one = undefined
      return true
    }
    const subscribers = this.#subscribers
    if (subscribers?.[subscriber.slot] !== subscriber) return false
    const last = subscribers.pop() as Subscriber
    if (last === subscriber) return true
    subscribers[subscriber.slot] = last
    last.slot = subscriber.slot
    return true
  }

  get #all(): readonly Subscriber[] {
    return this.#one === undefined ? (this.#subscribers ?? NOBODY) : [this.#one]
  }

  /** The connections of all of them. */
  get connections(): string[] {
    return this.#all.map(({ connectionId }) => connectionId)
  }

  listen(listener: TopicListener): void {
    this.#listeners ??= new TopicListeners()
    this.#listeners.add(listener)
  }

  unlisten(listener: TopicListener): void {
    this.#listeners?.remove(listener)
    if (this.#listeners?.isEmpty) this.#listeners = undefined
  }

  /** Delivers to all but `except` (a subscriber, or the id of a connection). */
  deliver(broadcast: Broadcast, except?: Subscriber | string): void {
    const subscribers = this.#all
    // By far the most common, and then no connection has to be looked at.
    if (except === undefined)
      for (let index = 0; index < subscribers.length; index++) subscribers[index]?.deliver(broadcast)
    else
      for (let index = 0; index < subscribers.length; index++) {
        const subscriber = subscribers[index] as Subscriber
        if (subscriber !== except && subscriber.connectionId !== except) subscriber.deliver(broadcast)
      }
  }

  /** Hands an info to all of them. */
  inform(info: Broadcast): void {
    for (const subscriber of this.#all) subscriber.inform(info)
  }

  /** Tells the subscribers of a connection what passes them by. */
  passBy(broadcast: Broadcast, connectionId: string): void {
    for (const subscriber of this.#all)
      if (subscriber.connectionId === connectionId) subscriber.passBy?.(broadcast)
  }

  /** Calls the server's own listeners; each failure, also of a promise, is given to `failed` and harms nobody. */
  notify(broadcast: Broadcast, failed: (error: unknown) => void): void {
    this.#listeners?.notify(broadcast, failed)
  }
}

const NOBODY: readonly Subscriber[] = []
