import { ErrorReply } from '@redis/client'
import { Elsewhere, Refused } from './driver.ts'
import type { RedisChannels } from './redis-channels.ts'
import type { RedisClient } from './redis-client.ts'
import type { RedisListening } from './redis-listening.ts'
import { partitionOf, tagOf } from './redis-partitions.ts'
import { APPEND_SHARDED } from './redis-scripts.ts'

/** One server of a Redis Cluster says so where another one has the slot, or none. */
const ELSEWHERE = /^(MOVED|ASK|CLUSTERDOWN|TRYAGAIN) /

export function isElsewhere(error: unknown): boolean {
  return error instanceof ErrorReply && ELSEWHERE.test(error.message)
}

/**
 * One server of a Redis Cluster. The channel of a topic is the prefix, the tag of its partition and the topic; it is a sharded one,
 * which the owner of the slot alone has. What nodes tell each other goes over channels that all servers pass on.
 */
export class ShardChannels implements RedisChannels {
  readonly append = APPEND_SHARDED
  readonly #prefix: string
  readonly #address: string

  constructor(prefix: string, address: string) {
    this.#prefix = prefix
    this.#address = address
  }

  publishTo(topic: string): [command: string, channel: string] {
    const partition = partitionOf(topic)
    if (partition === undefined) return ['PUBLISH', this.#prefix + topic]
    return ['SPUBLISH', `${this.#prefix}${tagOf(partition)}${topic}`]
  }

  topicOf(channel: string): string {
    const name = channel.slice(this.#prefix.length)
    return name.startsWith('{p') ? name.slice(name.indexOf('}') + 1) : name
  }

  /** Other servers pass it on, too: without the address they would answer for each other. */
  probeOf(node: string): string {
    return `${this.#prefix}probe:${node}:${this.#address}`
  }

  logOf(topic: string): string {
    return `${this.#prefix}${tagOf(partitionOf(topic) ?? 0)}log:${topic}`
  }

  /** One command for each partition, all in one write. */
  async subscribe(client: RedisClient, topics: readonly string[], listening: RedisListening): Promise<void> {
    const groups = [...this.#groups(topics)]
    const settled = await Promise.allSettled(
      groups.map(([partition, { channels }]) => listening.subscribe(client, kindOf(partition), channels)),
    )
    const failed = settled.flatMap((result, n) =>
      result.status === 'rejected' ? { error: result.reason, topics: groups[n]?.[1].topics ?? [] } : [],
    )
    const isRefusal = ({ error }: { error: unknown }): boolean => error instanceof ErrorReply
    const broken = failed.find((one) => !isRefusal(one))
    if (broken !== undefined) throw broken.error
    const refused = failed.find(({ error }) => !isElsewhere(error))
    if (refused !== undefined) throw new Refused(String(refused.error))
    const [first] = failed
    if (first === undefined) return
    throw new Elsewhere(
      String(first.error),
      failed.flatMap(({ topics }) => topics),
    )
  }

  /** Where the slot has moved, nothing is left here to leave. */
  async unsubscribe(
    client: RedisClient,
    topics: readonly string[],
    listening: RedisListening,
  ): Promise<void> {
    const commands = [...this.#groups(topics)].map(([partition, { channels }]) =>
      listening.unsubscribe(client, kindOf(partition), channels),
    )
    await Promise.all(commands.map((command) => command.catch(passElsewhere)))
  }

  #groups(topics: readonly string[]): Map<number | undefined, Group> {
    const groups = new Map<number | undefined, Group>()
    for (const topic of topics) {
      const partition = partitionOf(topic)
      const group = groups.get(partition) ?? { topics: [], channels: [] }
      groups.set(partition, group)
      group.topics.push(topic)
      group.channels.push(this.publishTo(topic)[1])
    }
    return groups
  }
}

interface Group {
  readonly topics: string[]
  readonly channels: string[]
}

function kindOf(partition: number | undefined): 'CHANNELS' | 'SHARDED' {
  return partition === undefined ? 'CHANNELS' : 'SHARDED'
}

function passElsewhere(error: unknown): void {
  if (!isElsewhere(error)) throw error
}
