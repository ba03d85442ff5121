import type { FastifyRequest } from 'fastify'
import type { ChannelDefinition, ConnectContext, ConnectGrant, Connection } from '../channel/infer.ts'
import type { Rejection } from '../channel/result.ts'
import { type Clock, systemClock } from '../ground/clock.ts'
import { MAX_NAME_BYTES } from '../ground/name.ts'
import {
  flag,
  fn,
  isObject,
  limit,
  limitsIn,
  list,
  rate,
  refuseOption,
  section,
  whole,
} from '../ground/option-checks.ts'
import { Rate, type RateOptions } from '../ground/rate.ts'
import {
  type PresenceOptions,
  type ResolvedPresenceOptions,
  resolvePresenceOptions,
} from '../presence/options.ts'
import type { PubSubAdapter } from '../pubsub/adapter.ts'
import { local } from '../pubsub/local.ts'
import type { BackpressureLimits } from '../session/backlog.ts'
import type { MeterRates } from '../session/meter.ts'
import type { DrainOptions } from '../session/sessions.ts'
import type { ChildInit } from '../supervision/child-spec.ts'
import { originIsHost, originIsListed, parseOriginRule } from '../transport/origin.ts'

/** The reaction to a tree that gave up: close the Fastify instance, exit the process with 1, or call back. */
export type OnGiveUp = 'close' | 'exit' | ((error: Error) => void)

/** Which browsers' pages may connect: those of the same host, a list, all, or as a function says. */
export type CheckOrigin = boolean | readonly string[] | ((origin: string, request: FastifyRequest) => boolean)

/** A limit, or `false` (or 0) for none. */
export type Limit = number | false

/** A limit of how often, or `false` for none. */
export type RateLimit = RateOptions | false

