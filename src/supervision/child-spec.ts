import { readFields } from '../ground/argument.ts'
import { show } from '../ground/errors.ts'
import { type Backoff, resolveBackoff } from './backoff.ts'
import { A_DURATION, checkKeys, isDuration, isOneOf, refuseSpec } from './check.ts'
import type { MaybePromise, StartContext, StartResult } from './process.ts'

/** The rule by which an ended child is started again: always, after abnormal exits only, never. */
export type Restart = 'permanent' | 'transient' | 'temporary'

/**
 * The way in which a child is stopped: asked and given this many milliseconds before it is killed, asked and waited for without
 * limit, or killed without being asked. 0 asks and kills in the same turn.
 */
export type ShutdownRule = number | 'infinity' | 'brutal'

/** The policy of a child; the same for all children of a template. */
export interface ChildPolicy {
  /** @default 'permanent' */
  readonly restart: Restart
  /** @default 5000 for workers, 'infinity' for supervisors */
  readonly shutdownMs: ShutdownRule
  /** After this long a pending start has failed; a late result is killed. @default 5000, 'infinity' for supervisors */
  readonly startTimeoutMs: number | 'infinity'
  /** @default 'worker' */
  readonly type: 'worker' | 'supervisor'
  /** True: its end may end the supervisor, see `autoShutdown`. @default false */
  readonly significant: boolean
  /**
   * From the second restart in a row on the start waits. A child with one never exhausts its supervisor: its restarts are not
   * counted. `false`: none, also where the supervisor has one. @default that of its supervisor
   */
  readonly backoff?: Backoff | false | undefined
}

/** A child as it is written down: how to start it, under which id, and what differs from the default policy. */
export interface ChildInit<R extends StartResult = StartResult, I extends string = string>
  extends Partial<ChildPolicy> {
  /** Unique among the children of one supervisor. */
  readonly id: I
  /**
   * Starts one incarnation and gives its process, or `'ignore'` where there is nothing to run. A throw, a rejection, a
   * timeout and anything else than a process are one thing: the start failed.
   */
  readonly start: (context: StartContext) => MaybePromise<R>
}

/** A {@link ChildInit} that was checked and filled in. Frozen. */
export type ChildSpec<R extends StartResult = StartResult, I extends string = string> = ChildPolicy &
  ChildInit<R, I>

/** When the end of significant children ends their supervisor. */
export type AutoShutdown = 'never' | 'any_significant' | 'all_significant'

const WORKER_MS = 5_000
const resolved = new WeakSet<object>()

/**
 * Checks a spec and fills in its defaults. A spec that went through this before is returned as it is.
 *
 * @param owner the supervisor that the refusal names
 * @throws BERYL_ERR_CHILD_SPEC naming the field, what was wanted and what came
 */
export function resolveChildSpec<R extends StartResult, I extends string>(
  init: ChildInit<R, I>,
  owner: string,
): ChildSpec<R, I> {
  if (isResolved(init)) return init
  if (readFields(init) === undefined) refuseSpec(owner, 'a child', 'a child spec', init)
  checkKeys(owner, `child ${show(init.id)}`, init, ['id', 'start', ...POLICY_KEYS])
  const { id, start } = init
  if (typeof id !== 'string' || id === '') refuseSpec(owner, 'id of a child', 'a non-empty string', id)
  if (typeof start !== 'function') refuseSpec(owner, `child '${id}', start`, 'a function', start)
  const spec = Object.freeze({ id, start, ...resolvePolicy(init, owner, `child '${id}'`) })
  resolved.add(spec)
  return spec
}

/** Checks a policy and fills in its defaults. @throws BERYL_ERR_CHILD_SPEC */
export function resolvePolicy(init: Partial<ChildPolicy>, owner: string, child: string): ChildPolicy {
  const { restart = 'permanent', type = 'worker', significant = false } = init
  const standard = type === 'supervisor' ? 'infinity' : WORKER_MS
  const { shutdownMs = standard, startTimeoutMs = standard } = init
  const check = (field: keyof ChildPolicy, valid: boolean, wanted: string): void => {
    if (!valid) refuseSpec(owner, `${child}, ${field}`, wanted, init[field])
  }
  check('restart', isOneOf(restart, RESTARTS), "'permanent', 'transient' or 'temporary'")
  check('type', isOneOf(type, TYPES), "'worker' or 'supervisor'")
  check('shutdownMs', isDuration(shutdownMs) || shutdownMs === 'brutal', `${A_DURATION} or 'brutal'`)
  check('startTimeoutMs', isDuration(startTimeoutMs), A_DURATION)
  check('significant', typeof significant === 'boolean', 'a boolean')
  const backoff = resolveBackoff(owner, `${child}, backoff`, init.backoff)
  check('backoff', !backoff || restart !== 'temporary', 'none, since a temporary child is never restarted')
  const policy = { restart, shutdownMs, startTimeoutMs, type, significant }
  return backoff === undefined ? policy : { ...policy, backoff }
}

/** The same for a policy alone, whose keys are checked, too. @throws BERYL_ERR_CHILD_SPEC */
export function checkPolicy(owner: string, policy: unknown): void {
  checkKeys(owner, 'policy', policy, POLICY_KEYS)
  resolvePolicy(policy as Partial<ChildPolicy>, owner, 'policy')
}

/**
 * Refuses a significant child where its end could mean nothing: under `autoShutdown: 'never'`, or a permanent one.
 *
 * @throws BERYL_ERR_CHILD_SPEC
 */
export function checkSignificant(
  policy: ChildPolicy,
  autoShutdown: AutoShutdown,
  owner: string,
  child: string,
): void {
  if (!policy.significant) return
  const field = `${child}, significant`
  if (autoShutdown === 'never')
    refuseSpec(owner, field, "false, since the supervisor's autoShutdown is 'never'", true)
  if (policy.restart === 'permanent')
    refuseSpec(owner, field, 'false, since a permanent child never stays down', true)
}

function isResolved<R extends StartResult, I extends string>(init: ChildInit<R, I>): init is ChildSpec<R, I> {
  return typeof init === 'object' && init !== null && resolved.has(init)
}

export const POLICY_KEYS: readonly string[] = [
  'restart',
  'shutdownMs',
  'startTimeoutMs',
  'type',
  'significant',
  'backoff',
] satisfies (keyof ChildPolicy)[]

const RESTARTS = ['permanent', 'transient', 'temporary']
const TYPES = ['worker', 'supervisor']
