import type { Static, TSchema } from 'typebox'
import type { ReservedEvent } from '../protocol/topic.ts'
import type { Later, Rejection, Reply, Stop } from './result.ts'
import type { PayloadIn, PayloadOut } from './schema.ts'

// Types only: what the schema of a channel says of payloads, replies and events.

/** A message that gets an answer: the payload's schema alone, or with the schemas of its reply and its error. */
export type Exchange =
  | TSchema
  | { readonly payload: TSchema; readonly reply?: TSchema | undefined; readonly error?: TSchema | undefined }

/** The contract of a channel. Every part is optional. */
export interface ChannelSchema {
  /** The payload that clients send to join, and the reply. */
  readonly join?: Exchange | { readonly reply: TSchema; readonly error?: TSchema | undefined } | undefined
  /** Events that clients push. */
  readonly in?: { readonly [event: string]: Exchange } | undefined
  /** Events that the server sends. */
  readonly out?: { readonly [event: string]: TSchema } | undefined
  /** Messages of the server to its own channels: `channels.info`. Clients neither send nor hear them. */
  readonly info?: { readonly [event: string]: TSchema } | undefined
  /** The meta of one presence. */
  readonly presence?: TSchema | undefined
}

/** The payload of an exchange. */
export type PayloadOf<X> = X extends { payload: infer P extends TSchema }
  ? PayloadIn<P>
  : X extends { reply: TSchema }
    ? unknown
    : X extends TSchema
      ? PayloadIn<X>
      : unknown

type ReplyOf<X> = X extends { reply: infer R extends TSchema } ? PayloadOut<R> : undefined

type DeclaresReply<X> = X extends { reply: TSchema } ? true : false

type ErrorOf<X> = X extends { error: infer E extends TSchema } ? PayloadOut<E> : unknown

/** True where a schema is any channel's, not one in particular: then all names are strings and all payloads unknown. */
export type IsAnySchema<S> = ChannelSchema extends S ? ('in' extends keyof S ? true : false) : false

/** The events that a channel sends, by name. */
export type EventsOut<S> = S extends { out: infer O extends Record<string, TSchema> }
  ? O
  : Record<never, never>

/** The names of the events that a channel sends; a sentence where it sends none. */
export type EventOut<S> =
  IsAnySchema<S> extends true ? string : OrSentence<keyof EventsOut<S> & string, SendsNothing>

/** The names; a sentence where there are none. */
export type OrSentence<Names extends string, Sentence extends string> = [Names] extends [never]
  ? Sentence
  : Names

type SendsNothing = 'this channel sends no events: declare them in `out` of its schema'

/** The payload of an event that a channel sends. */
export type PayloadOutOf<S, E> =
  IsAnySchema<S> extends true
    ? unknown
    : E extends keyof EventsOut<S>
      ? PayloadOut<EventsOut<S>[E] & TSchema>
      : never

/**
 * The results of a handler where a reply is declared: that reply, `fail(…)`, `reply(…)`, `stop(…)` or `later(…)`, now or
 * as a promise.
 */
export type ReplyDeclared<R, E = unknown> =
  | Outcome<R, E>
  | Stop<R | Failure<E> | undefined>
  | Later<Outcome<R, E>>

/** The results of a handler where no reply is declared: nothing, or any of the rest. */
export type NoReplyDeclared<E = unknown> =
  | Outcome<Nothing, E>
  | Stop<Failure<E> | undefined>
  | Later<Outcome<Nothing, E>>

type Outcome<R, E> = R | Failure<E> | Reply<unknown, 'custom'>

type Failure<E> = Reply<E, 'error'>

// biome-ignore lint/suspicious/noConfusingVoidType: a handler that ends without `return` gives void
export type Nothing = undefined | void

/** The results of the handler of an exchange, now or as a promise. */
export type HandlerResult<X> =
  DeclaresReply<X> extends true
    ? ReplyDeclared<OrNothing<ReplyOf<X>>, ErrorOf<X>>
    : NoReplyDeclared<ErrorOf<X>>

/** Where a reply may be `undefined`, a handler may as well end without `return`: the client then gets `{}`. */
type OrNothing<R> = undefined extends R ? R | Nothing : R

/**
 * The results of `join`: the assigns, with the reply where one is declared and no `snapshot` gives it (see
 * {@link CheckReply}), or `reject(…)`.
 */
export type JoinResult<A, X> =
  | {
      readonly assigns: A
      readonly reply?: ReplyOf<X> | undefined
      /** False: the client begins anew, whatever it had heard before. See the history of a channel. @default true */
      readonly resume?: boolean | undefined
    }
  | Rejection<ErrorOf<X>>

/** The results of `snapshot`: the reply to the join, or `reject(…)`. */
export type SnapshotResult<X> =
  DeclaresReply<X> extends true ? OrNothing<ReplyOf<X>> | Rejection<ErrorOf<X>> : DeclaresNoReply

