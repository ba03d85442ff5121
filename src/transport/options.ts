import type { FastifyRequest } from 'fastify'
import type {
  ConnectContext,
  ConnectGrant,
  Connection,
  RenewContext,
  RenewGrant,
} from '../channel/connection.ts'
import type { Rejection } from '../channel/result.ts'
import { show } from '../ground/errors.ts'
import {
  type Fields,
  fn,
  isFunction,
  type Limit,
  limitsIn,
  list,
  refuseOption,
} from '../ground/option-checks.ts'
import { type LongPollOptions, type ResolvedLongPollOptions, resolveLongPoll } from './longpoll/options.ts'
import { originIsHost, originIsListed, parseOriginRule } from './origin.ts'
import { type ResolvedCompression, resolveCompression, type SharedCompression } from './websocket/options.ts'

/** Which browsers' pages may connect: those of the same host, a list, all, or as a function says. */
export type CheckOrigin = boolean | readonly string[] | ((origin: string, request: FastifyRequest) => boolean)

/** The way in. */
export interface TransportOptions {
  /** Clients connect to `<path>/websocket`. @default '/socket' */
  readonly path?: string | undefined
  /**
   * Decides who may connect, before the upgrade. `{ assigns?, expiresAt? }` lets in: the assigns are those of the
   * connection. `reject(…)` answers 403; a throw, and whatever else it gives, as Fastify's error handler does (500).
   * @default everybody, with {}
   */
  readonly connect?:
    | ((context: ConnectContext) => ConnectGrant | Rejection | Promise<ConnectGrant | Rejection>)
    | undefined
  /**
   * Decides over a new token of a client that is connected, within `limits.handshakeTimeoutMs`. What it gives has the shape
   * of `connect`'s, and takes its place; the error of `reject(…)` is the answer to the client. A connection stays that of
   * whom it was: where `connectionTopic` gives another name, nothing changes. @default no renewal
   */
  readonly renew?:
    | ((context: RenewContext) => RenewGrant | Rejection | Promise<RenewGrant | Rejection>)
    | undefined
  /** The name under which `channels.disconnect` finds a connection, such as `user:42`. @default none */
  readonly connectionTopic?: ((connection: Connection) => string | undefined) | undefined
  /** Which pages may connect. Clients that are no browsers send no Origin and are let in. @default true */
  readonly checkOrigin?: CheckOrigin | undefined
  /** WebSocket sub-protocols that the server speaks, best first. @default [] */
  readonly subprotocols?: readonly string[] | undefined
  /**
   * permessage-deflate, for clients that offer it. `'shared'`: each message by itself, a broadcast once for all, and nothing kept
   * for a connection. `true`: as ws does it, which keeps some hundred KiB for each connection. @default false
   */
  readonly compression?: boolean | 'shared' | SharedCompression | undefined
  /** Long polling at `<path>/longpoll`, for clients that no WebSocket reaches. @default false */
  readonly longPoll?: boolean | LongPollOptions | undefined
}

/** The limits of clients on their way in, and of what their sockets carry. */
export interface TransportLimits {
  /** Bytes of one message, unpacked. Above: close 1009. @default 65_536 */
  readonly payloadBytes?: Limit | undefined
  /** Fragments of one message. Above: close 1008. @default 1024 */
  readonly fragments?: Limit | undefined
  /** Pieces in which one message may trickle in. Above: close 1008. @default 8192 */
  readonly bufferedChunks?: Limit | undefined
  /** Connections of this node by one entrance. Above: 503 with Retry-After. @default 20_000 */
  readonly connections?: Limit | undefined
  /** Connections from one address. Above: 429. @default false */
  readonly connectionsPerIp?: Limit | undefined
  /** Connections that are being let in. Above: 503. @default 1000 */
  readonly pendingUpgrades?: Limit | undefined
  /** `connect` may take so long. Above: 503. `renew`, too. Above: `renew_timeout`. @default 10_000 */
  readonly handshakeTimeoutMs?: Limit | undefined
}

