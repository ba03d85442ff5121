// Types only: patterns, topics, and the names that belong to the protocol.

/**
 * The topics that a pattern matches: `TopicOf<'room:*'>` is `` `room:${string}` ``, `TopicOf<'lobby'>` is `'lobby'`.
 */
export type TopicOf<P extends string> = P extends `${infer Prefix}*` ? `${Prefix}${string}` : P

/** The part of a topic that the `*` of a pattern stands for: a string, or `''` where the pattern is exact. */
export type TopicId<P extends string> = string extends P ? string : P extends `${string}*` ? string : ''

/** `P` where it is a pattern, else a sentence that says what is wrong with it. */
export type CheckPattern<P extends string> = P extends ''
  ? 'a channel pattern may not be empty'
  : P extends 'phoenix'
    ? 'the topic "phoenix" belongs to the protocol'
    : P extends `${string}*${infer Rest}`
      ? Rest extends ''
        ? P
        : `"*" may only stand at the end of a channel pattern, once`
      : P

/** The events that belong to the protocol: no channel may declare them and no client may push them. */
export type ReservedEvent =
  | `phx_${string}`
  | 'heartbeat'
  | 'presence_state'
  | 'presence_diff'
  | 'disconnect'
  | '$resume'

/** Of several patterns, the one that owns a topic: the most specific that matches, as for the router. */
export type Owner<T extends string, All extends string> = MostSpecific<Matching<T, All>>

type Matching<T extends string, P> = P extends string ? (T extends TopicOf<P> ? P : never) : never

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
