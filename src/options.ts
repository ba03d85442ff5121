import type { FastifyRequest } from 'fastify'
import type { ChannelDefinition, ConnectContext, Connection, ConnectionAssigns } from './channel/infer.ts'
import type { Rejection } from './channel/result.ts'
import { berylError, show } from './errors.ts'
import {
  type PresenceOptions,
  type ResolvedPresenceOptions,
  resolvePresenceOptions,
} from './presence/options.ts'
import type { PubSubAdapter } from './pubsub/adapter.ts'
import { local } from './pubsub/local.ts'
import type { ChildInit } from './supervision/child-spec.ts'
import { MAX_NAME_BYTES } from './topic.ts'
import { originIsHost, originIsListed, parseOriginRule } from './transport/origin.ts'

/** What to do when the tree gave up: close the Fastify instance, exit the process with 1, or call back. */
export type OnGiveUp = 'close' | 'exit' | ((error: Error) => void)

/** Which browsers' pages may connect: those of the same host, a list, all, or as a function says. */
export type CheckOrigin = boolean | readonly string[] | ((origin: string, request: FastifyRequest) => boolean)

/** A limit, or `false` (or 0) for none. */
export type Limit = number | false

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
  ) => ConnectionAssigns | Rejection | undefined | Promise<ConnectionAssigns | Rejection | undefined>
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
  /** What carries messages between nodes. @default this node only */
  readonly pubsub?: PubSubAdapter
  readonly supervision?: {
    /** How many restarts within `periodMs` the tree survives. @default 3 */
    readonly intensity?: number
    /** @default 5000 */
    readonly periodMs?: number
    /** @default 'close' */
    readonly onGiveUp?: OnGiveUp
  }
  /** The application's own children: started last, stopped first. @default [] */
  readonly children?: readonly ChildInit[]
  readonly heartbeat?: {
    /** A client that sends nothing at all for so long is closed with 1001. @default 60_000 */
    readonly timeoutMs?: Limit
  }
  readonly limits?: {
    /** Bytes of one message. Above: close 1009. @default 65_536 */
    readonly payloadBytes?: Limit
    /** Topics of one connection. Above: the join is refused. @default 100 */
    readonly channelsPerConnection?: Limit
    /** Bytes of a topic. Above: the join is refused. At most 255. @default 255 */
    readonly topicBytes?: number
    /** Messages that wait for one channel. Above: the message is refused. @default 256 */
    readonly mailbox?: Limit
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
  readonly heartbeat: { readonly timeoutMs: number }
  readonly limits: {
    readonly payloadBytes: number
    readonly channelsPerConnection: number
    readonly topicBytes: number
    readonly mailbox: number
  }
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws `BERYL_ERR_OPTION_INVALID` naming the field, what was wanted and what came. A typo is refused, not ignored.
 */
export function resolveOptions(options: BerylOptions): ResolvedOptions {
  const root = section('options', options, ROOT)
  const supervision = section('supervision', root.supervision, ['intensity', 'periodMs', 'onGiveUp'])
  const heartbeat = section('heartbeat', root.heartbeat, ['timeoutMs'])
  const limits = section('limits', root.limits, [
    'payloadBytes',
    'channelsPerConnection',
    'topicBytes',
    'mailbox',
  ])
  return Object.freeze({
    path: pathOf(root.path),
    channels: list<ChannelDefinition>('channels', root.channels, 'what defineChannel(…) returns', isObject),
    connect: (fn('connect', root.connect) ?? (() => ({}))) as ResolvedOptions['connect'],
    connectionTopic: fn('connectionTopic', root.connectionTopic) as ResolvedOptions['connectionTopic'],
    originAllowed: originCheck(root.checkOrigin ?? true),
    checksOrigin: root.checkOrigin !== false,
    subprotocols: list<string>(
      'subprotocols',
      root.subprotocols,
      'a string',
      (item) => typeof item === 'string',
    ),
    compression: flag('compression', root.compression, false),
    presence: presenceOf(root.presence),
    groups: flag('groups', root.groups, true),
    pubsub: adapterOf(root.pubsub),
    supervision: Object.freeze({
      intensity: whole('supervision.intensity', supervision.intensity, 3, 0),
      periodMs: whole('supervision.periodMs', supervision.periodMs, 5_000, 1),
      onGiveUp: giveUp(supervision.onGiveUp),
    }),
    children: list<ChildInit>('children', root.children, 'a child spec', isObject),
    heartbeat: Object.freeze({ timeoutMs: limit('heartbeat.timeoutMs', heartbeat.timeoutMs, 60_000) }),
    limits: Object.freeze({
      payloadBytes: limit('limits.payloadBytes', limits.payloadBytes, 65_536),
      channelsPerConnection: limit('limits.channelsPerConnection', limits.channelsPerConnection, 100),
      topicBytes: whole('limits.topicBytes', limits.topicBytes, MAX_NAME_BYTES, 1, MAX_NAME_BYTES),
      mailbox: limit('limits.mailbox', limits.mailbox, 256),
    }),
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
  'heartbeat',
  'limits',
  // Fastify's own options of `register`.
  'prefix',
  'logLevel',
  'logSerializers',
]

function pathOf(path: unknown): string {
  if (path === undefined) return '/socket'
  if (typeof path === 'string' && /^\/[^?#\s]*[^/?#\s]$/.test(path)) return path
  return refuse('path', 'a path such as "/socket", without a trailing slash', path)
}

function presenceOf(presence: unknown): ResolvedPresenceOptions | undefined {
  if (presence === false) return undefined
  if (presence === undefined || presence === true) return resolvePresenceOptions(true)
  if (!isObject(presence)) return refuse('presence', 'a boolean or an object', presence)
  return resolvePresenceOptions(presence as PresenceOptions)
}

function adapterOf(pubsub: unknown): PubSubAdapter {
  if (pubsub === undefined) return local()
  if (isObject(pubsub) && typeof pubsub.publish === 'function' && typeof pubsub.start === 'function') {
    return pubsub as unknown as PubSubAdapter
  }
  return refuse('pubsub', 'an adapter', pubsub)
}

function giveUp(onGiveUp: unknown): OnGiveUp {
  if (onGiveUp === undefined) return 'close'
  if (onGiveUp === 'close' || onGiveUp === 'exit' || typeof onGiveUp === 'function')
    return onGiveUp as OnGiveUp
  return refuse('supervision.onGiveUp', "'close', 'exit' or a function", onGiveUp)
}

function originCheck(check: unknown): ResolvedOptions['originAllowed'] {
  if (check === true) return (origin, request) => originIsHost(origin, request.host)
  if (check === false) return () => true
  if (typeof check === 'function') return check as ResolvedOptions['originAllowed']
  const rules = list<string>('checkOrigin', check, ORIGIN, (item) => typeof item === 'string').map(
    (entry, index) => parseOriginRule(entry) ?? refuse(`checkOrigin[${index}]`, ORIGIN, entry),
  )
  return (origin) => originIsListed(origin, rules)
}

const ORIGIN = 'an origin such as "https://example.com" or "//*.example.com"'

// One function for each kind of value

type Fields = Readonly<Record<string, unknown>>

function section(field: string, value: unknown, allowed: readonly string[]): Fields {
  if (value === undefined) return {}
  if (!isObject(value)) return refuse(field, 'an object', value)
  for (const key of Object.keys(value)) {
    if (!allowed.includes(key))
      refuse(field === 'options' ? key : `${field}.${key}`, `one of ${allowed.join(', ')}`, key)
  }
  return value
}

function flag(field: string, value: unknown, byDefault: boolean): boolean {
  if (value === undefined) return byDefault
  return typeof value === 'boolean' ? value : refuse(field, 'a boolean', value)
}

function fn(field: string, value: unknown): ((...args: never[]) => unknown) | undefined {
  if (value === undefined || typeof value === 'function') return value as undefined
  return refuse(field, 'a function', value)
}

function whole(
  field: string,
  value: unknown,
  byDefault: number,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined) return byDefault
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max)
    return value as number
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  return refuse(field, `a whole number ${range}`, value)
}

function limit(field: string, value: unknown, byDefault: number): number {
  if (value === false || value === 0) return Number.POSITIVE_INFINITY
  if (value === undefined) return byDefault
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number
  return refuse(field, 'a whole number above 0, or false for no limit', value)
}

function list<T>(
  field: string,
  value: unknown,
  wanted: string,
  is: (item: unknown) => boolean,
): readonly T[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) return refuse(field, `an array: ${wanted}`, value)
  const wrong = value.findIndex((item) => !is(item))
  if (wrong !== -1) return refuse(`${field}[${wrong}]`, wanted, value[wrong])
  return Object.freeze([...value])
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refuse(field: string, wanted: string, got: unknown): never {
  throw berylError('BERYL_ERR_OPTION_INVALID', field, wanted, show(got))
}
