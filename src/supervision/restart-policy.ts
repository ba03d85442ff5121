import type { AutoShutdown, Restart } from './child-spec.ts'
import { type ExitReason, isNormal } from './exit-reason.ts'

/** Who is restarted with a child that ended: itself; everyone; itself and those started after it. */
export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one'

/** How many restarts are too many: more than `intensity` within `periodMs`, ends included. */
export interface Intensity {
  readonly intensity: number
  readonly periodMs: number
}

/** What becomes of a child that ended by itself: started again; kept as a spec without a process; removed. */
export type AfterExit = 'restart' | 'keep' | 'remove'

/** Decides what becomes of a child of this restart type that ended for this reason. */
export function afterExit(restart: Restart, reason: ExitReason): AfterExit {
  if (restart === 'temporary') return 'remove'
  return restart === 'permanent' || !isNormal(reason) ? 'restart' : 'keep'
}

/** The children that are stopped (from the last) and started (from the first) when `failed` is restarted. */
export function restartGroup<C>(strategy: Strategy, children: readonly C[], failed: C): readonly C[] {
  switch (strategy) {
    case 'one_for_one':
      return [failed]
    case 'one_for_all':
      return children
    case 'rest_for_one':
      return children.slice(children.indexOf(failed))
  }
  return strategy satisfies never
}

/**
 * Records the restart that is about to be tried and forgets those that left the window. The window slides and is
 * closed: a restart exactly `periodMs` ago still counts.
 *
 * @param times the monotonic milliseconds of earlier restarts, oldest first
 * @returns the times to keep, this one last; more than `intensity` of them means: give up instead of trying
 */
export function recordRestart(
  times: readonly number[],
  now: number,
  { periodMs }: Intensity,
): readonly number[] {
  const first = times.findIndex((time) => now - time <= periodMs)
  return first === -1 ? [now] : [...times.slice(first), now]
}

/**
 * Decides whether the end of a child ends its supervisor.
 *
 * @param othersAlive whether another significant child has a process or is being restarted
 */
export function endsSupervisor(
  autoShutdown: AutoShutdown,
  significant: boolean,
  othersAlive: () => boolean,
): boolean {
  if (!significant || autoShutdown === 'never') return false
  return autoShutdown === 'any_significant' || !othersAlive()
}
