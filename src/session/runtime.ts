import type { ChannelPubSub, ChannelRuntime } from '../channel/outlet.ts'
import type { Router } from '../channel/router.ts'
import type { JsonParse } from '../protocol/message.ts'
import type { HolderRuntime } from './holder.ts'
import type { Lateness, MeterRates } from './meter.ts'
import type { OutboxRuntime } from './outbox.ts'

/** The terms of one entrance, for all who come in by it. They outlive the sessions. */
export interface SessionTerms {
  readonly router: Router
  readonly channelsPerConnection: number
  readonly topicBytes: number
  readonly rates: MeterRates
  readonly pendingHandlers: number
  readonly mailboxLimit: number
  readonly timerLimit: number
  readonly joinTimeoutMs: number
}

/** The demands of all sessions on the pubsub. */
export interface SessionPubSub extends ChannelPubSub {
  /** The connections of the channels that are subscribed to a topic. */
  connections(topic: string): string[]
}

/** Shared by all sessions of a tree that came in by one entrance. */
export interface SessionRuntime<S> extends ChannelRuntime, HolderRuntime, OutboxRuntime, SessionTerms {
  readonly pubsub: SessionPubSub
  readonly parse: JsonParse
  readonly lateness: Lateness
  /** The session has ended; its connection is closing, or gone. Once. */
  closed(session: S, code: number, reason: string): void
  /** The connection of a session is gone, down to the socket. Once. */
  gone(session: S): void
}
