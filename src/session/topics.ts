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

/** The topics that one client has joined, or is asking for. Made with the first: many clients have none yet. */
export class Topics extends Map<unknown, PendingTopic | JoinedTopic> {
  /** The channel that the client has joined on a topic. */
  channel(topic: string): JoinedTopic | undefined {
    const held = this.get(topic)
    return held === undefined || held.isJoining ? undefined : held
  }

  /** Lets go of a topic, unless another has taken its place. */
  forget(topic: PendingTopic | JoinedTopic): void {
    if (this.get(topic.topic) === topic) this.delete(topic.topic)
  }

  /** True for the first leave of what was joined. */
  isFirstLeave({ topic, joinRef }: Message): boolean {
    const held = this.get(topic)
    if (held === undefined || held.isLeaving) return false
    return held.isJoining || joinRef === null || sameRef(joinRef, held.joinRef)
  }

  caughtUp(): void {
    for (const topic of this.values()) if (!topic.isJoining) topic.caughtUp()
  }

  /** The messages that wait, and the most of them in one topic. */
  get waiting(): Pick<SessionLoad, 'waitingMessages' | 'longestMailbox'> {
    let waitingMessages = 0
    let longestMailbox = 0
    for (const { waiting } of this.values()) {
      waitingMessages += waiting
      longestMailbox = Math.max(longestMailbox, waiting)
    }
    return { waitingMessages, longestMailbox }
  }
}

/** Nothing waits for a client without topics. */
export const NOTHING_WAITS = { waitingMessages: 0, longestMailbox: 0 }
