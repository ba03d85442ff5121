import type { TSchema } from 'typebox'
import type { PayloadOut } from '../contract/binary.ts'
import type { EventPayload, IsAnySchema, OrSentence } from '../contract/schema.ts'
import type { Later, Rejection, Reply, Stop } from './result.ts'
import type { PayloadIn } from './schema.ts'

// Types only: what the schema of a channel says to its callbacks.

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

/** A sentence where `join` may give something else than its results: the assigns by themselves, `true`, nothing. */
export type CheckJoin<Join> = Join extends (...args: never[]) => infer R
  ? [Exclude<Awaited<R>, { readonly assigns: unknown } | Rejection>] extends [never]
    ? unknown
    : 'join returns { assigns: … }, beside them the `reply` where one is declared, or reject(…)'
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

/** The infos that a channel takes, by name. */
export type InfosOf<S> = S extends { info: infer I extends Record<string, TSchema> }
  ? I
  : Record<never, never>

/** The names of the infos that a channel takes; a sentence where it takes none. */
export type InfoEvent<S> =
  IsAnySchema<S> extends true ? string : OrSentence<keyof InfosOf<S> & string, TakesNoInfos>

type TakesNoInfos = 'this channel takes no infos: declare them in `info` of its schema'

/** The payload of an info, as it is sent. */
export type InfoPayload<S, E> = EventPayload<S, InfosOf<S>, E>

/** The payload of an info, as its handler gets it. */
export type InfoReceived<S, E> = E extends keyof InfosOf<S> ? PayloadIn<InfosOf<S>[E] & TSchema> : never

/** The results of the handler of an info. */
export type InfoResult = Nothing | Stop<undefined>
