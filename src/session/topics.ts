import type { JoinedTopic, PendingTopic } from '../channel/outlet.ts'
import { type Message, sameRef } from '../protocol/message.ts'

/** The waiting work of one client, or of many. */
export interface SessionLoad {
  /** Bytes that were written and that the operating system has not taken: slow readers. */
  readonly bufferedBytes: number
  /** Messages that wait for a channel whose callback is at work. */
  readonly waitingMessages: number
  /** The most of them that wait for one channel. */
  readonly longestMailbox: number
  /** Async callbacks at work. */
  readonly pendingCallbacks: number
}

type Held = PendingTopic | JoinedTopic

/** The topics that one client has joined, or is asking for. Many clients have one, and for one there is no map. */
export class Topics {
  #one: Held | undefined
  #others: Map<unknown, Held> | undefined

  get size(): number {
    return (this.#one === undefined ? 0 : 1) + (this.#others?.size ?? 0)
  }

  get(topic: unknown): Held | undefined {
    return this.#one?.topic === topic ? this.#one : this.#others?.get(topic)
  }

  set(held: Held): void {
    const isOne = this.#one === undefined ? !this.#others?.has(held.topic) : this.#one.topic === held.topic
    if (isOne) {
      this.#one = held
      return
    }
    this.#others ??= new Map()
    this.#others.set(held.topic, held)
  }

  get all(): Held[] {
    const one = this.#one === undefined ? [] : [this.#one]
    return this.#others === undefined ? one : [...one, ...this.#others.values()]
  }

  /** The channel that the client has joined on a topic. */
  channel(topic: string): JoinedTopic | undefined {
    const held = this.get(topic)
    return held === undefined || held.isJoining ? undefined : held
  }

  /** Lets go of a topic, unless another has taken its place. */
  forget(held: Held): void {
    if (this.#one === held) this.#one = undefined
    else if (this.#others?.get(held.topic) === held) this.#others.delete(held.topic)
  }

  /** True for the first leave of what was joined. */
  isFirstLeave({ topic, joinRef }: Message): boolean {
    const held = this.get(topic)
    if (held === undefined || held.isLeaving) return false
    return held.isJoining || joinRef === null || sameRef(joinRef, held.joinRef)
  }

  caughtUp(): void {
    for (const topic of this.all) if (!topic.isJoining) topic.caughtUp()
  }

  /** The messages that wait, and the most of them in one topic. */
  get waiting(): Pick<SessionLoad, 'waitingMessages' | 'longestMailbox'> {
    let waitingMessages = 0
    let longestMailbox = 0
    for (const { waiting } of this.all) {
      waitingMessages += waiting
      longestMailbox = Math.max(longestMailbox, waiting)
    }
    return { waitingMessages, longestMailbox }
  }
}

/** Nothing waits for a client without topics. */
export const NOTHING_WAITS = { waitingMessages: 0, longestMailbox: 0 }
