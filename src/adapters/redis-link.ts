import { ErrorReply } from '@redis/client'
import { Elsewhere, type Link, type LinkEvents } from './driver.ts'
import type { RedisChannels } from './redis-channels.ts'
import { letGo, type RedisClient } from './redis-client.ts'
import { RedisListening } from './redis-listening.ts'
import { RedisLog } from './redis-log.ts'
import { isElsewhere } from './redis-shard-channels.ts'

export interface RedisLinkInit {
  /** Makes a client that does not reconnect, and is not connected. */
  readonly makeClient: () => RedisClient
  readonly channels: RedisChannels
  readonly node: string
  readonly events: LinkEvents
}

/**
 * Two connections to one Redis: messages go out over the one and come in over the other, for what is subscribed must not wait
 * behind what is published.
 */
export class RedisLink implements Link {
  pendingBytes = 0
  readonly log: RedisLog
  readonly #publisher: RedisClient
  readonly #subscriber: RedisClient
  readonly #channels: RedisChannels
  readonly #events: LinkEvents
  /** The channel on which this node hears itself. */
  readonly #probeChannel: string
  readonly #listening = new RedisListening((message, channel) => this.#arrived(message, channel))
  #isClosed = false
  #probed: (() => void) | undefined

  constructor({ makeClient, channels, node, events }: RedisLinkInit) {
    this.#channels = channels
    this.#events = events
    this.#probeChannel = channels.probeOf(node)
    this.#publisher = this.#watched(makeClient())
    this.#subscriber = this.#watched(makeClient())
    this.#subscriber.on('sharded-channel-moved', (channel: string) => this.#moved(channel))
    this.log = new RedisLog((args) => this.#ask(args), channels)
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
    this.#send(this.#channels.publishTo(topic), bytes).then(
      () => {
        this.pendingBytes -= byteLength
      },
      (error) => {
        this.pendingBytes -= byteLength
        this.#notSent(error)
      },
    )
  }

  #send([command, channel]: readonly [string, string], bytes: Uint8Array): Promise<unknown> {
    const { buffer, byteOffset, byteLength } = bytes
    const message = Buffer.isBuffer(bytes) ? bytes : Buffer.from(buffer, byteOffset, byteLength)
    return this.#publisher.sendCommand([command, channel, message])
  }

  async #ask(args: readonly string[]): Promise<unknown> {
    let bytes = 0
    for (const { length } of args) bytes += length
    this.pendingBytes += bytes
    try {
      return await this.#publisher.sendCommand(args)
    } catch (error) {
      this.#look(error)
      throw error
    } finally {
      this.pendingBytes -= bytes
    }
  }

  #notSent(error: unknown): void {
    this.#events.dropped(1)
    this.#look(error)
    if (!(error instanceof ErrorReply)) this.#lost(error)
  }

  #look(error: unknown): void {
    if (!this.#isClosed && (error instanceof Elsewhere || isElsewhere(error))) this.#events.elsewhere?.()
  }

  async subscribe(topics: readonly string[]): Promise<void> {
    try {
      await this.#channels.subscribe(this.#subscriber, topics, this.#listening)
    } catch (error) {
      this.#look(error)
      throw error
    }
  }

  unsubscribe(topics: readonly string[]): Promise<void> {
    return this.#channels.unsubscribe(this.#subscriber, topics, this.#listening)
  }

  async probe(): Promise<void> {
    const back = new Promise<void>((resolve) => {
      this.#probed = resolve
    })
    await this.#send(['PUBLISH', this.#probeChannel], Buffer.from('probe'))
    await back
  }

  async flush(): Promise<void> {
    await this.#publisher.sendCommand(['PING'])
  }

  close(): void {
    this.#isClosed = true
    for (const client of [this.#publisher, this.#subscriber]) letGo(client)
  }

  // Listeners

  #arrived(message: Buffer, channel: Buffer): void {
    if (!this.#isClosed) this.#events.arrived(this.#channels.topicOf(channel.toString('utf8')), message)
  }

  /** The slot of a sharded channel has a new owner. The library does not say so while a command is under way. */
  #moved(channel: string): void {
    if (!this.#isClosed) this.#events.elsewhere?.(this.#channels.topicOf(channel))
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
