import { flag, refuseOption, section } from '../ground/option-checks.ts'
import type { PubSubAdapter } from '../pubsub/adapter.ts'
import { BrokerAdapter } from './broker-adapter.ts'
import { BROKER_OPTIONS, type BrokerGiven, resolveBrokerOptions } from './broker-options.ts'
import { PlainChannels } from './redis-channels.ts'
import { checkUrl, type RedisClient, type RedisOrigin, type RedisSource } from './redis-client.ts'
import { RedisClusterDriver } from './redis-cluster-driver.ts'
import { RedisDriver } from './redis-driver.ts'

export { createPublisher, type Publisher, type PublisherOptions } from './publisher.ts'
export type { RedisSource } from './redis-client.ts'

/** The options of {@link redis}: `url` or `client`, one of them. */
export interface RedisOptions extends BrokerGiven {
  /**
   * `redis://[[user]:password@]host[:port]`, or `rediss://…` for TLS. With `sharded` also an array of some nodes of the cluster, with
   * the same credentials: the others are learned from the first one that answers.
   */
  readonly url?: string | readonly string[] | undefined
  /**
   * A client of `@redis/client` (or of `redis`), connected or not, where more than a url has to be said, such as the
   * certificate of an authority. It is not used itself: duplicates of it are, and only they are closed.
   */
  readonly client?: RedisSource | undefined
  /**
   * The server is a node of a Redis Cluster, and each master carries the topics of its own slots (`SPUBLISH`): the more masters, the
   * more messages. All nodes and publishers have the same. Without it a Redis Cluster carries every message to all its nodes.
   * @default false
   */
  readonly sharded?: boolean | undefined
}

/**
 * Messages between nodes over Redis or Valkey, 7 or newer: what the option `pubsub` takes. Each node needs one of its own.
 *
 * @throws `BERYL_ERR_OPTION_INVALID`
 * @example await app.register(beryl, { pubsub: redis({ url: 'redis://127.0.0.1:6379' }) })
 */
export function redis(options: RedisOptions): PubSubAdapter {
  const given = section('redis', options, [...BROKER_OPTIONS, 'url', 'client', 'sharded'])
  const isSharded = flag('redis.sharded', given.sharded, false)
  const origin = originOf(given.url, given.client, isSharded)
  const resolved = resolveBrokerOptions('redis', given)
  const driver = isSharded
    ? new RedisClusterDriver(origin, resolved.prefix)
    : new RedisDriver(origin, new PlainChannels(resolved.prefix))
  return new BrokerAdapter(driver, resolved)
}

function originOf(url: unknown, client: unknown, isSharded: boolean): RedisOrigin {
  if (client !== undefined && url !== undefined)
    refuseOption('redis.client', 'url or client, one of them', client)
  if (client === undefined) return urlsOf(url, isSharded)
  return isClient(client) ? client : refuseOption('redis.client', CLIENT, client)
}

const URL_WANTED = 'a URL such as redis://127.0.0.1:6379, or client'

function urlsOf(given: unknown, isSharded: boolean): readonly string[] {
  if (typeof given === 'string') return [checkUrl(given)]
  if (!Array.isArray(given)) return refuseOption('redis.url', URL_WANTED, given)
  if (!isSharded) return refuseOption('redis.url', 'one URL, or several with sharded: true', 'several')
  const urls = given.map((url: unknown) =>
    typeof url === 'string' ? checkUrl(url) : refuseOption('redis.url', URL_WANTED, url),
  )
  if (urls.length === 0) refuseOption('redis.url', URL_WANTED, given)
  if (new Set(urls.map(credentialsOf)).size > 1)
    refuseOption('redis.url', 'the same credentials and the same redis: or rediss: for all', 'different ones')
  return urls
}

function credentialsOf(url: string): string {
  const { protocol, username, password } = new URL(url)
  return JSON.stringify([protocol, username, password])
}

const CLIENT =
  'a client that createClient() of @redis/client made (ioredis, a cluster, a pool and a sentinel are others)'

function isClient(value: unknown): value is RedisSource {
  try {
    const { duplicate, isOpen, extendPubSubListeners } = value as RedisSource & Partial<RedisClient>
    return (
      typeof duplicate === 'function' &&
      typeof isOpen === 'boolean' &&
      typeof extendPubSubListeners === 'function'
    )
  } catch {
    return false
  }
}
