import type { TSchema } from 'typebox'
import type { PayloadOut } from '../contract/binary.ts'
import type { EventOut, EventsOut, IsAnySchema, OrSentence, PayloadOutOf } from '../contract/schema.ts'
import type { Owner, TopicOf } from '../contract/topic.ts'
import type { InfoEvent, InfoPayload } from './contract.ts'
import type { ChannelDefinition } from './infer.ts'
import type { PayloadIn } from './schema.ts'

// Types only: what the channels that an application registered say of a topic.

/**
 * The channels of the application, as the type checker knows them. Each module adds its own, with one line; the names are
 * free, and each stands once:
 *
 *     declare module 'fastify-beryl' { interface RegisteredChannels { room: typeof room } }
 *
 * It types `channels`, `groups.broadcast`, `presence` and the testing kit, topic by topic. A library
 * that sends to channels that it does not know registers `ChannelDefinition` itself: any topic, any event.
 */
// biome-ignore lint/suspicious/noEmptyInterface: made to be augmented
export interface RegisteredChannels {}

type Entries = RegisteredChannels[keyof RegisteredChannels]

type Registered = Extract<Entries, ChannelDefinition>

/** The topics of all registered channels; a sentence for all other topics. */
export type RegisteredTopic = Listed<{ readonly [P in TopicSource]: TopicOf<P> }[TopicSource]>

// A compiler's message shall list the topics: of a union that has a name it says the name alone.
type Listed<T> = { readonly topic: T }['topic']

type TopicSource = Registered['pattern'] | NoChannel<keyof RegisteredChannels> | HowToRegister

/** A pattern, so that no editor offers it, and no topic is one. */
type HowToRegister =
  `of a channel registered by: declare module 'fastify-beryl' { interface RegisteredChannels { ${string}: typeof ${string} } }`

/** A sentence for each entry that is no channel. */
type NoChannel<K> = K extends keyof RegisteredChannels & string
  ? RegisteredChannels[K] extends ChannelDefinition
    ? never
    : `RegisteredChannels.${K} is no channel: give it the type of what defineChannel returns, typeof ${string}`
  : never

/** The registered channel that a topic belongs to; `never` where there is none. */
export type ChannelOf<T extends string> = T extends string
  ? ChannelFor<Owner<T, Registered['pattern']>>
  : never

type ChannelFor<P extends string, D = Registered> =
  D extends ChannelDefinition<infer Q> ? (Q extends P ? D : never) : never

type SchemaAt<T extends string> = ChannelOf<T>['schema']

/** The events that may be sent to a topic. */
export type RegisteredEvent<T extends string> = EventOut<SchemaAt<T>>

/** The payload of an event that is sent to a topic. */
export type RegisteredPayload<T extends string, E> = PayloadOutOf<SchemaAt<T>, E>

/** The infos that the channels of a topic take. */
export type RegisteredInfo<T extends string> = InfoEvent<SchemaAt<T>>

/** The payload of an info to the channels of a topic. */
export type RegisteredInfoPayload<T extends string, E> = InfoPayload<SchemaAt<T>, E>

/** The schema of the presences of a topic; `never` where its channel declares none, or is not registered. */
type PresenceSchema<T extends string, S = SchemaAt<T>> = S extends { presence: infer M extends TSchema }
  ? M
  : never

type IsUntyped<T extends string> = [PresenceSchema<T>] extends [never] ? true : false

/** The meta that may be tracked on a topic: any object where nothing is known of it. */
export type MetaOn<T extends string> = IsUntyped<T> extends true ? object : PayloadOut<PresenceSchema<T>>

/** The meta that was tracked on a topic: unknown fields where nothing is known of it. */
export type TrackedOn<T extends string> =
  IsUntyped<T> extends true ? Record<string, unknown> : PayloadIn<PresenceSchema<T>>

/** A new meta, or what makes it from the old. One condition around both: the function's result is inferred by it. */
export type MetaChangeOn<T extends string> =
  IsUntyped<T> extends true
    ? object | ((current: Record<string, unknown>) => object)
    : PayloadOut<PresenceSchema<T>> | ((current: TrackedOn<T>) => PayloadOut<PresenceSchema<T>>)

/** The events that every registered channel sends: what a group of any topics can take. */
export type CommonEvent = [Registered] extends [never]
  ? HowToRegister
  : OrSentence<keyof EventsOfAll & string, NothingInCommon>

// The keys of a union are those that all its members have.
type EventsOfAll = EventsOfEach<Registered['schema']>

type EventsOfEach<S> = S extends unknown
  ? IsAnySchema<S> extends true
    ? Record<string, TSchema>
    : EventsOut<S>
  : never

type NothingInCommon =
  'the registered channels have no event in common: declare it in `out` of the schema of each of them'

/** A payload that fits the event in every registered channel. */
export type CommonPayload<E> = (
  Registered extends infer D
    ? D extends ChannelDefinition
      ? (payload: PayloadOutOf<D['schema'], E>) => void
      : never
    : never
) extends (payload: infer P) => void
  ? P
  : unknown