/** {@link TransportOptions} checked and filled in. */
export interface ResolvedTransportOptions {
  readonly path: string
  readonly connect: (context: ConnectContext) => unknown
  /** False where everybody is let in. */
  readonly hasConnect: boolean
  readonly renew: ((context: RenewContext) => unknown) | undefined
  readonly connectionTopic: ((connection: Connection) => string | undefined) | undefined
  readonly originAllowed: (origin: string, request: FastifyRequest) => boolean
  readonly checksOrigin: boolean
  readonly subprotocols: readonly string[]
  readonly compression: ResolvedCompression
  readonly longPoll: ResolvedLongPollOptions | undefined
}

/** {@link TransportLimits} filled in: `Infinity` where there is none. */
export type ResolvedTransportLimits = Readonly<Record<keyof TransportLimits, number>>

export const TRANSPORT_OPTIONS: readonly (keyof TransportOptions)[] = [
  'path',
  'connect',
  'renew',
  'connectionTopic',
  'checkOrigin',
  'subprotocols',
  'compression',
  'longPoll',
]

export const TRANSPORT_LIMITS: ResolvedTransportLimits = {
  payloadBytes: 65_536,
  fragments: 1_024,
  bufferedChunks: 8_192,
  connections: 20_000,
  connectionsPerIp: Number.POSITIVE_INFINITY,
  pendingUpgrades: 1_000,
  handshakeTimeoutMs: 10_000,
}

export function resolveTransportLimits(given: Fields): ResolvedTransportLimits {
  return limitsIn('limits', given, TRANSPORT_LIMITS)
}

export function resolveTransportOptions(given: Fields): ResolvedTransportOptions {
  return {
    path: pathOf(given.path),
    connect: fn<ResolvedTransportOptions['connect']>('connect', given.connect) ?? (() => ({})),
    hasConnect: given.connect !== undefined,
    renew: fn('renew', given.renew),
    connectionTopic: fn('connectionTopic', given.connectionTopic),
    originAllowed: originCheck(given.checkOrigin),
    checksOrigin: given.checkOrigin !== false,
    subprotocols: list('subprotocols', given.subprotocols, 'a name without spaces or commas', isToken),
    compression: resolveCompression(given.compression),
    longPoll: resolveLongPoll(given.longPoll),
  }
}

function pathOf(path: unknown): string {
  if (path === undefined) return '/socket'
  if (typeof path === 'string' && path.endsWith('/websocket')) refuseOption('path', rightPath(path), path)
  if (typeof path === 'string' && /^\/[^?#\s]*[^/?#\s]$/.test(path)) return path
  return refuseOption('path', 'a path such as "/socket", without a trailing slash', path)
}

function rightPath(path: string): string {
  const right = path.replace(/(\/websocket)+$/, '') || '/socket'
  return `the path without the "/websocket" that clients put behind it: ${show(right)}`
}

/** A token of RFC 9110, as a sub-protocol has to be. */
function isToken(item: unknown): item is string {
  return typeof item === 'string' && /^[!#$%&'*+.^_`|~\w-]+$/.test(item)
}

function originCheck(check: unknown): ResolvedTransportOptions['originAllowed'] {
  if (check === undefined || check === true) return (origin, request) => originIsHost(origin, request.host)
  if (check === false) return () => true
  if (isFunction<ResolvedTransportOptions['originAllowed']>(check)) return check
  const rules = list('checkOrigin', check, ORIGIN, isString).map(
    (entry, index) =>
      parseOriginRule(entry) ?? refuseOption(`checkOrigin[${index}]`, originFor(entry), entry),
  )
  return (origin) => originIsListed(origin, rules)
}

const ORIGIN = 'an origin such as "https://example.com" or "//*.example.com"'

/** An entry without slashes is nearly one. */
function originFor(entry: string): string {
  const right = `//${entry.replace(/^[/:]+/, '')}`
  return parseOriginRule(right) === undefined ? ORIGIN : `${ORIGIN}: here ${show(right)}`
}

function isString(item: unknown): item is string {
  return typeof item === 'string'
}
