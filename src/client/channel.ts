import type { EventOut, PayloadArgument, Sent } from '../contract/schema.ts'
import { ChannelError, JOIN } from './error.ts'
import { eventsOf } from './events.ts'
import { Listeners } from './listeners.ts'
import type { Topic, User } from './topic.ts'
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
  PresenceChange,
  PresenceOf,
  Pushed,
} from './types.ts'

/** One topic, as one part of a program uses it. Several share its one join. */
export interface Channel<S, T extends string = string> {
  readonly topic: T
  readonly state: ChannelState
  /** The last reply to a join. */
  readonly reply: OkReply<JoinOf<S>> | undefined
  /** Why it is not joined, where it was refused or ended. */
  readonly error: FailureOf<JoinOf<S>> | undefined
  /** The place in the history, where the channel has one: what `from` of a later visit takes. */
  readonly position: Position | undefined
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
export interface Topics {
  /** @throws `TypeError` where it is used with another payload */
  topic(name: string, payload: unknown, from: Position | undefined): Topic
}

type Meta = Readonly<Record<string, unknown>>
type PresenceHandler = (change: PresenceChange<Meta>) => void

export class TopicUser implements User {
  readonly topic: string
  readonly presence = {
    list: () => this.#joined?.presences.list() ?? [],
    onChange: (handler: PresenceHandler) => this.#ofPresence.add(handler),
  }
  readonly #topics: Topics
  readonly #payload: unknown
  readonly #from: Position | undefined
  #joined: Topic | undefined
  readonly #ofEvents = new Map<string, Listeners<[payload: unknown]>>()
  readonly #ofState = new Listeners<ChannelChange>()
  readonly #ofPresence = new Listeners<[change: PresenceChange<Meta>]>()
  readonly #leaving = new Set<(error: unknown) => void>()

  constructor(topics: Topics, topic: string, payload: unknown, from: Position | undefined) {
    this.#topics = topics
    this.topic = topic
    this.#payload = payload
    this.#from = from
  }

  get state(): ChannelState {
    return this.#joined?.state ?? 'closed'
  }

  get reply(): unknown {
    return this.#joined?.reply
  }

  get error(): ChannelError | undefined {
    return this.#joined?.error
  }

  get position(): Position | undefined {
    return this.#joined?.position
  }

  join({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<unknown> {
    return quiet(
      new Promise((resolve, reject) => {
        if (signal?.aborted) throw signal.reason
        const joined = this.#enter().join()
        const abort = (): void => {
          reject(signal?.reason)
          this.leave()
        }
        this.#leaving.add(reject)
        signal?.addEventListener('abort', abort)
        joined.then(resolve, reject).finally(() => {
          this.#leaving.delete(reject)
          signal?.removeEventListener('abort', abort)
        })
      }),
    )
  }

  push(event: string, payload?: unknown): Promise<unknown> {
    return quiet(
      this.#joined?.push(event, payload) ?? Promise.reject(new ChannelError(this.topic, event, 'closed')),
    )
  }

  on(event: string, handler: (payload: unknown) => void): () => void {
    const listeners = this.#ofEvents.get(event) ?? new Listeners()
    this.#ofEvents.set(event, listeners)
    return listeners.add(handler)
  }

  events(event: string): AsyncIterableIterator<unknown> {
    return eventsOf(this, event)
  }

  onState(handler: (...change: ChannelChange) => void): () => void {
    return this.#ofState.add(handler)
  }

  leave(): void {
    const left = this.#joined
    this.#joined = undefined
    left?.exit(this)
    this.#ofState.call('closed', {})
    for (const listeners of this.#ofEvents.values()) listeners.clear()
    this.#ofEvents.clear()
    this.#ofState.clear()
    this.#ofPresence.clear()
    for (const reject of this.#leaving) reject(new ChannelError(this.topic, JOIN, 'closed'))
    this.#leaving.clear()
  }

  // The topic's

  heard(event: string, payload: unknown): void {
    this.#ofEvents.get(event)?.call(payload)
  }

  changed(change: ChannelChange): void {
    this.#ofState.call(...change)
  }

  presenceChanged(change: PresenceChange<Meta>): void {
    this.#ofPresence.call(change)
  }

  #enter(): Topic {
    this.#joined = this.#topics.topic(this.topic, this.#payload, this.#from)
    this.#joined.enter(this)
    return this.#joined
  }
}

/** Its failure is told to whoever looks, and ends no program where nobody does. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
