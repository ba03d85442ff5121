import { useCallback, useEffect, useInsertionEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import type { Channel } from '../client/channel.ts'
import type { ChannelOptions, Client } from '../client/client.ts'
import type {
  AnyApp,
  ChannelPresence,
  ChannelState,
  FailureOf,
  Heard,
  JoinOf,
  JoinPayload,
  OkReply,
  PresenceOf,
  Present,
  SchemaAt,
  TopicIn,
} from '../client/types.ts'
import type { EventOut, PayloadArgument } from '../contract/schema.ts'
import { Seat } from './seat.ts'

/** A topic in a component: what {@link useChannel} gives, and the other hooks take. */
export interface UsedChannel<S, T extends string = string> {
  readonly topic: T
  /** As `push` of the client's channels. The same function until topic or payload change. */
  readonly push: Channel<S, T>['push']
  /** Joins again, after a refusal or an end. The state shows what comes of it. */
  readonly join: () => void
  /** For the other hooks. */
  readonly seat: SeatIn<S>
}

/** The place of a component in a topic. */
export interface SeatIn<S> {
  readonly '~schema'?: S
}

/** Refuses, with a sentence, a channel whose contract declares no presence. */
type WithPresence<S> = PresenceOf<S> extends string ? { readonly presence: PresenceOf<S> } : unknown

type MetaOf<S> = PresenceOf<S> extends ChannelPresence<infer Meta> ? Meta : never

/** A channel while it is joined: its reply is there. */
export interface JoinedChannel<S, T extends string = string> extends UsedChannel<S, T> {
  readonly state: 'joined'
  /** Another object with each join. */
  readonly reply: OkReply<JoinOf<S>>
  /** False where something may have been missed: then the state has to be read anew. */
  readonly recovered: boolean
  readonly error: undefined
}

/** A channel while it is not joined, not yet or not any more. */
export interface AwayChannel<S, T extends string = string> extends UsedChannel<S, T> {
  /** `joining` also on a server, and in the first rendering. */
  readonly state: Exclude<ChannelState, 'joined'>
  /** The last reply to a join, where it was joined. */
  readonly reply: OkReply<JoinOf<S>> | undefined
  readonly recovered: false
  /** Why it is not joined, where it was refused or ended. `isRetried` tells whether that is tried again. */
  readonly error: FailureOf<JoinOf<S>> | undefined
}

/**
 * Joins a topic while the component is mounted, and shows its state. Components with the same topic share one join; the last that goes
 * leaves. Another topic, payload or client leaves the old one and joins the new one. On a server it does nothing.
 *
 * @param args The payload of the join, where its contract has one: compared as JSON. And the options of `client.channel`.
 * @throws `TypeError` when mounted, where the topic is joined with another payload elsewhere
 */
export function useChannel<App extends AnyApp, T extends TopicIn<App>>(
  client: Client<App>,
  topic: T,
  ...args: [...PayloadArgument<JoinPayload<SchemaAt<App, T>>>, options?: ChannelOptions | undefined]
): JoinedChannel<SchemaAt<App, T>, T> | AwayChannel<SchemaAt<App, T>, T> {
  const [payload, options]: readonly unknown[] = args
  const key = JSON.stringify(payload)
  // biome-ignore lint/correctness/useExhaustiveDependencies: a payload is the same where its JSON is, and a position is where it begins
  const seat = useMemo(
    () => new Seat(client as unknown as Client, topic, payload, options as ChannelOptions | undefined),
    [client, topic, key],
  )
  const look: unknown = useSyncExternalStore(seat.take, seat.look, seat.look)
  return look as JoinedChannel<SchemaAt<App, T>, T> | AwayChannel<SchemaAt<App, T>, T>
}

/** Listens to an event while the component is mounted, with the handler of the last rendering. */
export function useEvent<S, E extends EventOut<S>>(
  room: UsedChannel<S>,
  event: E,
  handler: (payload: Heard<S, E>) => void,
): void {
  const seat = room.seat as Seat
  const latest = useRef(handler)
  useInsertionEffect(() => {
    latest.current = handler
  })
  useEffect(
    () => seat.listen((channel) => channel.on(event, (payload) => latest.current(payload as Heard<S, E>))),
    [seat, event],
  )
}

/** The presences of a topic. The same array until something changes; empty on a server. */
export function usePresence<S>(room: UsedChannel<S> & WithPresence<S>): readonly Present<MetaOf<S>>[] {
  const seat = room.seat as Seat
  const listen = useCallback(
    (changed: () => void) => seat.listen((channel) => channel.presence.onChange(changed)),
    [seat],
  )
  const present: unknown = useSyncExternalStore(listen, seat.present, seat.nobody)
  return present as readonly Present<MetaOf<S>>[]
}
