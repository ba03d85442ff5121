import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Clock } from '../ground/clock.ts'
import type { ReplyReason } from '../ground/refusals.ts'
import type { JoinOutcome } from '../ground/telemetry.ts'
import type { Histories } from '../history/histories.ts'
import type { Frame, PiecedFrame } from '../protocol/frame.ts'
import type { Codec, JsonText, Message, Ref } from '../protocol/message.ts'
import type { Broadcast, Subscriber } from '../pubsub/broadcast.ts'
import type { TopicWaiter } from '../pubsub/confirmation.ts'
import type { Breath } from './breath.ts'
import type { Connection } from './connection.ts'
import type { SocketPresence, TerminateReason } from './infer.ts'

// The demands of a channel process on the world above and beside it. The session and the tree hand these values down.

/** A topic that has something to begin, and must wait until another callback of its client is done. */
export interface WaitingTopic {
  /** There is room, for one callback at least. */
  proceed(): void
  /** It has waited for as long as the client may be left unread. */
  overdue(): void
}

/** A topic that a client is asking for. Messages for it wait. */
export interface PendingTopic extends WaitingTopic {
  readonly isJoining: true
  readonly connectionId: string
  readonly topic: string
  readonly joinRef: Ref
  /** When, on the monotonic clock. */
  askedAt: number
  /** The number of messages that wait for the answer. */
  readonly waiting: number
  /** True where a leave has come already for the last join that the client made. */
  readonly isLeaving: boolean
  receive(message: Message): void
  /** Takes what the server has for the channel, where there is one already. */
  inform(info: Broadcast): void
  /** The server goes: as {@link close}. */
  shutdown(reason: TerminateReason): void
  /** The server will not have it: the client is told, and stays away. */
  dismiss(reason: string | undefined): void
  /** The client is gone: the join is forgotten, and undone where it succeeds after all. */
  close(reason: TerminateReason): void
}

/** A topic that a client has joined. */
export interface JoinedTopic extends Subscriber, WaitingTopic {
  readonly isJoining: false
  readonly topic: string
  readonly joinRef: Ref
  /** Takes a message for the topic, in order. */
  receive(message: Message): void
  /** Pushes to the client. @throws where the channel declares no such event, or another payload for it */
  push(event: string, payload: unknown): void
  /** As {@link push}, for what was checked where it was sent, and may be `JsonText`. */
  relay(event: string, payload: unknown): void
  /** Ends the channel behind the callback that is at work. The client is told by the end of its connection. */
  shutdown(reason: TerminateReason): void
  /** The client, which was spared what feeds tell because it was far behind, can be told again. */
  caughtUp(): void
  /** The number of messages that wait for the channel, and of broadcasts that it is to rewrite. */
  readonly waiting: number
  /** True where a leave waits for its turn. */
  readonly isLeaving: boolean
  /** Ends the channel at once: the client is told, and stays away. */
  dismiss(reason: string | undefined): void
  /** Ends the channel at once: what is at work now will not be answered. */
  close(reason: TerminateReason): void
  /** Ends the channel at once for another join of its topic. Gives the frame that tells the client of the end. */
  supersede(): Frame
}

/** The way to the client, and to whoever holds its topics. */
export interface Outlet {
  /** Of the connection. */
  readonly id: string
  /** Made when somebody looks at it. */
  readonly connection: Connection
  readonly connectionTopic: string | undefined
  readonly codec: Codec
  readonly log: FastifyBaseLogger
  send(frame: Frame | PiecedFrame): void
  /** True where the client is so far behind that it should be spared what can be told later in one piece. */
  readonly isBehind: boolean
  /** Bytes that were sent and have not left: counted each time. */
  readonly unsentBytes: number
  /** Takes back messages that the topic will not handle: they are decided again, without it. Never throws. */
  redeliver(messages: readonly Message[]): void
  /** An async callback began. */
  pending(): void
  /** An async callback is done. */
  settled(): void
  /** True while as many async callbacks are at work as may be: no handler and no join may begin. */
  readonly isFull: boolean
  /** True where it has been so for as long as the client may be left unread: those that wait give way. */
  readonly isOverdue: boolean
  /** A topic has something to begin, and waits for room. */
  awaitRoom(topic: WaitingTopic): void
  /** The join was answered: the channel takes the place of the pending topic. */
  joined(pending: PendingTopic, channel: JoinedTopic): void
  /** The topic is not joined: it is free again, nothing of it is left. */
  notJoined(pending: PendingTopic, outcome: Exclude<JoinOutcome, 'ok'>, error?: unknown): void
  /** The client left while the join was being decided: the topic is free again, nothing of it is left. */
  left(pending: PendingTopic): void
  /** The channel ended: its topic is free again. Its last frame may follow. */
  ended(channel: JoinedTopic, reason: TerminateReason): void
  /** A callback failed: for the operator, not for the client. */
  crashed(topic: string, event: string, error: unknown): void
  /** A check of a schema threw, and the payload was refused: for the operator. */
  checkFailed(topic: string, event: string, error: unknown): void
  /** The library itself failed, behind a promise or in a microtask: the connection ends, and no other. */
  broke(error: unknown): void
  /** When a handler begins; `undefined` where nobody wants to know how long it takes. */
  measuring(): number | undefined
  /** A handler that was measured is done. */
  handled(topic: string, event: string, startedAt: number): void
  /** A message got an error reply that the library itself made. */
  refused(topic: unknown, event: unknown, reason: ReplyReason): void
  /** So much waits for a topic, so many timers are set, or a join takes so long, as may be. */
  limitReached(limit: 'limits.mailbox' | 'limits.timers' | 'limits.joinTimeoutMs'): void
}

/** The application that is served. Looked up when needed: an embedded tree may start before it is known. */
export interface Host {
  readonly server: FastifyInstance
  readonly log: FastifyBaseLogger
}

/** Shared by all channel processes of a tree. */
export interface ChannelRuntime {
  readonly host: Host
  readonly clock: Clock
  readonly pubsub: ChannelPubSub
  readonly presence: ChannelPresence
  readonly breath: Breath
  /** The logs of topics; absent where the adapter keeps none, and no channel declares one. */
  readonly history: Histories | undefined
  /** The limit of messages that wait for one channel, and of broadcasts. */
  readonly mailboxLimit: number
  /** The limit of timers that one channel has set. */
  readonly timerLimit: number
  /** A join may take so long, its subscription included. */
  readonly joinTimeoutMs: number
}

/** The demands of a channel on the pubsub. */
export interface ChannelPubSub {
  /**
   * @returns true where it takes time: then `waiter` is told when everything that is published from then on will be delivered, within
   *   2 s
   */
  subscribe(topic: string, subscriber: Subscriber, waiter: TopicWaiter): boolean
  unsubscribe(topic: string, subscriber: Subscriber): void
  broadcast(topic: string, event: string, payload: unknown, except?: Subscriber): void
}

/** The demands of a channel on presence. Its socket is the owner of what it tracks. */
export interface ChannelPresence {
  /** The channel is joined: `tell` is to be called with the topic's state, then diffs follow. */
  joined(topic: string, tell: (state: JsonText) => void): void
  /** The presence that a socket shows. */
  of(socket: ChannelOwner): SocketPresence<unknown>
  /** The channel has ended, and with it what it tracked. */
  end(socket: ChannelOwner): void
}

/** A channel's socket, as far as presence knows it: what it tracks ends with the channel. */
export interface ChannelOwner {
  readonly id: string
  readonly topic: string
}
