import { limitsIn, refuseOption, section, whole } from '../ground/option-checks.ts'
import type { Timing } from './state.ts'

/** The limits that keep one owner, or one huge topic, from costing the others too much. `false` switches one off. */
export interface PresenceLimits {
  /** Keys that one owner may track on one topic. Above it, `track` throws. @default 10 */
  readonly keys?: number | false | undefined
  /** Bytes of one key as UTF-8. Above it, `track` throws. @default 255 */
  readonly keyBytes?: number | false | undefined
  /** Bytes of one meta as JSON text. Above it, `track` and `update` throw. @default 4096 */
  readonly metaBytes?: number | false | undefined
  /**
   * Tracks and updates of one owner in a second. Above it, `track` throws, and of the updates the newest goes out when it
   * may. @default 20
   */
  readonly changesPerSecond?: number | false | undefined
  /**
   * Keys of one topic that clients are told of, the oldest; when one goes, the next takes its place. `list`, `get`,
   * `count` and `onDiff` on the server always see all. @default 1000
   */
  readonly shownKeys?: number | false | undefined
}

/** Presence among several nodes. All times are monotonic; a wall clock that jumps changes nothing. */
export interface PresenceOptions {
  /** Changes are collected for so long before the other nodes are told: clients of this node need not wait for it. @default 1500 */
  readonly broadcastMs?: number | undefined
  /**
   * The longest wait between two diffs of one topic to the clients of this node, in milliseconds. A change is told at once where its
   * topic was quiet, or has ten subscribers at most; what comes behind it waits 2 ms for each further one, at most so long, and goes out
   * as one diff: a room of hundreds is told once in `diffMs`, also when thousands come back. 0: a diff for each turn of the event loop.
   * @default 1000
   */
  readonly diffMs?: number | undefined
  /** Periods of `broadcastMs` without a change after which a node says that it lives. @default 3 */
  readonly quietPeriods?: number | undefined
  /** A node that is silent for so long has its presences hidden. @default 30_000 */
  readonly downMs?: number | undefined
  /** A node that is silent for so long is forgotten. @default 1_200_000 */
  readonly permanentDownMs?: number | undefined
  /** The other nodes go on showing who was here for so long when this node drains. @default 5000 */
  readonly handoffMs?: number | undefined
  readonly limits?: PresenceLimits | undefined
}

/** {@link PresenceOptions} with every default filled in; a limit that is off is `Infinity`. Frozen. */
export interface ResolvedPresenceOptions extends Timing {
  readonly diffMs: number
  readonly handoffMs: number
  readonly limits: Readonly<Record<keyof PresenceLimits, number>>
}

const DEFAULTS = {
  broadcastMs: 1_500,
  diffMs: 1_000,
  quietPeriods: 3,
  downMs: 30_000,
  permanentDownMs: 1_200_000,
  handoffMs: 5_000,
}
const LIMITS = { keys: 10, keyBytes: 255, metaBytes: 4_096, changesPerSecond: 20, shownKeys: 1_000 }

const resolved = new WeakSet<object>()

function isResolved(options: object): options is ResolvedPresenceOptions {
  return resolved.has(options)
}

/**
 * Checks the options and fills in the defaults. Options that are resolved already stay as they are.
 *
 * @param field the option's name in refusals
 * @throws BERYL_ERR_OPTION_INVALID naming the field, what was wanted and what came
 */
export function resolvePresenceOptions(
  options: PresenceOptions | ResolvedPresenceOptions = {},
  field = 'presence',
): ResolvedPresenceOptions {
  if (isResolved(options)) return options
  const given = section(field, options, [...Object.keys(DEFAULTS), 'limits'])
  const at = (name: keyof typeof DEFAULTS, least: number): number =>
    whole(`${field}.${name}`, given[name], DEFAULTS[name], least)
  const limits = section(`${field}.limits`, given.limits, Object.keys(LIMITS))
  const made = Object.freeze({
    broadcastMs: at('broadcastMs', 1),
    diffMs: at('diffMs', 0),
    quietPeriods: at('quietPeriods', 1),
    downMs: at('downMs', 1),
    permanentDownMs: at('permanentDownMs', 1),
    handoffMs: at('handoffMs', 0),
    limits: Object.freeze(limitsIn(`${field}.limits`, limits, LIMITS)),
  })
  checkOrder(field, made)
  resolved.add(made)
  return made
}

/** A node must be able to speak twice before it counts as down. */
function checkOrder(field: string, { broadcastMs, quietPeriods, downMs, permanentDownMs }: Timing): void {
  const least = broadcastMs * quietPeriods * 2
  if (downMs < least)
    refuseOption(`${field}.downMs`, `at least 2 × broadcastMs × quietPeriods (${least})`, downMs)
  if (permanentDownMs <= downMs)
    refuseOption(`${field}.permanentDownMs`, `more than downMs (${downMs})`, permanentDownMs)
}
