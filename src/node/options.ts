import type { ChannelDefinition } from '../channel/infer.ts'
import { hasMethods, readFields } from '../ground/argument.ts'
import { CLOCK_METHODS, type Clock, systemClock } from '../ground/clock.ts'
import { flag, isObject, type Limit, limit, list, refuseOption, section } from '../ground/option-checks.ts'
import {
  type PresenceOptions,
  type ResolvedPresenceOptions,
  resolvePresenceOptions,
} from '../presence/options.ts'
import type { PubSubAdapter } from '../pubsub/adapter.ts'
import { local } from '../pubsub/local.ts'
import {
  type ResolvedSessionLimits,
  type ResolvedSessionOptions,
  resolveSessionLimits,
  resolveSessionOptions,
  SESSION_LIMITS,
  SESSION_OPTIONS,
  type SessionLimits,
  type SessionOptions,
} from '../session/options.ts'
import type { ChildInit } from '../supervision/child-spec.ts'
import {
  type ResolvedTransportLimits,
  type ResolvedTransportOptions,
  resolveTransportLimits,
  resolveTransportOptions,
  TRANSPORT_LIMITS,
  TRANSPORT_OPTIONS,
  type TransportLimits,
  type TransportOptions,
} from '../transport/options.ts'
import {
  type ResolvedSupervision,
  resolveSupervision,
  type SupervisionOptions,
} from './supervision-options.ts'

// Puts together what the rooms say of their own options.

/** The options of the plugin. Every one is optional. */
export interface BerylOptions extends TransportOptions, SessionOptions {
  /** The channels to begin with; more may follow with `channels.register`. @default [] */
  readonly channels?: readonly ChannelDefinition[] | undefined
  /** Presence, with its options, or without. @default true */
  readonly presence?: boolean | PresenceOptions | undefined
  /** Groups, or not. @default true */
  readonly groups?: boolean | undefined
  /** The carrier of messages between nodes. @default this node only */
  readonly pubsub?: PubSubAdapter | undefined
  /** The failures that the tree survives, and the end of the application behind them. */
  readonly supervision?: SupervisionOptions | undefined
  /** The application's own children, under a supervisor of their own: started last, stopped first. @default [] */
  readonly children?: readonly ChildInit[] | undefined
  /** Where time comes from: for tests, `fakeClock()` of `fastify-beryl/testing`. @default the machine's clock */
  readonly clock?: Clock | undefined
  /** The limits of a client. All that it can make grow has a bound. */
  readonly limits?: (TransportLimits & SessionLimits & NodeLimits) | undefined
}

/** The limits of a node. */
export interface NodeLimits {
  /**
   * Bytes of the logs of all topics in the memory of this node, and of the ends of logs elsewhere. Above: topics that nobody hears are
   * forgotten, those used longest ago first; then the longest logs are cut. @default 67_108_864
   */
  readonly historyBytes?: Limit | undefined
}