/** Requires a `snapshot`, with a sentence, where a reply is declared and `join` gives none. */
export type RequireSnapshot<X, Join> =
  DeclaresReply<X> extends true
    ? undefined extends ReplyOf<X>
      ? unknown
      : [Granted<Join>] extends [never]
        ? unknown
        : Granted<Join> extends { readonly reply: Given }
          ? unknown
          : { readonly snapshot: object | NobodyReplies }
    : unknown

/** A sentence where both `join` and `snapshot` give the reply. */
export type CheckReply<X, Join, Snapshot> = unknown extends Snapshot
  ? unknown
  : [Granted<Join>] extends [never]
    ? unknown
    : Granted<Join> extends { readonly reply: Given }
      ? DeclaresReply<X> extends true
        ? BothReply
        : unknown
      : unknown

/** The grants among the results of a `join`; `never` where it gives none. */
type Granted<Join> = Join extends (...args: never[]) => infer R
  ? Extract<Awaited<R>, { readonly assigns: unknown }>
  : never

type Given = NonNullable<unknown> | null

type NobodyReplies =
  'the schema declares a reply to the join: `join` gives it as `reply`, or `snapshot` returns it'

type BothReply = 'the reply to the join comes from `join` or from `snapshot`, not from both'

type DeclaresNoReply = 'this channel declares no reply to its join: add `join: { reply }` to its schema'

/** The events that clients push, by name. */
export type EventsIn<S> = S extends { in: infer I extends object } ? I : Record<never, never>

/** The infos that a channel takes, by name. */
export type InfosOf<S> = S extends { info: infer I extends Record<string, TSchema> }
  ? I
  : Record<never, never>

/** The names of the infos that a channel takes; a sentence where it takes none. */
export type InfoEvent<S> =
  IsAnySchema<S> extends true ? string : OrSentence<keyof InfosOf<S> & string, TakesNoInfos>

type TakesNoInfos = 'this channel takes no infos: declare them in `info` of its schema'

/** The payload of an info, as it is sent. */
export type InfoPayload<S, E> =
  IsAnySchema<S> extends true
    ? unknown
    : E extends keyof InfosOf<S>
      ? PayloadOut<InfosOf<S>[E] & TSchema>
      : never

/** The payload of an info, as its handler gets it. */
export type InfoReceived<S, E> = E extends keyof InfosOf<S> ? PayloadIn<InfosOf<S>[E] & TSchema> : never

/** The results of the handler of an info. */
export type InfoResult = Nothing | Stop<undefined>

/** `S`, with a sentence in the place of everything in it that is wrong. */
export type CheckSchema<S> = {
  readonly [K in keyof S]: K extends 'in'
    ? Unless<S[K], { readonly [E in keyof S[K]]: CheckEvent<E, CheckExchange<S[K][E]>> }>
    : K extends 'out' | 'info'
      ? Unless<S[K], { readonly [E in keyof S[K]]: CheckEvent<E, CheckType<S[K][E]>> }>
      : K extends 'join'
        ? Unless<S[K], CheckExchange<S[K]>>
        : K extends 'presence'
          ? Unless<S[K], CheckType<S[K]>>
          : `a channel schema has join, in, out, info and presence, not "${K & string}"`
}

/** A part that is undefined is as good as absent. */
type Unless<X, Check> = X extends undefined ? X : Check

type CheckEvent<E, X> = E extends ReservedEvent ? `the event "${E}" belongs to the protocol` : X

/** The marks that TypeBox puts on the schemas that it makes. */
type TypeBoxMark = '~kind' | '~unsafe' | '~refine' | '~binary'

type CheckType<X> =
  Extract<keyof X, TypeBoxMark> extends never
    ? 'this is no TypeBox schema: wrap other JSON schemas in Type.Unsafe(…)'
    : CheckCarried<X>

type CheckCarried<X> = X extends TSchema
  ? [Uncarried<Static<X>>] extends [never]
    ? X
    : 'JSON carries no Date, bigint, symbol, function, Map, Set or promise: declare what is sent in its place'
  : X

/** Types that JSON does not have; looked for some levels deep, for types may have no end. */
type Uncarried<T, Depth extends readonly unknown[] = []> = unknown extends T
  ? never
  : Depth['length'] extends 6
    ? never
    : T extends NotJson
      ? T
      : T extends Uint8Array | string | number | boolean | null | undefined
        ? never
        : T extends readonly (infer E)[]
          ? Uncarried<E, [...Depth, 0]>
          : { [K in keyof T]-?: Uncarried<T[K], [...Depth, 0]> }[keyof T]

type NotJson =
  | bigint
  | symbol
  | Date
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | PromiseLike<unknown>
  | ((...args: never[]) => unknown)

type CheckExchange<X> =
  Extract<keyof X, TypeBoxMark> extends never
    ? {
        readonly [K in keyof X]: K extends 'payload' | 'reply' | 'error'
          ? Unless<X[K], CheckType<X[K]>>
          : `an exchange has payload, reply and error, not "${K & string}"`
      }
    : CheckCarried<X>
