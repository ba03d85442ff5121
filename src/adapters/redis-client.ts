import { createClient, type RedisClientOptions, type RedisClientType } from '@redis/client'
import { readFields } from '../ground/argument.ts'
import { refuseOption } from '../ground/option-checks.ts'

const PING_MS = 10_000
const CONNECT_MS = 5_000
const DEFAULT_PORT = 6_379

/** The part of a client of @redis/client that is read. */
export interface RedisSource {
  readonly isOpen: boolean
  readonly options?: object | undefined
  duplicate(overrides?: never): unknown
}

/** A client of @redis/client, as a link uses it. */
export type RedisClient = Pick<
  RedisClientType,
  | 'connect'
  | 'destroy'
  | 'on'
  | 'sendCommand'
  | 'subscribe'
  | 'unsubscribe'
  | 'sUnsubscribe'
  | 'extendPubSubListeners'
  | 'getPubSubListeners'
>

/** Where a server is. */
export interface RedisPlace {
  readonly host: string
  readonly port: number
}

/** The origin of all clients: urls of the same server or cluster, or a client. */
export type RedisOrigin = readonly string[] | RedisSource

/**
 * Makes a client that does not reconnect, and is not connected: the library would subscribe again with one command, and hide what is
 * refused.
 *
 * @param place where it connects to. @default where the origin says
 */
export function makeClient(origin: RedisOrigin, place?: RedisPlace): RedisClient {
  return isUrls(origin) ? clientOf(origin[0] ?? '', place) : duplicateOf(origin, place)
}

const OWN = { disableOfflineQueue: true, pingInterval: PING_MS, maintNotifications: 'disabled' } as const
const UNBOUNDED: object = { commandsQueueMaxLength: undefined }
const OWN_SOCKET = { reconnectStrategy: false, connectTimeout: CONNECT_MS } as const

function clientOf(url: string, place: RedisPlace | undefined): RedisClient {
  return createClient({
    url: place === undefined ? url : urlAt(url, place),
    ...OWN,
    socket: { ...OWN_SOCKET },
  })
}

function urlAt(url: string, { host, port }: RedisPlace): string {
  const moved = new URL(url)
  moved.hostname = bracketed(host)
  moved.port = String(port)
  return moved.href
}

function duplicateOf(source: RedisSource, place: RedisPlace | undefined): RedisClient {
  const { socket } = readFields(source.options) ?? {}
  const there = place === undefined ? {} : { url: undefined, path: undefined }
  const overrides = {
    ...OWN,
    // A full queue would be taken for a lost connection: how much may be under way is the adapter's own.
    ...UNBOUNDED,
    ...there,
    commandOptions: {},
    socket: { ...readFields(socket), ...OWN_SOCKET, ...there, ...place },
  }
  // Generic over modules, scripts and versions of the protocol, none of which is used here.
  const { duplicate } = source as unknown as { duplicate(overrides: RedisClientOptions): RedisClient }
  return duplicate.call(source, overrides as RedisClientOptions)
}

/** Closes a client. Also one that has lost its connection, and throws then, has a timer for its pings, which would hold up the process. */
export function letGo(client: RedisClient): void {
  try {
    client.destroy()
  } catch {}
}

/** Where an origin leads to, for people: without credentials. */
export function addressesOf(origin: RedisOrigin): string[] {
  return isUrls(origin) ? origin.map((url) => hostOf(url).address) : [addressOfClient(origin)]
}

/** The servers that an origin names. */
export function placesOf(origin: RedisOrigin): RedisPlace[] {
  if (isUrls(origin)) return origin.map((url) => placeOf(hostOf(url).host))
  const { host, port } = readFields(readFields(origin.options)?.socket) ?? {}
  return [{ host: String(host ?? '127.0.0.1'), port: Number(port ?? DEFAULT_PORT) }]
}

export function placeOf(address: string): RedisPlace {
  const [, host = address, port = DEFAULT_PORT] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(address) ?? []
  return { host, port: Number(port) }
}

export function addressAt({ host, port }: RedisPlace): string {
  return `${bracketed(host)}:${port}`
}

/** The address of an IPv6 host, as it stands in a url. */
function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

/** @throws `BERYL_ERR_OPTION_INVALID`, which never shows the url: it may hold a password */
export function checkUrl(url: string): string {
  hostOf(url)
  return url
}

function hostOf(url: string): { address: string; host: string } {
  const { protocol, host, username, password } = URL.canParse(url) ? new URL(url) : NOWHERE
  if (![username, password].every(isEncoded))
    return refuseOption('redis.url', 'credentials in which a % is written as %25', 'another %')
  if ((protocol === 'redis:' || protocol === 'rediss:') && host !== '')
    return { address: `${protocol}//${host}`, host }
  return refuseOption('redis.url', 'a URL such as redis://127.0.0.1:6379 or rediss://…', {
    'another text': url.length,
  })
}

const NOWHERE = { protocol: '', host: '', username: '', password: '' }

function isEncoded(text: string): boolean {
  try {
    return decodeURIComponent(text) !== undefined
  } catch {
    return false
  }
}

function addressOfClient({ options }: RedisSource): string {
  const { host, port = DEFAULT_PORT, path } = readFields(readFields(options)?.socket) ?? {}
  return typeof path === 'string' ? path : `${String(host ?? '127.0.0.1')}:${String(port)}`
}

function isUrls(origin: RedisOrigin): origin is readonly string[] {
  return Array.isArray(origin)
}
