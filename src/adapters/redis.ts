import { readFields } from '../ground/argument.ts'
import { refuseOption, section } from '../ground/option-checks.ts'
import type { PubSubAdapter } from '../pubsub/adapter.ts'
import { BrokerAdapter } from './broker-adapter.ts'
import { BROKER_OPTIONS, type BrokerGiven, resolveBrokerOptions } from './broker-options.ts'
import { RedisDriver, type RedisSource } from './redis-driver.ts'

export { createPublisher, type Publisher, type PublisherOptions } from './publisher.ts'
export type { RedisSource } from './redis-driver.ts'

/** The options of {@link redis}: `url` or `client`, one of them. */
export interface RedisOptions extends BrokerGiven {
  /** `redis://[[user]:password@]host[:port]`, or `rediss://…` for TLS. */
  readonly url?: string | undefined
  /**
   * A client of `@redis/client` (or of `redis`), connected or not, where more than a url has to be said, such as the
   * certificate of an authority. It is not used itself: duplicates of it are, and only they are closed.
   */
  readonly client?: RedisSource | undefined
}

/**
 * Messages between nodes over Redis or Valkey, 7 or newer: what the option `pubsub` takes. Each node needs one of its own.
 *
 * @throws `BERYL_ERR_OPTION_INVALID`
 * @example await app.register(beryl, { pubsub: redis({ url: 'redis://127.0.0.1:6379' }) })
 */
export function redis(options: RedisOptions): PubSubAdapter {
  refuseSharded(options)
  const given = section('redis', options, [...BROKER_OPTIONS, 'url', 'client'])
  const source = sourceOf(given.url, given.client)
  const resolved = resolveBrokerOptions('redis', given)
  return new BrokerAdapter(new RedisDriver(source, resolved.prefix), resolved)
}

/** Whoever knows it from other adapters asks for it: it is said more clearly than an unknown option. */
function refuseSharded(options: unknown): void {
  const { sharded } = readFields(options) ?? {}
  if (sharded !== undefined) refuseOption('redis.sharded', UNSHARDED, sharded)
}

const UNSHARDED =
  'it left out: a Redis Cluster carries messages by the url of any of its nodes, and is not spoken to by shards'

function sourceOf(url: unknown, client: unknown): string | RedisSource {
  if (client !== undefined && url !== undefined)
    refuseOption('redis.client', 'url or client, one of them', client)
  if (client === undefined && typeof url === 'string') return url
  if (client === undefined)
    return refuseOption('redis.url', 'a URL such as redis://127.0.0.1:6379, or client', url)
  return isClient(client) ? client : refuseOption('redis.client', CLIENT, client)
}

const CLIENT = 'a client that createClient() of @redis/client made (ioredis is another one)'

function isClient(value: unknown): value is RedisSource {
  try {
    const { duplicate, isOpen } = value as RedisSource
    return typeof duplicate === 'function' && typeof isOpen === 'boolean'
  } catch {
    return false
  }
}
