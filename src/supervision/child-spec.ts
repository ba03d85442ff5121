import { berylError, show } from '../errors.ts'
import type { MaybePromise, Process, StartContext } from './process.ts'

/** Whether an ended child is started again: always, after abnormal exits only, never. */
export type Restart = 'permanent' | 'transient' | 'temporary'

/**
 * How a child is stopped: asked and given this many milliseconds before it is killed, asked and waited for without
 * limit, or killed without being asked. 0 asks and kills in the same turn.
 */
export type ShutdownRule = number | 'infinity' | 'brutal'

/** What starts one child and says how it is kept: all that is optional has the default named with it. */
export interface ChildInit<P extends Process = Process, I extends string = string> {
  /** Unique among the children of one supervisor. */
  readonly id: I
  /**
   * Starts one incarnation and gives its process, or `'ignore'` where there is nothing to run. A throw, a rejection, a
   * timeout and anything else than a process are one thing: the start failed.
   */
  readonly start: (context: StartContext) => MaybePromise<P | 'ignore'>
  /** @default 'permanent' */
  readonly restart?: Restart
  /** @default 5000 for workers, 'infinity' for supervisors */
  readonly shutdownMs?: ShutdownRule
  /** After this long a pending start counts as failed and its late result is killed. @default as shutdownMs's */
  readonly startTimeoutMs?: number | 'infinity'
  /** @default 'worker' */
  readonly type?: 'worker' | 'supervisor'
  /** Whether its end may end the supervisor: see `autoShutdown`. @default false */
  readonly significant?: boolean
}

/** A {@link ChildInit} that was checked and filled in. Frozen. */
export type ChildSpec<P extends Process = Process, I extends string = string> = Required<ChildInit<P, I>>

/** When the end of significant children ends their supervisor. */
export type AutoShutdown = 'never' | 'any_significant' | 'all_significant'

const WORKER_SHUTDOWN_MS = 5_000
const WORKER_START_TIMEOUT_MS = 5_000
const resolved = new WeakSet<object>()

/**
 * Checks a spec and fills in its defaults. A spec that went through this before is returned as it is.
 *
 * @param owner the supervisor that the refusal names
 * @throws BERYL_ERR_CHILD_SPEC naming the field, what was wanted and what came
 */
export function resolveChildSpec<P extends Process, I extends string>(
  init: ChildInit<P, I>,
  owner: string,
): ChildSpec<P, I> {
  if (isResolved(init)) return init
  if (typeof init !== 'object' || init === null) refuse(owner, 'a child', 'a child spec', init)
  const { id, start, restart = 'permanent', type = 'worker', significant = false } = init
  const isSupervisor = type === 'supervisor'
  const shutdownMs = init.shutdownMs ?? (isSupervisor ? 'infinity' : WORKER_SHUTDOWN_MS)
  const startTimeoutMs = init.startTimeoutMs ?? (isSupervisor ? 'infinity' : WORKER_START_TIMEOUT_MS)
  const spec = { id, start, restart, shutdownMs, startTimeoutMs, type, significant }
  checkFields(spec, owner)
  resolved.add(Object.freeze(spec))
  return spec
}

/**
 * Refuses a significant child where its end could mean nothing: under `autoShutdown: 'never'`, or a permanent one.
 *
 * @throws BERYL_ERR_CHILD_SPEC
 */
export function checkSignificant(spec: ChildSpec, autoShutdown: AutoShutdown, owner: string): void {
  if (!spec.significant) return
  const field = `child '${spec.id}', significant`
  if (autoShutdown === 'never')
    refuse(owner, field, "false, since the supervisor's autoShutdown is 'never'", true)
  if (spec.restart === 'permanent')
    refuse(owner, field, 'false, since a permanent child never stays down', true)
}

/** Refuses a value in the words of this module. */
export function refuse(owner: string, field: string, wanted: string, got: unknown): never {
  throw berylError('BERYL_ERR_CHILD_SPEC', owner, field, wanted, show(got))
}

function isResolved<P extends Process, I extends string>(init: ChildInit<P, I>): init is ChildSpec<P, I> {
  return typeof init === 'object' && init !== null && resolved.has(init)
}

function checkFields(spec: ChildSpec, owner: string): void {
  if (typeof spec.id !== 'string' || spec.id === '')
    refuse(owner, 'id of a child', 'a non-empty string', spec.id)
  const check = (field: keyof ChildSpec, valid: boolean, wanted: string): void => {
    if (!valid) refuse(owner, `child '${spec.id}', ${field}`, wanted, spec[field])
  }
  check('start', typeof spec.start === 'function', 'a function')
  check('restart', isOneOf(spec.restart, RESTARTS), "'permanent', 'transient' or 'temporary'")
  check('type', isOneOf(spec.type, TYPES), "'worker' or 'supervisor'")
  check(
    'shutdownMs',
    isDuration(spec.shutdownMs) || spec.shutdownMs === 'brutal',
    `${A_DURATION} or 'brutal'`,
  )
  check('startTimeoutMs', isDuration(spec.startTimeoutMs), A_DURATION)
  check('significant', typeof spec.significant === 'boolean', 'a boolean')
}

const RESTARTS = ['permanent', 'transient', 'temporary']
const TYPES = ['worker', 'supervisor']
/** Node's timers turn anything longer into 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1
const A_DURATION = `milliseconds from 0 to ${LONGEST_TIMER_MS}, 'infinity'`

function isOneOf(value: unknown, allowed: readonly string[]): boolean {
  return typeof value === 'string' && allowed.includes(value)
}

function isDuration(value: unknown): boolean {
  return value === 'infinity' || (typeof value === 'number' && value >= 0 && value <= LONGEST_TIMER_MS)
}
