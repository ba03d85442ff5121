import type { TSchema } from 'typebox'
import type { PayloadOut } from '../contract/binary.ts'
import type { Contract } from '../contract/contract.ts'
import type { EventsIn, EventsOut, IsAnySchema, OrSentence, Sent } from '../contract/schema.ts'
import type { Owner, TopicOf } from '../contract/topic.ts'
import type { ChannelError, Issue, LocalReason, ServerReason } from './error.ts'

// Types only: what the contracts of an application say to its clients.

/** The contracts of an application, or its channels: `[typeof room, typeof board]`. */
export type AnyApp = readonly Contract[]

/** The topics of an application. */
export type TopicIn<App extends AnyApp> = App[number] extends Contract<infer P> ? TopicOf<P> : never

/** The schema that a topic has. */
export type SchemaAt<App extends AnyApp, T extends string> = SchemaFor<App[number], Owner<T, PatternIn<App>>>

type PatternIn<App extends AnyApp> = App[number]['pattern']

type SchemaFor<C extends Contract, P extends string> =
  C extends Contract<infer Q, infer S> ? (Q extends P ? S : never) : never

/** The exchange that joins are. */
export type JoinOf<S> = S extends { join: infer X } ? X : unknown

/** The events that clients push; a sentence where there are none. */
export type EventTo<S> =
  IsAnySchema<S> extends true ? string : OrSentence<keyof EventsIn<S> & string, TakesNothing>

type TakesNothing = 'this channel takes no events: declare them in `in` of its contract'

/** The exchange that an event is. */
export type ExchangeAt<S, E> = E extends keyof EventsIn<S> ? EventsIn<S>[E] : unknown

/** The payload of an event that the server sends. */
export type Heard<S, E> =
  IsAnySchema<S> extends true
    ? unknown
    : E extends keyof EventsOut<S>
      ? PayloadOut<EventsOut<S>[E] & TSchema>
      : never

/** The `ok` reply. One that may be `undefined` comes as `{}`. */
export type OkReply<X> = X extends { reply: infer R extends TSchema }
  ? unknown extends PayloadOut<R>
    ? unknown
    : PayloadOut<R> extends undefined
      ? Record<never, never>
      : Exclude<PayloadOut<R>, undefined>
  : unknown

/** The payload of a join, without what the client says for itself. */
export type JoinPayload<S> = Sent<JoinOf<S>>

/** A promise that says how it rejects. */
export interface Answer<Reply, Failure> extends Promise<Reply> {
  then<A = Reply, B = never>(
    onReply?: ((reply: Reply) => A | PromiseLike<A>) | null,
    onFailure?: ((error: Failure) => B | PromiseLike<B>) | null,
  ): Promise<A | B>
  catch<B = never>(onFailure?: ((error: Failure) => B | PromiseLike<B>) | null): Promise<Reply | B>
}

// biome-ignore lint/suspicious/noConfusingVoidType: what nobody answers gives nothing to wait for
type Unanswered = void

/** The answer to a push: none where its contract declares no reply, for then nothing is answered. */
export type Pushed<S, E> =
  IsAnySchema<S> extends true
    ? Answer<unknown, FailureOf<unknown>>
    : ExchangeAt<S, E> extends { reply: TSchema }
      ? Answer<OkReply<ExchangeAt<S, E>>, FailureOf<ExchangeAt<S, E>>>
      : Unanswered

/** The errors of a join, or of a push: those that its contract declares, and the library's own. */
export type FailureOf<X> = DeclaredFailure<X> | LibraryFailure

type DeclaredFailure<X> = X extends { error: infer E extends TSchema }
  ? Declared<PayloadOut<E>>
  : ChannelError<string & {}, unknown>

type Declared<E> = E extends { reason: infer R extends string }
  ? ChannelError<R, E>
  : E extends string
    ? ChannelError<E, E>
    : ChannelError<'error', E>

type LibraryFailure =
  | ChannelError<'invalid_payload', { readonly reason: 'invalid_payload'; readonly errors: readonly Issue[] }>
  | ChannelError<'rate_limited', { readonly reason: 'rate_limited'; readonly retry_after_ms: number }>
  | PlainFailure<Exclude<ServerReason, 'invalid_payload' | 'rate_limited'>>
  | ChannelError<Exclude<LocalReason, 'closed'>, undefined>
  | ChannelError<'closed', { readonly reason?: string } | undefined>

type PlainFailure<R> = R extends string ? ChannelError<R, { readonly reason: R } | undefined> : never

/** The position of a topic's history: what `channels.history` of the server gave, or {@link Channel.position}. */
export interface Position {
  readonly epoch: string
  readonly offset: number
}

/**
 * A change of a channel, and what belongs to it:
 *
 * - `joining`: it is asked for; `error` where an attempt was refused that will be repeated
 * - `joined`: `recovered` is false where something may have been missed: then the state has to be read anew. Where it is true, at
 *   most `missed` entries of the history follow
 * - `offline`: there is no connection; it joins by itself when there is one
 * - `closed`: it was left, refused for good, or ended by the server: `error` says which; it stays so until `join` is called
 */
export type ChannelChange<Reply = unknown, Failure = ChannelError> =
  | [state: 'joining', detail: { readonly error?: Failure | undefined }]
  | [
      state: 'joined',
      detail: {
        readonly recovered: boolean
        readonly missed: number
        readonly reply: Reply
        readonly error?: undefined
      },
    ]
  | [state: 'offline', detail: { readonly error?: undefined }]
  | [state: 'closed', detail: { readonly error?: Failure | undefined }]

/** `offline`: the connection is away, and the channel is joined again with it. `closed`: left, refused for good, or ended. */
export type ChannelState = ChannelChange[0]

/** `connecting`: never connected yet. `offline`: it tries again by itself. */
export type ClientState = 'connecting' | 'connected' | 'offline' | 'closed'

/** One key of a presence: who, and one meta for each time that it is there. */
export interface Present<Meta> {
  readonly key: string
  readonly metas: readonly (Meta & { readonly phx_ref: string })[]
}

/** The changes of one moment. Who was away for a moment, or only has a new name, has neither left nor joined. */
export interface PresenceChange<Meta> {
  readonly joins: readonly Present<Meta>[]
  readonly leaves: readonly Present<Meta>[]
  readonly updates: readonly (Present<Meta> & { readonly before: Present<Meta>['metas'] })[]
}

/** The presences of a topic, on every node. */
export interface ChannelPresence<Meta> {
  /** Everybody. The same array until something changes. */
  list(): readonly Present<Meta>[]
  /** Is told each change. Gives what ends it. */
  onChange(handler: (change: PresenceChange<Meta>) => void): () => void
}

/** The presence that a channel has; a sentence where its contract declares none. */
export type PresenceOf<S> =
  IsAnySchema<S> extends true
    ? ChannelPresence<Readonly<Record<string, unknown>>>
    : S extends { presence: infer M extends TSchema }
      ? ChannelPresence<PayloadOut<M>>
      : 'this channel declares no presence: add `presence` to its contract'
