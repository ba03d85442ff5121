import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import type { CheckPattern, ReservedEvent, TopicId, TopicOf } from '../topic.ts'
import type { Later, Rejection, Reply, Stop, StopReason } from './result.ts'
import type { PayloadIn, PayloadOut } from './schema.ts'

// Types only: everything that `defineChannel` infers from a schema.

/**
 * What an application tells the type checker about its channels and connections:
 *
 *     declare module 'fastify-beryl' {
 *       interface Register { channels: [typeof room, typeof user]; connection: { userId: string } }
 *     }
 */
// biome-ignore lint/suspicious/noEmptyInterface: made to be augmented
export interface Register {}

/** What `connect` gave to a connection: as registered, else unknown fields. */
export type ConnectionAssigns = Register extends { connection: infer A } ? A : Record<string, unknown>

/** A message that gets an answer: the payload's schema alone, or with the schemas of its reply and its error. */
export type Exchange =
  | TSchema
  | { readonly payload: TSchema; readonly reply?: TSchema; readonly error?: TSchema }

/** The contract of a channel. Every part is optional. */
export interface ChannelSchema {
  /** What clients send to join, and what they get. */
  readonly join?: Exchange | { readonly reply: TSchema; readonly error?: TSchema }
  /** Events that clients push. */
  readonly in?: { readonly [event: string]: Exchange }
  /** Events that the server sends. */
  readonly out?: { readonly [event: string]: TSchema }
  /** The meta of one presence. */
  readonly presence?: TSchema
}

type PayloadOf<X> = X extends { payload: infer P extends TSchema }
  ? PayloadIn<P>
  : X extends { reply: TSchema }
    ? unknown
    : X extends TSchema
      ? PayloadIn<X>
      : unknown

type ReplyOf<X> = X extends { reply: infer R extends TSchema } ? PayloadOut<R> : undefined

type ErrorOf<X> = X extends { error: infer E extends TSchema } ? PayloadOut<E> : unknown

type EventsOut<S> = S extends { out: infer O extends Record<string, TSchema> } ? O : Record<never, never>

/** The names of the events that a channel sends. */
export type EventOut<S> = keyof EventsOut<S> & string

/** The payload of an event that a channel sends. */
export type PayloadOutOf<S, E> = E extends keyof EventsOut<S> ? PayloadOut<EventsOut<S>[E] & TSchema> : never

type MetaOf<S> = S extends { presence: infer M extends TSchema } ? PayloadOut<M> : never

// biome-ignore lint/suspicious/noConfusingVoidType: a handler that ends without `return` gives void
type Answer<X> = ReplyOf<X> extends undefined ? undefined | void : ReplyOf<X>

type Outcome<X> = Answer<X> | Reply<ErrorOf<X>, 'error'> | Reply<unknown, string & {}>

/** What a handler may give: the declared reply, `fail(…)`, `reply(…)`, `stop(…)`, `later(…)`, now or as a promise. */
export type HandlerResult<X> =
  | Outcome<X>
  | Stop<Answer<X> | Reply<ErrorOf<X>, 'error'> | undefined>
  | Later<Outcome<X>>

/** What `join` may give: the assigns (and the reply, where one is declared), or `reject(…)`. */
export type JoinResult<A, X> =
  | (ReplyOf<X> extends undefined
      ? { readonly assigns: A; readonly reply?: undefined }
      : { readonly assigns: A; readonly reply: ReplyOf<X> })
  | Rejection<ErrorOf<X>>

/** What is known of a client's connection. */
export interface Connection {
  /** Unique over all nodes. What `channels.push` and `channels.broadcastFrom` address. */
  readonly id: string
  /** What `connect` gave. */
  readonly assigns: ConnectionAssigns
  /** The client's address, as Fastify sees it (`trustProxy` counts). */
  readonly ip: string
  readonly transport: 'websocket' | 'test'
  /** Wall-clock milliseconds since the epoch. */
  readonly connectedAt: number
}

/** What `connect` may give: the assigns, with the time at which the client must connect again if there is one. */
export type ConnectGrant =
  | ConnectionAssigns
  | {
      readonly assigns: ConnectionAssigns
      /** A date, or wall-clock milliseconds. The connection is then closed with 1001. */
      readonly expiresAt: Date | number
    }

/** What `connect` sees, before the upgrade. */
export interface ConnectContext {
  /** The query of the URL, nested as Phoenix nests it (`a[b]=1`, `l[]=1`). */
  readonly params: Record<string, unknown>
  readonly request: FastifyRequest
  /** The token that a Phoenix client gave as `authToken`, carried in the sub-protocol header. */
  readonly authToken: string | undefined
}

