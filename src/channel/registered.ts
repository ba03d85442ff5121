import type { TopicOf } from '../protocol/topic.ts'
import type { EventOut, PayloadOutOf } from './contract.ts'
import type { ChannelDefinition, Register } from './infer.ts'

// Types only: what the channels that an application registered say of a topic.

type Registered = Register extends { channels: infer C extends readonly ChannelDefinition[] }
  ? C[number]
  : never

/** True where the application registered its channels with the type checker. */
type IsRegistered = [Registered] extends [never] ? false : true

/** The topics of all registered channels; any string where none is registered. */
export type RegisteredTopic = IsRegistered extends true
  ? // Not `TopicOf` of them all: a compiler's message shall list the topics.
    { readonly [P in Registered['pattern']]: TopicOf<P> }[Registered['pattern']]
  : string

/** The patterns of all registered channels that match a topic. */
type Matching<T extends string, P = Registered['pattern']> = P extends string
  ? T extends TopicOf<P>
    ? P
    : never
  : never

/** Of several patterns that match, the most specific: the one that the router takes. */
type MostSpecific<P extends string, All extends string = P> = P extends string
  ? [Narrower<All, P>] extends [never]
    ? P
    : never
  : never

type Narrower<Q extends string, P extends string> = Q extends P
  ? never
  : TopicOf<Q> extends TopicOf<P>
    ? Q
    : never

/** The registered channel that a topic belongs to; `never` where there is none. */
export type RegisteredChannel<T extends string> = T extends string
  ? ChannelFor<MostSpecific<Matching<T>>>
  : never

type ChannelFor<P extends string, D = Registered> =
  D extends ChannelDefinition<infer Q> ? (Q extends P ? D : never) : never

type SchemaAt<T extends string> = RegisteredChannel<T>['schema']

/** The events that may be sent to a topic. */
export type RegisteredEvent<T extends string> = IsRegistered extends true ? EventOut<SchemaAt<T>> : string

/** The payload of an event that is sent to a topic. */
export type RegisteredPayload<T extends string, E> = IsRegistered extends true
  ? PayloadOutOf<SchemaAt<T>, E>
  : unknown