/** The options of the plugin. Every one is optional. */
export interface BerylOptions {
  /** Clients connect to `<path>/websocket`. @default '/socket' */
  readonly path?: string
  /** The channels to begin with; more may follow with `channels.register`. @default [] */
  readonly channels?: readonly ChannelDefinition[]
  /**
   * Decides who may connect, before the upgrade. What it gives becomes `connection.assigns`; `reject(…)` answers 403; a
   * throw answers as Fastify's error handler does (500). @default everybody, with {}
   */
  readonly connect?: (
    context: ConnectContext,
  ) => ConnectGrant | Rejection | undefined | Promise<ConnectGrant | Rejection | undefined>
  /** The name under which `channels.disconnect` finds a connection, such as `user:42`. @default none */
  readonly connectionTopic?: (connection: Connection) => string | undefined
  /** Which pages may connect. Clients that are no browsers send no Origin and are let in. @default true */
  readonly checkOrigin?: CheckOrigin
  /** WebSocket sub-protocols that the server speaks, best first. @default [] */
  readonly subprotocols?: readonly string[]
  /** permessage-deflate. Costs some hundred KiB for each connection that uses it. @default false */
  readonly compression?: boolean
  /** Presence, with its options, or without. @default true */
  readonly presence?: boolean | PresenceOptions
  /** Groups, or not. @default true */
  readonly groups?: boolean
  /** The carrier of messages between nodes. @default this node only */
  readonly pubsub?: PubSubAdapter
  readonly supervision?: {
    /** The tree survives so many restarts within `periodMs`. @default 3 */
    readonly intensity?: number
    /** @default 5000 */
    readonly periodMs?: number
    /** @default 'close' */
    readonly onGiveUp?: OnGiveUp
  }
  /** The application's own children: started last, stopped first. @default [] */
  readonly children?: readonly ChildInit[]
  /** Where time comes from: for tests, `fakeClock()` of `fastify-beryl/testing`. @default the machine's clock */
  readonly clock?: Clock
  readonly heartbeat?: {
    /** Clients send one so often; silent clients are looked for at least as often. Shorter than the timeout. @default 30_000 */
    readonly intervalMs?: number
    /** A client that sends nothing at all for so long is closed with 1001. @default 60_000 */
    readonly timeoutMs?: Limit
  }
  /** The limits of a client. All that it can make grow has a bound. */
  readonly limits?: {
    /** Bytes of one message, unpacked. Above: close 1009. @default 65_536 */
    readonly payloadBytes?: Limit
    /** Fragments of one message. Above: close 1008. @default 1024 */
    readonly fragments?: Limit
    /** Pieces in which one message may trickle in. Above: close 1008. @default 8192 */
    readonly bufferedChunks?: Limit
    /** Connections of this node. Above: 503 with Retry-After. @default 20_000 */
    readonly connections?: Limit
    /** Connections from one address. Above: 429. @default false */
    readonly connectionsPerIp?: Limit
    /** Connections that are being let in. Above: 503. @default 1000 */
    readonly pendingUpgrades?: Limit
    /** `connect` may take so long. Above: 503. @default 10_000 */
    readonly handshakeTimeoutMs?: Limit
    /** Topics of one connection. Above: the join is refused. @default 100 */
    readonly channelsPerConnection?: Limit
    /** Joins of one connection. Above: `rate_limited`. @default { perSecond: 50, burst: 100 } */
    readonly joins?: RateLimit
    /** Bytes of a topic. Above: the join is refused with `topic_too_long`. At most 255. @default 255 */
    readonly topicBytes?: number
    /** Messages of one connection. Above: `rate_limited`; close 1008 after 5 s of it. @default { perSecond: 100, burst: 200 } */
    readonly messages?: RateLimit
    /** Messages of one connection to one channel. Above: as `messages`. @default false */
    readonly channelMessages?: RateLimit
    /** Bytes of one connection in a second. Above: as `messages`. @default 1_048_576 */
    readonly bytesPerSecond?: Limit
    /**
     * Async callbacks at work for one connection. Above: what would begin waits, and its socket is not read until half of
     * them are done, for a second at the most; then messages wait as `mailbox` allows and joins are refused with
     * `overloaded`. @default 64
     */
    readonly pendingHandlers?: Limit
    /**
     * Messages that wait for one channel. Above: the message is refused with `overloaded`. As many broadcasts may wait for
     * its `intercept`, or for the answer to its join. Above: the channel ends, its client is told to join again. @default 256
     */
    readonly mailbox?: Limit
    /** A join may take so long, in milliseconds. Above: it is refused with `join_timeout`. @default 10_000 */
    readonly joinTimeoutMs?: Limit
  }
  /** The limits of slow readers. At one of them their connection is cut. */
  readonly backpressure?: {
    /** Bytes that wait for one reader. @default 1_048_576 */
    readonly maxBufferedBytes?: Limit
    /** Milliseconds without any progress while bytes wait. @default 10_000 */
    readonly stallMs?: Limit
    /** Bytes that wait for all together: the largest is cut first, upgrades get 503. @default 268_435_456 */
    readonly maxTotalBytes?: Limit
  }
  /** `app.close()` ends the connections in batches, each with 1012 when its handlers are done. */
  readonly drain?: {
    /** Connections at a time. @default 500 */
    readonly batch?: number
    /** Between two batches. @default 500 */
    readonly pauseMs?: number
    /** Running handlers may take so long. @default 5000 */
    readonly handlerMs?: number
    /** A client has so long to answer the close. @default 5000 */
    readonly closeMs?: number
    /** All of it. @default 30_000 */
    readonly timeoutMs?: number
  }
}

/** {@link BerylOptions} checked and filled in. Frozen. A limit that is off is `Infinity`. */
export interface ResolvedOptions {
  readonly path: string
  readonly channels: readonly ChannelDefinition[]
  readonly connect: (context: ConnectContext) => unknown
  readonly connectionTopic: ((connection: Connection) => string | undefined) | undefined
  readonly originAllowed: (origin: string, request: FastifyRequest) => boolean
  readonly checksOrigin: boolean
  readonly subprotocols: readonly string[]
  readonly compression: boolean
  readonly presence: ResolvedPresenceOptions | undefined
  readonly groups: boolean
  readonly pubsub: PubSubAdapter
  readonly supervision: { readonly intensity: number; readonly periodMs: number; readonly onGiveUp: OnGiveUp }
  readonly children: readonly ChildInit[]
  readonly clock: Clock
  readonly heartbeat: { readonly intervalMs: number; readonly timeoutMs: number }
  readonly limits: ResolvedLimits
  readonly backpressure: BackpressureLimits
  readonly drain: DrainOptions
}

