import type { Static, TSchema } from 'typebox'
import type { PayloadOut, TBinary } from './binary.ts'
import type { ReservedEvent } from './topic.ts'

// Types only: what the schema of a channel may say, and what everybody reads out of it.

/** A message that gets an answer: the payload's schema alone, or with the schemas of its reply and its error. */
export type Exchange =
  | TSchema
  | { readonly payload: TSchema; readonly reply?: TSchema | undefined; readonly error?: TSchema | undefined }

/** The payload that a client sends where the contract says `X`. */
export type Sent<X> = X extends { payload: infer P extends TSchema }
  ? PayloadOut<P>
  : X extends { reply: TSchema }
    ? unknown
    : X extends TSchema
      ? PayloadOut<X>
      : unknown

/** A payload may be left out where `{}` is one. */
export type PayloadArgument<P> = unknown extends P
  ? [payload?: unknown]
  : Record<never, never> extends P
    ? [payload?: P]
    : [payload: P]

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

/** The names of the events that a history may have; beside them a sentence where a channel has some that it may not. */
export type LoggableEvent<S> =
  IsAnySchema<S> extends true ? string : OrSentence<JsonEvent<S> | NoBytes<S>, SendsNothing>

type JsonEvent<S> = {
  [E in keyof EventsOut<S>]: EventsOut<S>[E] extends TBinary ? never : E
}[keyof EventsOut<S>] &
  string

type NoBytes<S> = keyof EventsOut<S> & string extends JsonEvent<S> ? never : KeepsNoBytes

type KeepsNoBytes = 'a history keeps JSON: an event that is Binary() cannot be in it'

/** The payload of an event that a channel sends. */
export type PayloadOutOf<S, E> = EventPayload<S, EventsOut<S>, E>

/** The payload of one of these events, as the server gives it. */
export type EventPayload<S, Events, E> =
  IsAnySchema<S> extends true ? unknown : E extends keyof Events ? PayloadOut<Events[E] & TSchema> : never

/** The events that clients push, by name. */
export type EventsIn<S> = S extends { in: infer I extends object } ? I : Record<never, never>

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
type TypeBoxMark = '~kind' | '~unsafe' | '~binary'

type CheckType<X> =
  Extract<keyof X, TypeBoxMark> extends never
    ? 'this is no TypeBox schema: wrap other JSON schemas in Type.Unsafe(…)'
    : CheckParts<X>

type CheckParts<X> = [Stranger<X>] extends [never]
  ? CheckCarried<X>
  : `"${Stranger<X>}" is no TypeBox schema: wrap other JSON schemas in Type.Unsafe(…)`

/** The names of what stands within a schema, some levels deep, and TypeBox has not made: it takes any value for a schema. */
type Stranger<X, Depth extends readonly unknown[] = []> = Depth['length'] extends 6
  ? never
  : X extends { readonly properties: infer P }
    ? { [K in keyof P & string]: StrangerAt<K, P[K], [...Depth, 0]> }[keyof P & string]
    : X extends { readonly items: infer I }
      ? I extends readonly unknown[]
        ? never
        : StrangerAt<'items', I, [...Depth, 0]>
      : never

/** A schema that is only known to be one has no mark. */
type StrangerAt<Name, Part, Depth extends readonly unknown[]> =
  Record<never, never> extends Part
    ? never
    : Extract<keyof Part, TypeBoxMark> extends never
      ? Name
      : Stranger<Part, Depth>

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
    : CheckParts<X>
