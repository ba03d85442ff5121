import type { AutoShutdown, Restart } from './child-spec.ts'
import { type ExitReason, isNormal } from './exit-reason.ts'

/** The children that are restarted with one that ended: itself; everyone; itself and those started after it. */
export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one'

/** The limit of restarts: more than `intensity` within `periodMs`, ends included, are too many. */
export interface Intensity {
  readonly intensity: number
  readonly periodMs: number
}

/** The fate of a child that ended by itself: started again; kept as a spec without a process; removed. */
export type AfterExit = 'restart' | 'keep' | 'remove'

/** Decides what becomes of a child of this restart type that ended for this reason. */
export function afterExit(restart: Restart, reason: ExitReason): AfterExit {
  if (restart === 'temporary') return 'remove'
  return restart === 'permanent' || !isNormal(reason) ? 'restart' : 'keep'
}

/** The children that are stopped (from the last) and started (from the first) when `failed` is restarted. */
export function restartGroup<C>(strategy: Strategy, children: Iterable<C>, failed: C): readonly C[] {
  switch (strategy) {
    case 'one_for_one':
      return [failed]
    case 'one_for_all':
      return [...children]
    case 'rest_for_one':
      return startedAfter([...children], failed)
  }
  return strategy satisfies never
}

function startedAfter<C>(children: readonly C[], failed: C): readonly C[] {
  return children.slice(children.indexOf(failed))
}

/**
 * The restarts of the last `periodMs`. The window slides and is closed: a restart exactly `periodMs` ago still counts. It
 * holds at most `intensity` + 1 of them, since more end its supervisor, and a restart costs the same however many it holds.
 */
export class RestartWindow {
  readonly #limits: Intensity
  /** Monotonic milliseconds, oldest first; those before `#first` have left the window. */
  readonly #times: number[] = []
  #first = 0

  constructor(limits: Intensity) {
    this.#limits = limits
  }

  /** Records the restart that is about to be tried. @returns whether to give up instead of trying */
  record(now: number): boolean {
    const { intensity, periodMs } = this.#limits
    while (now - (this.#times[this.#first] ?? now) > periodMs) this.#first += 1
    if (this.#first * 2 > this.#times.length) {
      this.#times.splice(0, this.#first)
      this.#first = 0
    }
    this.#times.push(now)
    return this.#times.length - this.#first > intensity
  }
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
