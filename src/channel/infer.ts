import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { TSchema } from 'typebox'
import type { PayloadOut } from '../contract/binary.ts'
import type { Contract } from '../contract/contract.ts'
import type {
  ChannelSchema,
  CheckSchema,
  EventOut,
  EventsIn,
  EventsOut,
  IsAnySchema,
  LoggableEvent,
  PayloadOutOf,
} from '../contract/schema.ts'
import type { CheckPattern, TopicId, TopicOf } from '../contract/topic.ts'
import type { Timer } from '../ground/clock.ts'
import type { LogPosition } from '../pubsub/log.ts'
import type { MaybePromise } from '../supervision/process.ts'
import type { Connection } from './connection.ts'
import type {
  CheckJoin,
  CheckReply,
  HandlerResult,
  InfoReceived,
  InfoResult,
  InfosOf,
  JoinResult,
  PayloadOf,
  RequireSnapshot,
  SnapshotResult,
} from './contract.ts'
import type { StopReason } from './result.ts'

// Types only: everything that `defineChannel` infers from a schema.

/** The argument of `join`. */
export interface JoinContext<P extends string, S> {
  readonly topic: TopicOf<P>
  /** The text that the `*` of the pattern matched. */
  readonly id: TopicId<P>
  /** The payload that the client sent, which fits the schema. */
  readonly payload: S extends { join: infer X } ? PayloadOf<X> : unknown
  /** The client that asks: its `assigns` are what `connect` gave. */
  readonly connection: Connection
  /** The Fastify instance, with all its decorators. */
  readonly server: FastifyInstance
  /** A logger that names the connection. */
  readonly log: FastifyBaseLogger
  /** Aborted when nobody waits for the answer any more: the client left, or is gone, or it took too long. Made on first use. */
  readonly signal: AbortSignal
}

/** The presence of one channel: who it says is there. */
export interface SocketPresence<Meta> {
  /** Says that `key` is here, with `meta`. Ends with the channel by itself. */
  track(key: string, meta: Meta): void
  /** Replaces the meta, or makes the new from the old. */
  update(key: string, meta: Meta | ((meta: Meta) => Meta)): void
  untrack(key: string): void
  /** Everybody on the topic, on every node. */
  list(): Record<string, { metas: (Meta & { phx_ref: string; phx_ref_prev?: string })[] }>
}

/** The presence of a socket of any channel. */
interface AnyPresence {
  track(key: string, meta: object): void
  update(key: string, meta: object | ((meta: Readonly<Record<string, unknown>>) => object)): void
  untrack(key: string): void
  list(): Record<string, { metas: { phx_ref: string; phx_ref_prev?: string }[] }>
}

/** The presence that a channel's sockets have; a sentence where its schema declares none. */
type PresenceOf<S> =
  IsAnySchema<S> extends true
    ? AnyPresence
    : S extends { presence: infer M extends TSchema }
      ? SocketPresence<PayloadOut<M>>
      : NoPresence

type DeclaresNoPresence = 'this channel declares no presence: add `presence` to its schema'

/** Fits where the presence of any socket is wanted. Nobody who knows the channel can call it. */
interface NoPresence {
  track(this: DeclaresNoPresence, key: string, meta: object): void
  update(this: DeclaresNoPresence, key: string, meta: object): void
  untrack(this: DeclaresNoPresence, key: string): void
  list(this: DeclaresNoPresence): Record<string, { metas: { phx_ref: string; phx_ref_prev?: string }[] }>
}