/** {@link BerylOptions} checked and filled in. Frozen. A limit that is off is `Infinity`. */
export interface ResolvedOptions extends ResolvedTransportOptions, ResolvedSessionOptions {
  readonly channels: readonly ChannelDefinition[]
  readonly presence: ResolvedPresenceOptions | undefined
  readonly groups: boolean
  readonly pubsub: PubSubAdapter
  readonly supervision: ResolvedSupervision
  readonly children: readonly ChildInit[]
  readonly clock: Clock
  readonly limits: ResolvedTransportLimits & ResolvedSessionLimits & { readonly historyBytes: number }
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws `BERYL_ERR_OPTION_INVALID` naming the field, what was wanted and what came. A typo is refused, not ignored.
 */
export function resolveOptions(options: BerylOptions): ResolvedOptions {
  const root = section('options', options, [...ROOT, ...OF_SCOPES])
  for (const name of OF_SCOPES) if (root[name] !== undefined) refuseOption(name, NO_SCOPE, root[name])
  const limits = limitsOf(root.limits, HISTORY)
  const clock = clockOf(root.clock)
  return Object.freeze({
    ...resolveTransportOptions(root),
    ...resolveSessionOptions(root),
    limits: Object.freeze({ ...limits, historyBytes: historyBytesOf(root.limits) }),
    channels: list('channels', root.channels, DEFINITION, isDefinition),
    presence: presenceOf(root.presence),
    groups: flag('groups', root.groups, true),
    pubsub: adapterOf(root.pubsub) ?? local({ clock, maxBytes: historyBytesOf(root.limits) }),
    supervision: resolveSupervision(root.supervision),
    children: list('children', root.children, 'a child spec, as worker(id, run) gives one', isSpec),
    clock,
  })
}

/** The options of a further entrance. What holds for the whole node is said once, to the plugin. */
export interface MountOptions extends Omit<TransportOptions, 'path' | 'compression'> {
  /** Clients connect to `<path>/websocket`, behind the prefix of the scope. */
  readonly path: string
  /** The channels that can be joined here. @default those of the plugin, with those that are registered later */
  readonly channels?: readonly ChannelDefinition[] | undefined
  /** The limits of its clients, and of how many there are. */
  readonly limits?: (TransportLimits & SessionLimits) | undefined
}

/** {@link MountOptions} checked and filled in. */
export interface ResolvedMountOptions extends ResolvedTransportOptions {
  readonly channels: readonly ChannelDefinition[] | undefined
  readonly limits: ResolvedTransportLimits & ResolvedSessionLimits
}

/** @throws `BERYL_ERR_OPTION_INVALID` */
export function resolveMountOptions(options: unknown): ResolvedMountOptions {
  const root = section('options', options, [...ROOT, ...OF_SCOPES])
  for (const name of OF_SCOPES) if (root[name] !== undefined) refuseOption(name, NO_SCOPE, root[name])
  for (const name of ROOT)
    if (!MOUNT.includes(name) && root[name] !== undefined) refuseOption(name, OF_NODE, root[name])
  if (root.path === undefined) refuseOption('path', 'a path of its own, such as "/admin"', root.path)
  return Object.freeze({
    ...resolveTransportOptions(root),
    limits: limitsOf(root.limits),
    channels: root.channels === undefined ? undefined : mountedChannels(root.channels),
  })
}

function mountedChannels(given: unknown): readonly ChannelDefinition[] {
  const channels = list('channels', given, DEFINITION, isDefinition)
  if (channels.length > 0) return channels
  return refuseOption(
    'channels',
    'at least one, or nothing here for those of the plugin: nobody could join any',
    given,
  )
}

const OF_NODE = 'nothing here: it holds for all entrances, so give it to the plugin'
const DEFINITION = 'what defineChannel(…) returns'

const ROOT: readonly string[] = [
  ...TRANSPORT_OPTIONS,
  ...SESSION_OPTIONS,
  'limits',
  'channels',
  'presence',
  'groups',
  'pubsub',
  'supervision',
  'children',
  'clock',
]

const MOUNT: readonly string[] = [
  ...TRANSPORT_OPTIONS.filter((name) => name !== 'compression'),
  'limits',
  'channels',
]

/** Fastify's own options of `register`. It gives them to the scope of a plugin, and this one has none of its own. */
const OF_SCOPES = ['prefix', 'logLevel', 'logSerializers']
const NO_SCOPE =
  'nothing here: the plugin belongs to the scope around it, so give it to the register of that (or use path)'

const HISTORY = ['historyBytes']

function historyBytesOf(limits: unknown): number {
  return limit('limits.historyBytes', readFields(limits)?.historyBytes, 67_108_864)
}

/** @param ofNode the names of limits that have no entrance of their own */
function limitsOf(value: unknown, ofNode: readonly string[] = []): ResolvedMountOptions['limits'] {
  const given = section('limits', value, [...Object.keys(TRANSPORT_LIMITS), ...SESSION_LIMITS, ...ofNode])
  return Object.freeze({ ...resolveTransportLimits(given), ...resolveSessionLimits(given) })
}

/**
 * Long polling, against what is said to the whole node.
 *
 * @throws `BERYL_ERR_OPTION_INVALID` where other nodes could not read its tokens, or its clients would be taken for silent ones
 */
export function checkLongPoll(
  longPoll: ResolvedTransportOptions['longPoll'],
  { pubsub, heartbeat }: Pick<ResolvedOptions, 'pubsub' | 'heartbeat'>,
): void {
  if (longPoll === undefined) return
  if (longPoll.secret === undefined && pubsub.isSolo !== true)
    refuseOption(
      'longPoll.secret',
      `a secret that all nodes have, as pubsub is '${pubsub.name}': a poll may come to any of them`,
      undefined,
    )
  if (longPoll.windowMs * 2 > heartbeat.timeoutMs)
    refuseOption(
      'longPoll.windowMs',
      `at most half of heartbeat.timeoutMs (${heartbeat.timeoutMs}), within which a client has to be heard`,
      longPoll.windowMs,
    )
}

function presenceOf(presence: unknown): ResolvedPresenceOptions | undefined {
  if (presence === false) return undefined
  if (presence === undefined || presence === true) return resolvePresenceOptions()
  if (!isObject(presence)) return refuseOption('presence', 'a boolean or an object', presence)
  return resolvePresenceOptions(presence)
}

function adapterOf(pubsub: unknown): PubSubAdapter | undefined {
  if (pubsub === undefined) return undefined
  return hasMethods<PubSubAdapter>(pubsub, ADAPTER)
    ? pubsub
    : refuseOption('pubsub', `an adapter: ${ADAPTER.join(', ')}, as redis({ url }) gives one`, pubsub)
}

function clockOf(clock: unknown): Clock {
  if (clock === undefined) return systemClock
  return hasMethods<Clock>(clock, CLOCK_METHODS)
    ? clock
    : refuseOption('clock', `a clock: ${CLOCK_METHODS.join(', ')}`, clock)
}

const ADAPTER: readonly (keyof PubSubAdapter)[] = ['start', 'publish', 'subscribe', 'unsubscribe', 'stop']

// The router and the supervisor look closer at theirs.

function isDefinition(value: unknown): value is ChannelDefinition {
  return isObject(value)
}

function isSpec(value: unknown): value is ChildInit {
  return isObject(value)
}
