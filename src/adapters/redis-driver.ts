import type { Driver, Link, LinkEvents } from './driver.ts'
import { decodeLogged } from './logged-message.ts'
import type { RedisChannels } from './redis-channels.ts'
import { addressesOf, makeClient, type RedisOrigin, type RedisPlace } from './redis-client.ts'
import { RedisLink } from './redis-link.ts'

/** The client buffers of Redis are larger: this keeps a message in bounds for every engine. */
export const MAX_MESSAGE_BYTES = 1_024 * 1_024 - 1_024

/** Redis or Valkey, one server. */
export class RedisDriver implements Driver {
  readonly name = 'redis'
  readonly address: string
  readonly maxMessageBytes = MAX_MESSAGE_BYTES
  readonly decodeLogged = decodeLogged
  readonly #origin: RedisOrigin
  readonly #channels: RedisChannels
  readonly #place: RedisPlace | undefined

  constructor(
    origin: RedisOrigin,
    channels: RedisChannels,
    place?: RedisPlace,
    address = addressesOf(origin)[0],
  ) {
    this.#origin = origin
    this.#channels = channels
    this.#place = place
    this.address = address ?? ''
  }

  connect(node: string, events: LinkEvents, signal: AbortSignal): Promise<Link> {
    const client = () => makeClient(this.#origin, this.#place)
    return new RedisLink({ makeClient: client, channels: this.#channels, node, events }).open(signal)
  }
}