/** One joined topic of one client, as its handlers see it. */
export interface Socket<P extends string = string, S = ChannelSchema, A = unknown> {
  /** The id of the connection. */
  readonly id: string
  readonly topic: TopicOf<P>
  /** The text that the `*` of the pattern matched. */
  readonly topicId: TopicId<P>
  /** The client's own name for this join. */
  readonly joinRef: unknown
  /** The assigns that `join` gave. Yours to change. */
  assigns: A
  readonly connection: Connection
  readonly server: FastifyInstance
  /** A child logger that names the socket and the topic. Made on first use. */
  readonly log: FastifyBaseLogger
  /** Aborted when the channel ends, whatever way. Made on first use. */
  readonly signal: AbortSignal
  readonly presence: PresenceOf<S>
  /** Sends to this client alone. */
  push<E extends EventOut<S>>(event: E, payload: PayloadOutOf<S, E>): void
  /** Sends to all on the topic, on every node, this client included. */
  broadcast<E extends EventOut<S>>(event: E, payload: PayloadOutOf<S, E>): void
  /** Sends to all on the topic but this channel. */
  broadcastFrom<E extends EventOut<S>>(event: E, payload: PayloadOutOf<S, E>): void
  /**
   * As {@link broadcast}, of an event that is in the channel's `history`. Resolves when the log has it, not when it was delivered.
   *
   * @param options `id`: where it is in the log already, its first position is given, and nothing is sent again.
   * Rejects with `BERYL_ERR_HISTORY_UNDECLARED`, `BERYL_ERR_HISTORY_UNAVAILABLE`, `BERYL_ERR_HISTORY_UNKNOWN` or the errors of {@link broadcast}.
   */
  publish<E extends EventOut<S>>(
    event: E,
    payload: PayloadOutOf<S, E>,
    options?: PublishOptions | undefined,
  ): Promise<LogPosition>
  /**
   * Calls `callback` once, `ms` (0 to 2,147,483,647) or later from now, in the channel's turn: no other callback of it is at work
   * then. What it throws crashes the channel. It ends with the channel; on one that has ended it never runs.
   *
   * @throws `BERYL_ERR_TIMER_LIMIT` above `limits.timers`, `BERYL_ERR_ARGUMENT`
   */
  setTimeout(callback: () => unknown, ms: number): Timer
  /** As {@link Socket.setTimeout}, every `ms` (from 1) until cancelled. A turn that has not come yet is not doubled. */
  setInterval(callback: () => unknown, ms: number): Timer
  /** Ends the channel after the message that it is at. @param reason @default 'normal' */
  stop(reason?: StopReason): void
}

/** The socket of any channel: what functions take that serve several. Made structural, so that each `Socket` fits. */
export type AnySocket = Pick<Socket, keyof Socket>

/** Why a channel ended. */
export type TerminateReason =
  /** The client left the topic. */
  | { readonly kind: 'left' }
  /** The connection closed, with this WebSocket code (1006: it broke). */
  | { readonly kind: 'closed'; readonly code: number }
  /**
   * The server ended it: a drain, a disconnect, a restart, a second join of the same topic by the same client, more
   * broadcasts waiting than `limits.mailbox`, a join that took longer than `limits.joinTimeoutMs`, a log that could not be asked for a
   * position, or one that lost entries which the client should have had.
   */
  | {
      readonly kind: 'shutdown'
      readonly reason:
        | 'drain'
        | 'disconnect'
        | 'restart'
        | 'duplicate_join'
        | 'overloaded'
        | 'join_timeout'
        | 'history_gap'
        | 'history_unavailable'
    }
  /** The client was silent for too long. */
  | { readonly kind: 'idle' }
  /** `channels.leave` ended it, with this reason. */
  | { readonly kind: 'dismissed'; readonly reason: string | undefined }
  /** The channel stopped itself. */
  | { readonly kind: 'stopped'; readonly reason: StopReason }
  /** A callback threw, rejected or gave something else than it may. */
  | { readonly kind: 'crashed'; readonly error: unknown }

/** Handles one event that clients push. */
export type Handler<X, S = Socket> = (payload: PayloadOf<X>, socket: S) => MaybePromise<HandlerResult<X>>

// Mapped, not conditional: what is inferred for the assigns would come too late to a condition's branches.
type HandlersIn<P extends string, S, A> = {
  readonly [E in keyof EventsIn<S>]: Handler<EventsIn<S>[E], Socket<P, S, A>>
}

/** Handlers are required where events are declared, and only there. */
type RequireIn<S> = S extends { in: object }
  ? { readonly in: unknown }
  : {
      readonly in?:
        | { readonly 'this channel declares no incoming events: add `in` to its schema'?: never }
        | undefined
    }

// Mapped, as the handlers of what clients push.
type InfoHandlers<P extends string, S, A> = {
  readonly [E in keyof InfosOf<S>]: (
    payload: InfoReceived<S, E>,
    socket: Socket<P, S, A>,
  ) => MaybePromise<InfoResult>
}

/** Required where infos are declared, and only there. */
type RequireInfo<S> = S extends { info: object }
  ? { readonly info: unknown }
  : {
      readonly info?:
        | { readonly 'this channel declares no infos: add `info` to its schema'?: never }
        | undefined
    }

