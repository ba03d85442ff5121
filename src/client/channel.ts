import type { EventOut, PayloadArgument, Sent } from '../contract/schema.ts'
import { after } from './clock.ts'
import { ChannelError, JOIN } from './error.ts'
import { eventsOf } from './events.ts'
import { type Listeners, listen, PRESENCE, STATE, tell } from './listeners.ts'
import { NOBODY } from './presence.ts'
import type { Link, Topic } from './topic.ts'
import type {
  Answer,
  ChannelChange,
  ChannelState,
  EventTo,
  ExchangeAt,
  FailureOf,
  Heard,
  JoinOf,
  OkReply,
  Position,
  PresenceOf,
  Pushed,
} from './types.ts'

/** One topic, as one part of a program uses it. Several share its one join. */
export interface Channel<S, T extends string = string> {
  readonly topic: T
  /** The state as it is now; `onState` tells of each change. */
  readonly state: ChannelState
  /** The last reply to a join. */
  readonly reply: OkReply<JoinOf<S>> | undefined
  /** Why it is not joined, where it was refused or ended. */
  readonly error: FailureOf<JoinOf<S>> | undefined
  /** The place in the history, where the channel has one: what `from` of a later visit takes. */
  readonly position: Position | undefined
  /** Everybody on the topic, and who joins, leaves and changes. */
  readonly presence: PresenceOf<S>
  /**
   * Joins, and resolves with the reply. Rejects with a {@link ChannelError}: as the server answered, `offline` or `timeout` after
   * `timeoutMs`, `closed` where it is left meanwhile. `isRetried` tells whether it goes on trying. To be called again at any time.
   *
   * @param options.signal Aborted: it leaves, and rejects with the signal's reason.
   */
  join(options?: {
    readonly signal?: AbortSignal | undefined
  }): Answer<OkReply<JoinOf<S>>, FailureOf<JoinOf<S>>>
  /**
   * Sends an event, and resolves with its reply, once. Before the join is answered it waits for that, at most `timeoutMs`. Rejects with a
   * {@link ChannelError}; `timeout` and `interrupted` say that it may have been handled. Where nobody looks, it fails in silence.
   */
  push<E extends EventTo<S>>(event: E, ...payload: PayloadArgument<Sent<ExchangeAt<S, E>>>): Pushed<S, E>
  /** Listens to an event, until it is left. Gives what ends it sooner. */
  on<E extends EventOut<S>>(event: E, handler: (payload: Heard<S, E>) => void): () => void
  /**
   * The payloads of an event from now on, for `for await`. Ends when the channel is left or closed; throws a {@link ChannelError}
   * `overloaded` where more than 1,000 wait.
   */
  events<E extends EventOut<S>>(event: E): AsyncIterableIterator<Heard<S, E>>
  /** Listens to the state, until it is left. Gives what ends it sooner. */
  onState(handler: (...change: ChannelChange<OkReply<JoinOf<S>>, FailureOf<JoinOf<S>>>) => void): () => void
  onState(handler: (state: ChannelState) => void): () => void
  /** Leaves. Its handlers are gone at once; the server is told when all that share the topic have left. */
  leave(): void
}

/** The topics of a client, as its channels see them. */
export interface Topics extends Link {
  /** @throws `TypeError` where it is used with another payload */
  topic(name: string, payload: unknown, from: Position | undefined): Topic
}

type Handler = (...args: never[]) => void
type Told = { readonly error?: ChannelError; readonly reply?: unknown }

export type AnyChannel = ReturnType<typeof channelOf>

export function channelOf(topics: Topics, name: string, payload: unknown, from: Position | undefined) {
  const listeners: Listeners = new Set()
  let joined: Topic | undefined

  const channel = {
    topic: name,
    presence: {
      list: () => joined?.present ?? NOBODY,
      onChange: (handler: Handler) => listen(listeners, PRESENCE, handler),
    },
    get state(): ChannelState {
      return joined?.state ?? 'closed'
    },
    get reply() {
      return joined?.reply
    },
    get error() {
      return joined?.error
    },
    get position() {
      return joined?.position
    },
    join({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<unknown> {
      return quiet(
        new Promise((resolve, reject) => {
          // Also for a value that is no signal.
          signal?.throwIfAborted()
          const topic = topics.topic(name, payload, from)
          joined = topic
          topic.enter(listeners)
          if (topic.state === 'joined') return resolve(topic.reply)
          const end = (error: unknown, reply?: unknown): void => {
            off()
            stop()
            signal?.removeEventListener('abort', abort)
            if (error) reject(error)
            else resolve(reply)
          }
          const off = channel.onState((state: ChannelState, { error, reply }: Told) => {
            if (error || state === 'joined') end(error, reply)
            else if (state === 'closed') end(new ChannelError(name, JOIN, state))
          })
          const stop = after(topics.timeoutMs, () => {
            const reason = topics.socket.isConnected() ? 'timeout' : 'offline'
            end(new ChannelError(name, JOIN, reason, undefined, true, topics.cause))
          })
          const abort = (): void => {
            reject(signal?.reason)
            channel.leave()
          }
          signal?.addEventListener('abort', abort)
        }),
      )
    },
    push: (event: string, payload?: unknown): Promise<unknown> =>
      quiet(
        joined && channel.state !== 'closed'
          ? joined.push(event, payload)
          : Promise.reject(new ChannelError(name, event, 'closed')),
      ),
    on: (event: string, handler: Handler) => listen(listeners, event, handler),
    events: (event: string): AsyncIterableIterator<unknown> => eventsOf(channel, event),
    onState: (handler: Handler) => listen(listeners, STATE, handler),
    leave(): void {
      const left = joined
      joined = undefined
      left?.exit(listeners)
      tell(listeners, STATE, 'closed', {})
      listeners.clear()
    },
  }
  return channel
}

/** Its failure is told to whoever looks, and ends no program where nobody does. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