export interface ResolvedLimits {
  readonly payloadBytes: number
  readonly fragments: number
  readonly bufferedChunks: number
  readonly connections: number
  readonly connectionsPerIp: number
  readonly pendingUpgrades: number
  readonly handshakeTimeoutMs: number
  readonly channelsPerConnection: number
  readonly topicBytes: number
  readonly pendingHandlers: number
  readonly mailbox: number
  readonly joinTimeoutMs: number
  readonly rates: MeterRates
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws `BERYL_ERR_OPTION_INVALID` naming the field, what was wanted and what came. A typo is refused, not ignored.
 */
export function resolveOptions(options: BerylOptions): ResolvedOptions {
  const root = section('options', options, [...ROOT, ...OF_SCOPES])
  for (const name of OF_SCOPES) if (root[name] !== undefined) refuseOption(name, NO_SCOPE, root[name])
  const supervision = section('supervision', root.supervision, ['intensity', 'periodMs', 'onGiveUp'])
  return Object.freeze({
    path: pathOf(root.path),
    channels: list<ChannelDefinition>('channels', root.channels, 'what defineChannel(…) returns', isObject),
    connect: (fn('connect', root.connect) ?? (() => ({}))) as ResolvedOptions['connect'],
    connectionTopic: fn('connectionTopic', root.connectionTopic) as ResolvedOptions['connectionTopic'],
    originAllowed: originCheck(root.checkOrigin === undefined ? true : root.checkOrigin),
    checksOrigin: root.checkOrigin !== false,
    subprotocols: list<string>(
      'subprotocols',
      root.subprotocols,
      'a name without spaces or commas',
      (item) => typeof item === 'string' && TOKEN.test(item),
    ),
    compression: flag('compression', root.compression, false),
    presence: presenceOf(root.presence),
    groups: flag('groups', root.groups, true),
    pubsub: adapterOf(root.pubsub),
    supervision: Object.freeze({
      intensity: whole('supervision.intensity', supervision.intensity, 3, 0),
      periodMs: whole('supervision.periodMs', supervision.periodMs, 5_000, 1),
      onGiveUp: onGiveUpOf(supervision.onGiveUp),
    }),
    children: list<ChildInit>('children', root.children, 'a child spec', isObject),
    clock: clockOf(root.clock),
    heartbeat: heartbeatOf(root.heartbeat),
    limits: limitsOf(root.limits),
    backpressure: backpressureOf(root.backpressure),
    drain: drainOf(root.drain),
  })
}

function heartbeatOf(value: unknown): ResolvedOptions['heartbeat'] {
  const given = section('heartbeat', value, ['intervalMs', 'timeoutMs'])
  const intervalMs = whole('heartbeat.intervalMs', given.intervalMs, 30_000, 1)
  const timeoutMs = limit('heartbeat.timeoutMs', given.timeoutMs, 60_000)
  if (timeoutMs <= intervalMs) {
    const which = given.intervalMs === undefined ? ', where it is not given' : ''
    refuseOption('heartbeat.timeoutMs', `more than heartbeat.intervalMs (${intervalMs}${which})`, timeoutMs)
  }
  return Object.freeze({ intervalMs, timeoutMs })
}

const LIMITS = {
  payloadBytes: 65_536,
  fragments: 1_024,
  bufferedChunks: 8_192,
  connections: 20_000,
  connectionsPerIp: Number.POSITIVE_INFINITY,
  pendingUpgrades: 1_000,
  handshakeTimeoutMs: 10_000,
  channelsPerConnection: 100,
  pendingHandlers: 64,
  mailbox: 256,
  joinTimeoutMs: 10_000,
}
/** A second of burst; at least one message of the largest size must fit. */
const BYTES_PER_SECOND = 1_048_576
const HEARTBEATS = new Rate({ perSecond: 2, burst: 4 })

function limitsOf(value: unknown): ResolvedLimits {
  const rates = ['topicBytes', 'messages', 'channelMessages', 'bytesPerSecond', 'joins']
  const given = section('limits', value, [...Object.keys(LIMITS), ...rates])
  const bytesPerSecond = limit('limits.bytesPerSecond', given.bytesPerSecond, BYTES_PER_SECOND)
  return Object.freeze({
    ...limitsIn('limits', given, LIMITS),
    topicBytes: whole('limits.topicBytes', given.topicBytes, MAX_NAME_BYTES, 1, MAX_NAME_BYTES),
    rates: Object.freeze({
      messages: rate('limits.messages', given.messages, { perSecond: 100, burst: 200 }),
      channelMessages: rate('limits.channelMessages', given.channelMessages, undefined),
      bytes: Number.isFinite(bytesPerSecond)
        ? new Rate({ perSecond: bytesPerSecond, burst: bytesPerSecond })
        : undefined,
      joins: rate('limits.joins', given.joins, { perSecond: 50, burst: 100 }),
      heartbeats: HEARTBEATS,
    }),
  })
}

const BACKPRESSURE = { maxBufferedBytes: 1_048_576, stallMs: 10_000, maxTotalBytes: 268_435_456 }

function backpressureOf(value: unknown): BackpressureLimits {
  return Object.freeze(
    limitsIn('backpressure', section('backpressure', value, Object.keys(BACKPRESSURE)), BACKPRESSURE),
  )
}

const DRAIN = { batch: 500, pauseMs: 500, handlerMs: 5_000, closeMs: 5_000, timeoutMs: 30_000 }

function drainOf(value: unknown): DrainOptions {
  const given = section('drain', value, Object.keys(DRAIN))
  const at = (name: keyof DrainOptions, min: number): number =>
    whole(`drain.${name}`, given[name], DRAIN[name], min)
  return Object.freeze({
    batch: at('batch', 1),
    pauseMs: at('pauseMs', 0),
    handlerMs: at('handlerMs', 0),
    closeMs: at('closeMs', 0),
    timeoutMs: at('timeoutMs', 1),
  })
}

const ROOT = [
  'path',
  'channels',
  'connect',
  'connectionTopic',
  'checkOrigin',
  'subprotocols',
  'compression',
  'presence',
  'groups',
  'pubsub',
  'supervision',
  'children',
  'clock',
  'heartbeat',
  'limits',
  'backpressure',
  'drain',
]

/** Fastify's own options of `register`. It gives them to the scope of a plugin, and this one has none of its own. */
const OF_SCOPES = ['prefix', 'logLevel', 'logSerializers']
const NO_SCOPE =
  'nothing here: the plugin belongs to the scope around it, so give it to the register of that (or use path)'

/** A token of RFC 9110, as a sub-protocol has to be. */
const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/

function pathOf(path: unknown): string {
  if (path === undefined) return '/socket'
  if (typeof path === 'string' && /^\/[^?#\s]*[^/?#\s]$/.test(path)) return path
  return refuseOption('path', 'a path such as "/socket", without a trailing slash', path)
}

function presenceOf(presence: unknown): ResolvedPresenceOptions | undefined {
  if (presence === false) return undefined
  if (presence === undefined || presence === true) return resolvePresenceOptions()
  if (!isObject(presence)) return refuseOption('presence', 'a boolean or an object', presence)
  return resolvePresenceOptions(presence)
}

function adapterOf(pubsub: unknown): PubSubAdapter {
  if (pubsub === undefined) return local()
  return has(pubsub, ADAPTER)
    ? (pubsub as PubSubAdapter)
    : refuseOption('pubsub', `an adapter: ${ADAPTER}`, pubsub)
}

function clockOf(clock: unknown): Clock {
  if (clock === undefined) return systemClock
  return has(clock, CLOCK) ? (clock as Clock) : refuseOption('clock', `a clock: ${CLOCK}`, clock)
}

const ADAPTER: readonly (keyof PubSubAdapter)[] = ['start', 'publish', 'subscribe', 'unsubscribe', 'stop']
const CLOCK: readonly (keyof Clock)[] = ['now', 'date', 'setTimeout', 'setInterval', 'setImmediate']

function has(value: unknown, methods: readonly string[]): boolean {
  try {
    return isObject(value) && methods.every((method) => typeof value[method] === 'function')
  } catch {
    // A value that throws when it is read has none.
    return false
  }
}

function onGiveUpOf(onGiveUp: unknown): OnGiveUp {
  if (onGiveUp === undefined) return 'close'
  if (onGiveUp === 'close' || onGiveUp === 'exit' || typeof onGiveUp === 'function')
    return onGiveUp as OnGiveUp
  return refuseOption('supervision.onGiveUp', "'close', 'exit' or a function", onGiveUp)
}

function originCheck(check: unknown): ResolvedOptions['originAllowed'] {
  if (check === true) return (origin, request) => originIsHost(origin, request.host)
  if (check === false) return () => true
  if (typeof check === 'function') return check as ResolvedOptions['originAllowed']
  const rules = list<string>('checkOrigin', check, ORIGIN, (item) => typeof item === 'string').map(
    (entry, index) => parseOriginRule(entry) ?? refuseOption(`checkOrigin[${index}]`, ORIGIN, entry),
  )
  return (origin) => originIsListed(origin, rules)
}

const ORIGIN = 'an origin such as "https://example.com" or "//*.example.com"'
