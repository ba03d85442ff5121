import { createClient, type RedisClientOptions } from '@redis/client'
import { readFields } from '../ground/argument.ts'
import { refuseOption } from '../ground/option-checks.ts'
import type { Driver, Link, LinkEvents } from './driver.ts'
import { decodeLogged } from './logged-message.ts'
import { type RedisClient, RedisLink } from './redis-link.ts'

/** The client buffers of Redis are larger: this keeps a message in bounds for every engine. */
const MAX_MESSAGE_BYTES = 1_024 * 1_024 - 1_024
const PING_MS = 10_000
const CONNECT_MS = 5_000

/** The part of a client of @redis/client that is read. */
export interface RedisSource {
  readonly isOpen: boolean
  readonly options?: object | undefined
  duplicate(overrides?: never): unknown
}

/** Redis or Valkey, one server. */
export class RedisDriver implements Driver {
  readonly name = 'redis'
  readonly address: string
  readonly maxMessageBytes = MAX_MESSAGE_BYTES
  readonly decodeLogged = decodeLogged
  readonly #makeClient: () => RedisClient
  readonly #prefix: string

  constructor(source: string | RedisSource, prefix: string) {
    this.#prefix = prefix
    this.#makeClient = typeof source === 'string' ? () => clientOf(source) : () => duplicateOf(source)
    this.address = typeof source === 'string' ? addressOf(source) : addressOfClient(source)
  }

  connect(node: string, events: LinkEvents, signal: AbortSignal): Promise<Link> {
    return new RedisLink({ makeClient: this.#makeClient, prefix: this.#prefix, node, events }).open(signal)
  }
}

/** The library reconnects itself: a client of its own would subscribe again with one command, and hide what is refused. */
const OWN = { disableOfflineQueue: true, pingInterval: PING_MS, maintNotifications: 'disabled' } as const
const OWN_SOCKET = { reconnectStrategy: false, connectTimeout: CONNECT_MS } as const

function clientOf(url: string): RedisClient {
  return createClient({ url, ...OWN, socket: { ...OWN_SOCKET } })
}

function duplicateOf(source: RedisSource): RedisClient {
  const { socket } = readFields(source.options) ?? {}
  const overrides = { ...OWN, commandOptions: {}, socket: { ...readFields(socket), ...OWN_SOCKET } }
  // Generic over modules, scripts and versions of the protocol, none of which is used here.
  const { duplicate } = source as unknown as { duplicate(overrides: RedisClientOptions): RedisClient }
  return duplicate.call(source, overrides)
}

/** @throws `BERYL_ERR_OPTION_INVALID`, which never shows the url: it may hold a password */
export function addressOf(url: string): string {
  const { protocol, host } = URL.canParse(url) ? new URL(url) : { protocol: '', host: '' }
  if ((protocol === 'redis:' || protocol === 'rediss:') && host !== '') return `${protocol}//${host}`
  return refuseOption('redis.url', 'a URL such as redis://127.0.0.1:6379 or rediss://…', {
    'another text': url.length,
  })
}

function addressOfClient({ options }: RedisSource): string {
  const { host, port = 6379, path } = readFields(readFields(options)?.socket) ?? {}
  return typeof path === 'string' ? path : `${String(host ?? '127.0.0.1')}:${String(port)}`
}
