import type { Driver } from './driver.ts'
import { decodeLogged } from './logged-message.ts'
import { addressesOf, makeClient, placeOf, placesOf, type RedisOrigin } from './redis-client.ts'
import { MAX_MESSAGE_BYTES, RedisDriver } from './redis-driver.ts'
import { partitionOf } from './redis-partitions.ts'
import { RedisScout } from './redis-scout.ts'
import { ShardChannels } from './redis-shard-channels.ts'
import type { Scout, ShardedDriver } from './sharded-driver.ts'

/** A Redis Cluster, each of whose masters carries the topics of its own slots. */
export class RedisClusterDriver implements ShardedDriver {
  readonly name = 'redis'
  readonly address: string
  readonly advice =
    'start it, correct the addresses or the credentials, or set startDegraded: true to begin without it; for a Redis that is ' +
    'no cluster leave sharded out'
  readonly maxMessageBytes = MAX_MESSAGE_BYTES
  readonly decodeLogged = decodeLogged
  readonly partitionOf = partitionOf
  readonly #origin: RedisOrigin
  readonly #prefix: string

  constructor(origin: RedisOrigin, prefix: string) {
    this.#origin = origin
    this.#prefix = prefix
    this.address = addressesOf(origin).join(', ')
  }

  at(address: string): Driver {
    return new RedisDriver(this.#origin, new ShardChannels(this.#prefix, address), placeOf(address), address)
  }

  scout(): Scout {
    return new RedisScout((place) => makeClient(this.#origin, place), placesOf(this.#origin))
  }
}
