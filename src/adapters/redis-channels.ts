import { ErrorReply } from '@redis/client'
import { Refused } from './driver.ts'
import type { RedisClient } from './redis-client.ts'
import type { RedisListening } from './redis-listening.ts'
import { APPEND, type RedisScript } from './redis-scripts.ts'

/** The channels and keys of Redis that topics are. */
export interface RedisChannels {
  /** The command that publishes to a topic, and the channel. */
  publishTo(topic: string): [command: string, channel: string]
  topicOf(channel: string): string
  /** A channel on which a connection hears itself. */
  probeOf(node: string): string
  /** The names of a topic's log, all in the slot of its channel where that has one. */
  logOf(topic: string): string
  /** The script that appends to a log, and publishes. */
  readonly append: RedisScript
  /** Advice for people where a server says that it has not the keys of a log. @default it is temporary */
  readonly ifMoved?: string
  /** As those of a link. */
  subscribe(client: RedisClient, topics: readonly string[], listening: RedisListening): Promise<void>
  unsubscribe(client: RedisClient, topics: readonly string[], listening: RedisListening): Promise<void>
}

/** One Redis, or a Redis Cluster whose servers pass everything on to each other. The channel of a topic is the prefix and the topic. */
export class PlainChannels implements RedisChannels {
  readonly append = APPEND
  readonly ifMoved = 'a history in a Redis Cluster needs sharded: true'
  readonly #prefix: string

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  publishTo(topic: string): [command: string, channel: string] {
    return ['PUBLISH', this.#prefix + topic]
  }

  topicOf(channel: string): string {
    return channel.slice(this.#prefix.length)
  }

  probeOf(node: string): string {
    return `${this.#prefix}probe:${node}`
  }

  logOf(topic: string): string {
    return `${this.#prefix}{log:${topic}}`
  }

  async subscribe(client: RedisClient, topics: readonly string[], listening: RedisListening): Promise<void> {
    try {
      await listening.subscribe(client, 'CHANNELS', this.#channels(topics))
    } catch (error) {
      throw error instanceof ErrorReply ? new Refused(error.message) : error
    }
  }

  async unsubscribe(
    client: RedisClient,
    topics: readonly string[],
    listening: RedisListening,
  ): Promise<void> {
    await listening.unsubscribe(client, 'CHANNELS', this.#channels(topics))
  }

  #channels(topics: readonly string[]): string[] {
    return topics.map((topic) => this.#prefix + topic)
  }
}
