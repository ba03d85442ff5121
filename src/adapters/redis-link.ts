import { ErrorReply, type RedisClientType } from '@redis/client'
import { type Link, type LinkEvents, Refused } from './driver.ts'
import { RedisLog } from './redis-log.ts'

/** A client of @redis/client, as a link uses it. */
export type RedisClient = Pick<
  RedisClientType,
  'connect' | 'destroy' | 'on' | 'sendCommand' | 'subscribe' | 'unsubscribe' | 'isOpen'
>

export interface RedisLinkInit {
  /** Makes a client that does not reconnect, and is not connected. */
  readonly makeClient: () => RedisClient
  readonly prefix: string
  readonly node: string
  readonly events: LinkEvents
}

/**
 * Two connections to one Redis: messages go out over the one and come in over the other, for what is subscribed must not wait
 * behind what is published. The channel of a topic is the prefix and the topic.
 */
export class RedisLink implements Link {
  pendingBytes = 0
  readonly log: RedisLog
  readonly #publisher: RedisClient
  readonly #subscriber: RedisClient
  readonly #prefix: string
  readonly #events: LinkEvents
  /** The channel on which this node hears itself. */
  readonly #probeChannel: string
  #isClosed = false
  #probed: (() => void) | undefined

  constructor({ makeClient, prefix, node, events }: RedisLinkInit) {
    this.#prefix = prefix
    this.#events = events
    this.#probeChannel = `${prefix}probe:${node}`
    this.#publisher = this.#watched(makeClient())
    this.#subscriber = this.#watched(makeClient())
    this.log = new RedisLog((args) => this.#ask(args), prefix)
  }

  /** @returns rejects where one of the connections cannot be made; then both are closed */
  async open(signal: AbortSignal): Promise<this> {
    signal.addEventListener('abort', () => this.close(), { once: true })
    try {
      await Promise.all([this.#publisher.connect(), this.#subscriber.connect()])
      await this.#subscriber.subscribe(this.#probeChannel, () => this.#probed?.())
      await this.log.open()
      return this
    } catch (error) {
      this.close()
      throw error
    }
  }

  publish(topic: string, bytes: Uint8Array): void {
    if (this.#isClosed) return
    const { byteLength } = bytes
    this.pendingBytes += byteLength
    this.#send(this.#prefix + topic, bytes).then(
      () => {
        this.pendingBytes -= byteLength
      },
      (error) => {
        this.pendingBytes -= byteLength
        this.#notSent(error)
      },
    )
  }

  #send(channel: string, bytes: Uint8Array): Promise<unknown> {
    const { buffer, byteOffset, byteLength } = bytes
    const message = Buffer.isBuffer(bytes) ? bytes : Buffer.from(buffer, byteOffset, byteLength)
    return this.#publisher.sendCommand(['PUBLISH', channel, message])
  }

  async #ask(args: readonly string[]): Promise<unknown> {
    const bytes = args.reduce((sum, { length }) => sum + length, 0)
    this.pendingBytes += bytes
    try {
      return await this.#publisher.sendCommand([...args])
    } finally {
      this.pendingBytes -= bytes
    }
  }

  #notSent(error: unknown): void {
    this.#events.dropped(1)
    if (!(error instanceof ErrorReply)) this.#lost(error)
  }

  async subscribe(topics: readonly string[]): Promise<void> {
    try {
      await this.#subscriber.subscribe(this.#channels(topics), this.#arrived, true)
    } catch (error) {
      throw error instanceof ErrorReply ? new Refused(error.message) : error
    }
  }

  async unsubscribe(topics: readonly string[]): Promise<void> {
    await this.#subscriber.unsubscribe(this.#channels(topics), this.#arrived, true)
  }

  async probe(): Promise<void> {
    const back = new Promise<void>((resolve) => {
      this.#probed = resolve
    })
    await this.#send(this.#probeChannel, Buffer.from('probe'))
    await back
  }

  async flush(): Promise<void> {
    await this.#publisher.sendCommand(['PING'])
  }

  close(): void {
    this.#isClosed = true
    for (const client of [this.#publisher, this.#subscriber]) if (client.isOpen) client.destroy()
  }

  #channels(topics: readonly string[]): string[] {
    return topics.map((topic) => this.#prefix + topic)
  }

  // Listeners

  readonly #arrived = (message: Buffer, channel: Buffer): void => {
    if (!this.#isClosed) this.#events.arrived(channel.toString('utf8').slice(this.#prefix.length), message)
  }

  /** Every client needs a listener of errors, or the process ends with it. */
  #watched(client: RedisClient): RedisClient {
    client.on('error', (error: unknown) => this.#lost(error))
    client.on('terminated', (error: unknown) => this.#lost(error))
    return client
  }

  #lost(error: unknown): void {
    if (!this.#isClosed) this.#events.lost(error)
  }
}