type Intercepts<P extends string, S, A> = {
  readonly [E in keyof EventsOut<S>]?:
    | ((payload: PayloadOutOf<S, E>, socket: Socket<P, S, A>) => MaybePromise<PayloadOutOf<S, E> | undefined>)
    | undefined
}

/** The second argument of `defineChannel`. */
export type ChannelDefinitionInput<P extends string, S extends ChannelSchema, A, Join, Snapshot> = {
  /** Not where a contract is given in the place of the pattern. */
  readonly schema?: (S & CheckSchema<S>) | undefined
  /** Decides whether a client may join. Nothing exists for the topic before it says yes. */
  readonly join: CheckJoin<NoInfer<Join>> &
    ((context: JoinContext<P, S>) => MaybePromise<JoinResult<A, JoinOf<S>>>) &
    Join &
    CheckReply<JoinOf<S>, NoInfer<Join>, NoInfer<Snapshot>>
  /**
   * Gives the reply to the join, where `join` does not. It runs when the channel is subscribed, and what is broadcast
   * meanwhile waits behind the reply: what it reads misses nothing.
   */
  readonly snapshot?:
    | (((socket: Socket<P, S, A>, context: SnapshotContext) => MaybePromise<SnapshotResult<JoinOf<S>>>) &
        Snapshot)
    | undefined
  /** Runs when the join reply is on its way. */
  readonly joined?: ((socket: Socket<P, S, A>) => MaybePromise<void>) | undefined
  /** One handler for each event that `schema.in` declares. */
  readonly in?: HandlersIn<P, S, A> | undefined
  /** One handler for each info that `schema.info` declares: Phoenix's `handle_info`. Sent with `channels.info`. */
  readonly info?: InfoHandlers<P, S, A> | undefined
  /** Rewrites (or, with `undefined`, drops) a broadcast for each subscriber: Phoenix's `handle_out`. */
  readonly intercept?: Intercepts<P, S, A> | undefined
  /** The log of the channel's topics. @default none */
  readonly history?: ChannelHistory<S> | undefined
  /** Runs once when the channel has ended, whatever way. */
  readonly terminate?: ((reason: TerminateReason, socket: Socket<P, S, A>) => MaybePromise<void>) | undefined
} & RequireSchema<S> &
  RequireIn<S> &
  RequireInfo<S> &
  RequireSnapshot<JoinOf<S>, NoInfer<Join>>

/** Nothing is known of a schema where neither a contract nor the definition has one. */
type RequireSchema<S> = IsAnySchema<S> extends true ? { readonly schema: ChannelSchema } : unknown

type JoinOf<S> = S extends { join: infer X } ? X : unknown

/** The log of a channel's topics: see `docs/history.md`. */
export interface ChannelHistory<S = ChannelSchema> {
  /** The events that are logged: no bytes among them. Events that need not be told again would push out the others. */
  readonly events: readonly LoggableEvent<S>[]
  /** So many entries are kept. From 1 to 10,000. @default 100 */
  readonly size?: number | undefined
  /** Entries go so long after the last one, in milliseconds: no promise of erasure. @default 300_000 */
  readonly ttlMs?: number | undefined
}

/** The options of `publish`. */
export interface PublishOptions {
  /** A well-formed string of 1 to 255 bytes. @default one that is made by the library */
  readonly id?: string | undefined
}

/** The second argument of `snapshot`. */
export interface SnapshotContext {
  /** True where the client has missed nothing and is told what came since: nothing has to be read. */
  readonly recovered: boolean
}

/** A channel as `defineChannel` made it: what `channels: […]` and `channels.register` take. */
export interface ChannelDefinition<
  P extends string = string,
  S extends ChannelSchema = ChannelSchema,
  A = unknown,
> extends Contract<P, S> {
  /** Carries the type of the assigns; there is no such property at run time. */
  readonly '~assigns'?: A
}

/** The signature of `defineChannel`. */
export type DefineChannel = <
  const P extends string,
  const S extends ChannelSchema,
  A,
  Join = unknown,
  Snapshot = unknown,
>(
  pattern: (P extends CheckPattern<P> ? P : CheckPattern<P>) | Contract<P, S>,
  definition: ChannelDefinitionInput<P, S, A, Join, Snapshot>,
) => ChannelDefinition<P, S, A>
