import { hasMethods } from '../ground/argument.ts'
import { CLOCK_METHODS, type Clock } from '../ground/clock.ts'
import { type Backoff, resolveBackoff } from './backoff.ts'
import { check, checkKeys, refuseSpec } from './check.ts'
import type { AutoShutdown } from './child-spec.ts'
import type { Report } from './events.ts'
import type { Intensity, Strategy } from './restart-policy.ts'

/** The options of supervisors of both kinds. */
export interface CommonOptions {
  /** Registered while the supervisor lives, for {@link currentSupervisor}; the first part of every child's path. */
  readonly name?: string | undefined
  /** So many restarts within `periodMs` pass; one more and the supervisor gives up. 0: none. @default 1 */
  readonly intensity?: number | undefined
  /** The length of the sliding window, in monotonic milliseconds, ends included. @default 5000 */
  readonly periodMs?: number | undefined
  /** The rule by which the end of significant children ends the supervisor. @default 'never' */
  readonly autoShutdown?: AutoShutdown | undefined
  /** The back-off of children that have none of their own. @default none: OTP's rules */
  readonly backoff?: Backoff | false | undefined
  /** Takes what happens in the tree. Nothing is logged without it. */
  readonly report?: Report | undefined
  /** Aborting it stops the tree, also while it starts. */
  readonly signal?: AbortSignal | undefined
  /** @default the clock of the machine */
  readonly clock?: Clock | undefined
}

/** The flags of a supervisor, checked and filled in. */
export interface Flags extends Intensity {
  readonly autoShutdown: AutoShutdown
  readonly backoff: Backoff | undefined
}

const STRATEGIES: readonly unknown[] = ['one_for_one', 'one_for_all', 'rest_for_one'] satisfies Strategy[]
const AUTO_SHUTDOWNS: readonly unknown[] = [
  'never',
  'any_significant',
  'all_significant',
] satisfies AutoShutdown[]

const COMMON_KEYS: readonly string[] = [
  'name',
  'intensity',
  'periodMs',
  'autoShutdown',
  'backoff',
  'report',
  'signal',
  'clock',
] satisfies (keyof CommonOptions)[]

/**
 * Checks what may be anything in JavaScript: that there are options, that each key has a meaning, and what is no flag.
 *
 * @param keys the options that supervisors of this kind take besides
 * @throws BERYL_ERR_CHILD_SPEC
 */
export function checkSupervisorOptions<O extends CommonOptions>(options: O, keys: readonly string[]): O {
  const owner = typeof options?.name === 'string' ? options.name : 'supervisor'
  checkKeys(owner, 'options', options, [...COMMON_KEYS, ...keys])
  const { name, report, signal, clock } = options
  const named = name === undefined || (typeof name === 'string' && name !== '')
  check(named, owner, 'name', 'a non-empty string', name)
  check(report === undefined || typeof report === 'function', owner, 'report', 'a function', report)
  check(signal === undefined || signal instanceof AbortSignal, owner, 'signal', 'an AbortSignal', signal)
  check(
    clock === undefined || hasMethods<Clock>(clock, CLOCK_METHODS),
    owner,
    'clock',
    `a clock: ${CLOCK_METHODS.join(', ')}`,
    clock,
  )
  return options
}

/** @throws BERYL_ERR_CHILD_SPEC naming the flag, what was wanted and what came */
export function resolveFlags(owner: string, options: CommonOptions): Flags {
  const { intensity = 1, periodMs = 5_000, autoShutdown = 'never' } = options
  if (!Number.isInteger(intensity) || intensity < 0)
    refuseSpec(owner, 'intensity', 'an integer from 0', intensity)
  if (!Number.isInteger(periodMs) || periodMs < 1)
    refuseSpec(owner, 'periodMs', 'an integer from 1', periodMs)
  if (!AUTO_SHUTDOWNS.includes(autoShutdown))
    refuseSpec(owner, 'autoShutdown', "'never', 'any_significant' or 'all_significant'", autoShutdown)
  const backoff = resolveBackoff(owner, 'backoff', options.backoff) || undefined
  return Object.freeze({ intensity, periodMs, autoShutdown, backoff })
}

/** Children that come and go cannot end their supervisor, as in OTP. @throws BERYL_ERR_CHILD_SPEC */
export function refuseAutoShutdown(owner: string, { autoShutdown = 'never' }: CommonOptions): void {
  if (autoShutdown !== 'never')
    refuseSpec(owner, 'autoShutdown', "'never', since the supervisor is a dynamic one", autoShutdown)
}

/** @throws BERYL_ERR_CHILD_SPEC */
export function resolveStrategy(owner: string, strategy: Strategy = 'one_for_one'): Strategy {
  if (!STRATEGIES.includes(strategy))
    refuseSpec(owner, 'strategy', "'one_for_one', 'one_for_all' or 'rest_for_one'", strategy)
  return strategy
}