/** What `join` sees. */
export interface JoinContext<P extends string, S> {
  readonly topic: TopicOf<P>
  /** What the `*` of the pattern matched. */
  readonly id: TopicId<P>
  readonly payload: S extends { join: infer X } ? PayloadOf<X> : unknown
  readonly connection: Connection
  readonly server: FastifyInstance
  readonly log: FastifyBaseLogger
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

/** Stands where a channel without `schema.presence` is asked for presence. */
export interface PresenceNotDeclared {
  readonly 'this channel declares no presence: add `presence` to its schema': never
}

/** One joined topic of one client, as its handlers see it. */
export interface Socket<P extends string = string, S = ChannelSchema, A = unknown> {
  /** The id of the connection. */
  readonly id: string
  readonly topic: TopicOf<P>
  /** What the `*` of the pattern matched. */
  readonly topicId: TopicId<P>
  /** The client's own name for this join. */
  readonly joinRef: unknown
  /** What `join` gave. Yours to change. */
  assigns: A
  readonly connection: Connection
  readonly server: FastifyInstance
  /** A child logger that names the socket and the topic. Made on first use. */
  readonly log: FastifyBaseLogger
  /** Aborted when the channel ends, whatever way. Made on first use. */
  readonly signal: AbortSignal
  readonly presence: S extends { presence: TSchema } ? SocketPresence<MetaOf<S>> : PresenceNotDeclared
  /** Sends to this client alone. */
  push<E extends EventOut<S>>(event: E, payload: PayloadOutOf<S, E>): void
  /** Sends to all on the topic, on every node, this client included. */
  broadcast<E extends EventOut<S>>(event: E, payload: PayloadOutOf<S, E>): void
  /** Sends to all on the topic but this channel. */
  broadcastFrom<E extends EventOut<S>>(event: E, payload: PayloadOutOf<S, E>): void
  /** Ends the channel after the message that it is at. @param reason @default 'normal' */
  stop(reason?: StopReason): void
}

/** Why a channel ended. */
export type TerminateReason =
  /** The client left the topic. */
  | { readonly kind: 'left' }
  /** The connection closed, with this WebSocket code (1006: it broke). */
  | { readonly kind: 'closed'; readonly code: number }
  /** The server ended it: a drain, a disconnect, a restart, or a second join of the same topic by the same client. */
  | { readonly kind: 'shutdown'; readonly reason: 'drain' | 'disconnect' | 'restart' | 'duplicate_join' }
  /** The client was silent for too long. */
  | { readonly kind: 'idle' }
  /** The channel stopped itself. */
  | { readonly kind: 'stopped'; readonly reason: StopReason }
  /** A callback threw, rejected or gave something else than it may. */
  | { readonly kind: 'crashed'; readonly error: unknown }

type MaybePromise<T> = T | Promise<T>

type HandlersIn<P extends string, S, A> = S extends { in: infer I }
  ? {
      readonly in: {
        readonly [E in keyof I]: (
          payload: PayloadOf<I[E]>,
          socket: Socket<P, S, A>,
        ) => MaybePromise<HandlerResult<I[E]>>
      }
    }
  : { readonly in?: { readonly 'this channel declares no incoming events: add `in` to its schema'?: never } }

type Intercepts<P extends string, S, A> = {
  readonly [E in EventOut<S>]?: (
    payload: PayloadOutOf<S, E>,
    socket: Socket<P, S, A>,
  ) => MaybePromise<PayloadOutOf<S, E> | undefined>
}

/** The second argument of `defineChannel`. */
export type ChannelDefinitionInput<P extends string, S extends ChannelSchema, A> = {
  readonly schema: S & CheckSchema<S>
  /** Decides whether a client may join. Nothing exists for the topic before it says yes. */
  join(context: JoinContext<P, S>): MaybePromise<JoinResult<A, S extends { join: infer X } ? X : unknown>>
  /** Runs when the join reply is on its way. */
  joined?(socket: Socket<P, S, A>): MaybePromise<void>
  /** Rewrites (or, with `undefined`, drops) a broadcast for each subscriber: Phoenix's `handle_out`. */
  readonly intercept?: Intercepts<P, S, A>
  /** Runs once when the channel has ended, whatever way. */
  terminate?(reason: TerminateReason, socket: Socket<P, S, A>): MaybePromise<void>
} & HandlersIn<P, S, A>

/** A sentence in the place of each event that the protocol keeps for itself. */
type CheckSchema<S> = {
  readonly [K in keyof S]: K extends 'in' | 'out'
    ? {
        readonly [E in keyof S[K]]: E extends ReservedEvent
          ? `the event "${E}" belongs to the protocol`
          : S[K][E]
      }
    : K extends keyof ChannelSchema
      ? S[K]
      : `a channel schema has join, in, out and presence, not "${K & string}"`
}

/** A channel as `defineChannel` made it: what `channels: […]` and `channels.register` take. */
export interface ChannelDefinition<
  P extends string = string,
  S extends ChannelSchema = ChannelSchema,
  A = unknown,
> {
  readonly pattern: P
  readonly schema: S
  /** Carries the type of the assigns; there is no such property at run time. */
  readonly '~assigns'?: A
}

/** The signature of `defineChannel`. */
export type DefineChannel = <const P extends string, const S extends ChannelSchema, A>(
  pattern: P extends CheckPattern<P> ? P : CheckPattern<P>,
  definition: ChannelDefinitionInput<P, S, A>,
) => ChannelDefinition<P, S, A>

type Registered = Register extends { channels: infer C extends readonly ChannelDefinition[] }
  ? C[number]
  : never

/** Whether the application registered its channels with the type checker. */
type IsRegistered = [Registered] extends [never] ? false : true

/** The topics of all registered channels; any string where none is registered. */
export type RegisteredTopic = IsRegistered extends true ? TopicOf<Registered['pattern']> : string

type ChannelOf<T extends string, D = Registered> =
  D extends ChannelDefinition<infer P> ? (T extends TopicOf<P> ? D : never) : never

/** The events that may be sent to a topic. */
export type RegisteredEvent<T extends string> = IsRegistered extends true
  ? ChannelOf<T> extends infer D
    ? D extends { schema: infer S }
      ? EventOut<S>
      : never
    : never
  : string

/** The payload of an event that is sent to a topic. */
export type RegisteredPayload<T extends string, E> = IsRegistered extends true
  ? ChannelOf<T> extends infer D
    ? D extends { schema: infer S }
      ? E extends EventOut<S>
        ? PayloadOutOf<S, E>
        : never
      : never
    : never
  : unknown
