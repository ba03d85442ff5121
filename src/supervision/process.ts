import type { Clock } from '../ground/clock.ts'
import type { Report } from './events.ts'
import type { ExitReason } from './exit-reason.ts'

/** A value, or a promise of it. What is synchronous stays so: no promise is made where none is given. */
export type MaybePromise<T> = T | Promise<T>

/**
 * A child as its supervisor sees it: the whole contract between them. Everything that implements it can be supervised;
 * {@link worker}, {@link supervisor}, {@link thread} and actors do.
 */
export interface Process {
  /** Resolves once, with the reason, after the process has ended. Never rejects. */
  readonly exited: Promise<ExitReason>
  /**
   * Asks the process to end for `reason` and returns at once; `exited` then gives that reason, or `{ error }` if
   * ending fails. Must not throw. Asking again, or after the end, does nothing.
   */
  shutdown(reason: ExitReason): void
  /**
   * Ends the process without asking: `exited` must settle (with `killed`) even if its code cannot be stopped. Code that
   * goes on is told to the supervisor with {@link StartContext.abandoned}. Must not throw.
   */
  kill(): void
  /** The result of `which` and `startChild` for others; the process itself where it is absent. */
  readonly handle?: unknown
  /** The error behind an exit that names none: a supervisor that gave up ends with `shutdown`, as in OTP. */
  readonly failure?: unknown
  /** The part of `inspect` that stands below and beside this process. */
  readonly inspect?: (() => ProcessDetails) | undefined
}

/** The result of a start: a process, or the word that there is nothing to run. */
export type StartResult = Process | 'ignore'

/** A started child as others get it: its handle, the process itself where it has none, nothing if it was ignored. */
export type HandleOf<R extends StartResult> = R extends 'ignore'
  ? undefined
  : R extends { readonly handle: infer H }
    ? H
    : R

/** The argument of a child's `start`. One for each incarnation. */
export interface StartContext {
  readonly id: string
  /** The names from the outermost supervisor down to this child: `prices/feed`. */
  readonly path: string
  /** 1 for the first start, one more for each further one. Guard effects with it: a killed incarnation may overlap. */
  readonly incarnation: number
  /**
   * Aborted when this incarnation is asked to end, is killed, or has ended. Made on first use. Its `reason` is an error
   * BERYL_ERR_ASKED_TO_END whose `cause` is the exit reason.
   */
  readonly signal: AbortSignal
  readonly clock: Clock
  /** Where the events of the tree go. */
  readonly report: Report
  /** Tells that code of this incarnation goes on after its exit; counted until `rest` settles. */
  abandoned(rest: Promise<unknown>): void
}

/** The state of a child. `stopped`: its spec is kept and has no process. */
export type ChildState = 'starting' | 'running' | 'restarting' | 'stopping' | 'stopped'

/** A process's own part of its node in the tree. */
export interface ProcessDetails {
  /** A word or two beside the state: `rest_for_one`. */
  readonly note?: string | undefined
  readonly children?: readonly TreeNode[] | undefined
  /** Children that are not listed, because there are too many. */
  readonly omitted?: number | undefined
}

/** One node of a tree as `inspect` shows it: a plain object, safe to serialise. */
export interface TreeNode extends ProcessDetails {
  readonly id: string
  readonly type: 'worker' | 'supervisor'
  readonly state: ChildState | 'exited'
  /** The number of times that its supervisor started it again. */
  readonly restarts: number
  /** Since when the current incarnation runs: wall-clock milliseconds since the epoch, to the second. */
  readonly since?: number | undefined
  /** The milliseconds until its next start, where that waits for a back-off. */
  readonly startsInMs?: number | undefined
  /** Incarnations whose code could not be ended, so far. */
  readonly abandoned: number
  /** The number of those that are still at it. */
  readonly stillRunning: number
  readonly children: readonly TreeNode[]
}
