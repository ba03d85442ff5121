import type { TSchema } from 'typebox'
import type { Nothing } from '../channel/contract.ts'
import type { ChannelDefinition } from '../channel/infer.ts'
import type { ChannelOf } from '../channel/registered.ts'
import type { PayloadIn } from '../channel/schema.ts'
import type { PayloadOut } from '../contract/binary.ts'
import type { ChannelSchema, IsAnySchema } from '../contract/schema.ts'

// Types only: a channel's contract, seen from the client. What the server takes in, the client sends.

/** A channel of which nothing is known to the type checker: every event exists and carries anything. */
export interface LooseSchema extends ChannelSchema {
  readonly in: { readonly [event: string]: TSchema }
  readonly out: { readonly [event: string]: TSchema }
  readonly info: { readonly [event: string]: TSchema }
}

export type LooseChannel = ChannelDefinition<string, LooseSchema>

/** The registered channel of a topic; a loose one where none is registered. */
export type ChannelAt<T extends string> = [ChannelOf<T>] extends [never]
  ? LooseChannel
  : IsAnySchema<ChannelOf<T>['schema']> extends true
    ? LooseChannel
    : ChannelOf<T>

/** The response of an `ok` reply where the contract says `X`. */
export type OkResponse<X> = X extends { reply: infer R extends TSchema } ? Answered<PayloadIn<R>> : unknown

/** A reply of `undefined` comes as `{}`. */
type Answered<R> = unknown extends R ? R : R extends Nothing ? Record<string, never> : R

/** The response of an `error` reply: the declared one, or one of the library's own. */
type ErrorResponse<X> = X extends { error: infer E extends TSchema }
  ? PayloadIn<E> | { reason: string }
  : unknown

export type SchemaOf<D> = D extends { schema: infer S } ? S : never

/** The join that a definition declares. */
export type JoinOf<D> = SchemaOf<D> extends { join: infer X } ? X : unknown

/** The response of a reply with a status where the contract says `X`. */
export type ResponseTo<X, Status> = Status extends 'ok'
  ? OkResponse<X>
  : Status extends 'error'
    ? ErrorResponse<X>
    : unknown

type ExchangesIn<S> = S extends { in: infer I } ? I : Record<never, never>

/** The events that a client may push. */
export type EventSent<D> = SchemaOf<D> extends { in: infer I } ? keyof I & string : never

/** The exchange that a definition declares for an event that clients push. */
export type ExchangeOf<D, E> = E extends keyof ExchangesIn<SchemaOf<D>>
  ? ExchangesIn<SchemaOf<D>>[E]
  : unknown

type InfosIn<S> = S extends { info: infer I } ? I : Record<never, never>

/** The infos that the server has for a channel. */
export type InfoSent<D> = keyof InfosIn<SchemaOf<D>> & string

/** The payload that the server sends with an info. */
export type InfoPayloadSent<D, E> = E extends keyof InfosIn<SchemaOf<D>>
  ? PayloadOut<InfosIn<SchemaOf<D>>[E] & TSchema>
  : unknown

type SchemasOut<S> = S extends { out: infer O } ? O : Record<never, never>

type PresenceEventName = 'presence_state' | 'presence_diff'

export type EventReceived<S> = S extends { out: infer O }
  ? (keyof O & string) | PresenceEventName
  : PresenceEventName

/** The payload that a client receives with an event. */
export type Received<S, E> = E extends keyof SchemasOut<S> ? PayloadIn<SchemasOut<S>[E] & TSchema> : unknown

/** The meta of one presence. */
export type MetaReceived<S> = S extends { presence: infer M extends TSchema } ? PayloadIn<M> : unknown
