import { readFields } from '../ground/argument.ts'
import { berylError, show } from '../ground/errors.ts'
import type { Timing } from './state.ts'

/** The limits that keep one owner, or one huge topic, from costing the others too much. `false` switches one off. */
export interface PresenceLimits {
  /** Keys that one owner may track on one topic. Above it, `track` throws. @default 10 */
  readonly keys?: number | false
  /** Bytes of one key as UTF-8. Above it, `track` throws. @default 255 */
  readonly keyBytes?: number | false
  /** Bytes of one meta as JSON text. Above it, `track` and `update` throw. @default 4096 */
  readonly metaBytes?: number | false
  /** Tracks and updates of one owner in a second. Above it, they throw. @default 20 */
  readonly changesPerSecond?: number | false
  /**
   * Keys of one topic that clients are told of, the oldest; when one goes, the next takes its place. `list`, `get`,
   * `count` and `onDiff` on the server always see all. @default 1000
   */
  readonly shownKeys?: number | false
}

/** Presence among several nodes. All times are monotonic; a wall clock that jumps changes nothing. */
export interface PresenceOptions {
  /** Changes are collected for so long before the other nodes are told. Local clients are told at once. @default 1500 */
  readonly broadcastMs?: number
  /** Periods of `broadcastMs` without a change after which a node says that it lives. @default 3 */
  readonly quietPeriods?: number
  /** A node that is silent for so long has its presences hidden. @default 30_000 */
  readonly downMs?: number
  /** A node that is silent for so long is forgotten. @default 1_200_000 */
  readonly permanentDownMs?: number
  /** The other nodes go on showing who was here for so long when this node drains. @default 5000 */
  readonly handoffMs?: number
  readonly limits?: PresenceLimits
}

/** {@link PresenceOptions} with every default filled in; a limit that is off is `Infinity`. Frozen. */
export interface ResolvedPresenceOptions extends Timing {
  readonly handoffMs: number
  readonly limits: Readonly<Record<keyof PresenceLimits, number>>
}

const DEFAULTS = {
  broadcastMs: 1_500,
  quietPeriods: 3,
  downMs: 30_000,
  permanentDownMs: 1_200_000,
  handoffMs: 5_000,
}
const LIMITS = { keys: 10, keyBytes: 255, metaBytes: 4_096, changesPerSecond: 20, shownKeys: 1_000 }

/**
 * Checks the options and fills in the defaults.
 *
 * @param field what the refusals call the option
 * @throws BERYL_ERR_OPTION_INVALID naming the field, what was wanted and what came
 */
export function resolvePresenceOptions(
  options: PresenceOptions | true = {},
  field = 'presence',
): ResolvedPresenceOptions {
  const given = options === true ? {} : options
  checkKeys(field, given, [...Object.keys(DEFAULTS), 'limits'])
  const { limits = {}, ...times } = given
  checkKeys(`${field}.limits`, limits, Object.keys(LIMITS))
  const resolved = { ...DEFAULTS, ...times, limits: resolveLimits(`${field}.limits`, limits) }
  for (const name of Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]) {
    const least = name === 'handoffMs' ? 0 : 1
    if (!isInteger(resolved[name], least))
      refuse(`${field}.${name}`, `an integer from ${least}`, resolved[name])
  }
  checkOrder(field, resolved)
  return Object.freeze(resolved)
}

/** A node must be able to speak twice before it counts as down. */
function checkOrder(field: string, { broadcastMs, quietPeriods, downMs, permanentDownMs }: Timing): void {
  const least = broadcastMs * quietPeriods * 2
  if (downMs < least) refuse(`${field}.downMs`, `at least 2 × broadcastMs × quietPeriods (${least})`, downMs)
  if (permanentDownMs <= downMs)
    refuse(`${field}.permanentDownMs`, `more than downMs (${downMs})`, permanentDownMs)
}

function resolveLimits(field: string, given: PresenceLimits): ResolvedPresenceOptions['limits'] {
  const limits = { ...LIMITS }
  for (const name of Object.keys(LIMITS) as (keyof PresenceLimits)[]) {
    const value = given[name] ?? LIMITS[name]
    // Resolved already: what is resolved again stays as it is.
    const isOff = value === false || value === Number.POSITIVE_INFINITY
    if (!isOff && !isInteger(value, 1)) refuse(`${field}.${name}`, 'an integer from 1, or false', value)
    limits[name] = isOff ? Number.POSITIVE_INFINITY : value
  }
  return Object.freeze(limits)
}

function checkKeys(field: string, value: unknown, known: readonly string[]): void {
  const fields = readFields(value) ?? refuse(field, 'an object', value)
  const unknown = Object.keys(fields).find((key) => !known.includes(key))
  if (unknown !== undefined) refuse(field, `only ${known.join(', ')}`, unknown)
}

function isInteger(value: unknown, least: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least
}

function refuse(field: string, wanted: string, got: unknown): never {
  throw berylError('BERYL_ERR_OPTION_INVALID', field, wanted, show(got))
}
