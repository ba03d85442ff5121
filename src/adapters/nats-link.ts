import {
  type NatsConnection,
  PermissionViolationError,
  type Status,
  type Subscription,
} from '@nats-io/transport-node'
import { type Link, type LinkEvents, Refused } from './driver.ts'

/** The server is asked so often, in bytes, whether it has taken what was published. */
const ASK_BYTES = 256 * 1_024

export interface NatsLinkInit {
  readonly connection: NatsConnection
  /** The connection is ours: it is closed with the link. */
  readonly isOwn: boolean
  readonly prefix: string
  readonly events: LinkEvents
}

/**
 * One stretch of a connection to NATS, from a `PONG` until it is disconnected. The library drops without a word what is
 * published while it is disconnected; this is over by then. A `PONG` proves both ways: messages come over the same connection.
 */
export class NatsLink implements Link {
  /** Bytes that were published, and those of them that the server is known to have taken, since the beginning. */
  #published = 0
  #taken = 0
  readonly #connection: NatsConnection
  readonly #isOwn: boolean
  readonly #prefix: string
  readonly #events: LinkEvents
  /** Those that were asked for, whether the server has confirmed them or not. */
  readonly #subscriptions = new Map<string, Subscription>()
  #isClosed = false
  #isAsking = false

  constructor({ connection, isOwn, prefix, events }: NatsLinkInit) {
    this.#connection = connection
    this.#isOwn = isOwn
    this.#prefix = prefix
    this.#events = events
  }

  get pendingBytes(): number {
    return this.#published - this.#taken
  }

  /** @returns rejects where the server does not answer; then it is closed */
  async open(signal: AbortSignal): Promise<this> {
    signal.addEventListener('abort', () => this.close(), { once: true })
    try {
      await this.#connection.flush()
      return this
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Takes the news of the connection. A refused subscription is told to its own promise. */
  told(status: Status): void {
    if (status.type === 'disconnect' && !this.#isOwn) return this.#lost(new Error('disconnected'))
    if (status.type !== 'error') return
    const { error } = status
    if (!(error instanceof PermissionViolationError)) this.#lost(error)
    else if (error.operation === 'publish') this.#events.dropped(1)
  }

  publish(topic: string, bytes: Uint8Array): void {
    if (this.#isClosed) return
    try {
      this.#connection.publish(subjectOf(this.#prefix, topic), bytes)
    } catch {
      // Of a connection that is being closed, or whose server carries less than the one before.
      return this.#events.dropped(1)
    }
    this.#published += bytes.byteLength
    if (this.pendingBytes >= ASK_BYTES) this.#ask()
  }

  async subscribe(topics: readonly string[]): Promise<void> {
    const asked = topics.map((topic) => this.#subscription(topic))
    await this.#connection.flush()
    // The server says no before it answers the flush.
    for (const subscription of asked)
      if (subscription.isClosed()) throw new Refused(String((await subscription.closed) ?? 'closed'))
  }

  async unsubscribe(topics: readonly string[]): Promise<void> {
    for (const topic of topics) {
      const subscription = this.#subscriptions.get(topic)
      this.#subscriptions.delete(topic)
      subscription?.unsubscribe()
    }
    await this.#connection.flush()
  }

  async probe(): Promise<void> {
    await this.#flushed()
  }

  /** The subscriptions are given up first: a drain asks the server once for each. */
  flush(): Promise<void> {
    this.#unsubscribeAll()
    return this.#isOwn ? this.#connection.drain() : this.#connection.flush()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#isOwn) this.#connection.close().catch(() => {})
    else this.#unsubscribeAll()
  }

  /** Closed subscriptions are passed by: a write to a connection that is closing would be an error that nobody listens to. */
  #unsubscribeAll(): void {
    const all = [...this.#subscriptions.values()]
    this.#subscriptions.clear()
    for (const subscription of all) if (!subscription.isClosed()) subscription.unsubscribe()
  }

  /** At most one question is under way. */
  #ask(): void {
    if (this.#isAsking) return
    this.#isAsking = true
    this.#flushed().then(
      () => {
        this.#isAsking = false
        if (this.pendingBytes >= ASK_BYTES) this.#ask()
      },
      (error) => this.#lost(error),
    )
  }

  /** The answer to a ping stands behind all that was published before it. */
  async #flushed(): Promise<void> {
    const published = this.#published
    await this.#connection.flush()
    this.#taken = Math.max(this.#taken, published)
  }

  /** One that is there already is kept: after a refusal the topics of a command are asked for again, each for itself. */
  #subscription(topic: string): Subscription {
    const former = this.#subscriptions.get(topic)
    if (former !== undefined) return former
    const subscription = this.#connection.subscribe(subjectOf(this.#prefix, topic), {
      callback: (error, message) => {
        if (error === null && !this.#isClosed) this.#events.arrived(topic, message.data)
      },
    })
    this.#subscriptions.set(topic, subscription)
    void subscription.closed.then((error) => this.#ended(topic, subscription, error))
    return subscription
  }

  // Listeners

  /** The server has ended it: it refused it, or took a permission away. */
  #ended(topic: string, subscription: Subscription, error: unknown): void {
    if (this.#subscriptions.get(topic) !== subscription) return
    this.#subscriptions.delete(topic)
    if (error instanceof PermissionViolationError) this.#events.revoked?.(topic)
    else this.#lost(error ?? new Error('the connection was closed'))
  }

  #lost(error: unknown): void {
    if (!this.#isClosed) this.#events.lost(error)
  }
}

/** Base64url, since `.`, `*`, `>` and spaces mean something in subjects. `-` alone is the base64url of nothing. */
function subjectOf(prefix: string, topic: string): string {
  return prefix + (topic === '' ? '-' : Buffer.from(topic).toString('base64url'))
}
