import type { TSchema } from 'typebox'
import type { ReservedEvent } from '../topic.ts'
import type { Later, Rejection, Reply, Stop } from './result.ts'
import type { PayloadIn, PayloadOut } from './schema.ts'

// Types only: what the schema of a channel says of payloads, replies and events.

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

/** What clients send with it. */
export type PayloadOf<X> = X extends { payload: infer P extends TSchema }
  ? PayloadIn<P>
  : X extends { reply: TSchema }
    ? unknown
    : X extends TSchema
      ? PayloadIn<X>
      : unknown

type ReplyOf<X> = X extends { reply: infer R extends TSchema } ? PayloadOut<R> : undefined

type ErrorOf<X> = X extends { error: infer E extends TSchema } ? PayloadOut<E> : unknown

/** Whether a schema is any channel's, not one in particular: then all names are strings and all payloads unknown. */
export type IsAnySchema<S> = ChannelSchema extends S ? ('in' extends keyof S ? true : false) : false

/** The events that a channel sends, by name. */
export type EventsOut<S> = S extends { out: infer O extends Record<string, TSchema> }
  ? O
  : Record<never, never>

/** The names of the events that a channel sends; a sentence where it sends none. */
export type EventOut<S> =
  IsAnySchema<S> extends true ? string : OrSentence<keyof EventsOut<S> & string, SendsNothing>

type OrSentence<Names extends string, Sentence extends string> = [Names] extends [never] ? Sentence : Names

type SendsNothing = 'this channel sends no events: declare them in `out` of its schema'

/** The payload of an event that a channel sends. */
export type PayloadOutOf<S, E> =
  IsAnySchema<S> extends true
    ? unknown
    : E extends keyof EventsOut<S>
      ? PayloadOut<EventsOut<S>[E] & TSchema>
      : never

/**
 * What a handler may give where a reply is declared: that reply, `fail(…)`, `reply(…)`, `stop(…)` or `later(…)`, now or
 * as a promise.
 */
export type ReplyDeclared<R, E = unknown> =
  | Outcome<R, E>
  | Stop<R | Failure<E> | undefined>
  | Later<Outcome<R, E>>

/** What a handler may give where no reply is declared: nothing, or any of the rest. */
export type NoReplyDeclared<E = unknown> =
  | Outcome<Nothing, E>
  | Stop<Failure<E> | undefined>
  | Later<Outcome<Nothing, E>>

type Outcome<R, E> = R | Failure<E> | Reply<unknown, 'custom'>

type Failure<E> = Reply<E, 'error'>

// biome-ignore lint/suspicious/noConfusingVoidType: a handler that ends without `return` gives void
type Nothing = undefined | void

/** What the handler of an exchange may give, before or as a promise. */
export type HandlerResult<X> =
  ReplyOf<X> extends undefined ? NoReplyDeclared<ErrorOf<X>> : ReplyDeclared<ReplyOf<X>, ErrorOf<X>>

/** What `join` may give: the assigns (and the reply, where one is declared), or `reject(…)`. */
export type JoinResult<A, X> =
  ReplyOf<X> extends undefined ? Joined<A, ErrorOf<X>> : JoinedWithReply<A, ReplyOf<X>, ErrorOf<X>>

type Joined<A, E> = { readonly assigns: A; readonly reply?: undefined } | Rejection<E>

type JoinedWithReply<A, R, E> = { readonly assigns: A; readonly reply: R } | Rejection<E>

/** The events that clients push, by name. */
export type EventsIn<S> = S extends { in: infer I } ? I : Record<never, never>

/** `S`, with a sentence in the place of everything in it that is wrong. */
export type CheckSchema<S> = {
  readonly [K in keyof S]: K extends 'in'
    ? { readonly [E in keyof S[K]]: CheckEvent<E, CheckExchange<S[K][E]>> }
    : K extends 'out'
      ? { readonly [E in keyof S[K]]: CheckEvent<E, CheckType<S[K][E]>> }
      : K extends 'join'
        ? CheckExchange<S[K]>
        : K extends 'presence'
          ? CheckType<S[K]>
          : `a channel schema has join, in, out and presence, not "${K & string}"`
}

type CheckEvent<E, X> = E extends ReservedEvent ? `the event "${E}" belongs to the protocol` : X

/** The marks that TypeBox puts on the schemas that it makes. */
type TypeBoxMark = '~kind' | '~unsafe' | '~refine' | '~binary'

type CheckType<X> =
  Extract<keyof X, TypeBoxMark> extends never
    ? 'this is no TypeBox schema: wrap other JSON schemas in Type.Unsafe(…)'
    : X

type CheckExchange<X> =
  Extract<keyof X, TypeBoxMark> extends never
    ? {
        readonly [K in keyof X]: K extends 'payload' | 'reply' | 'error'
          ? CheckType<X[K]>
          : `an exchange has payload, reply and error, not "${K & string}"`
      }
    : X
