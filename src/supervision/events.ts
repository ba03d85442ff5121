import { tell, warnOf } from '../ground/foreign.ts'
import type { ExitReason } from './exit-reason.ts'

interface OfChild {
  /** The path of the supervisor, outermost name first: `prices/pool`. */
  readonly supervisor: string
  /** The child's id; `#n` for the n-th child of a dynamic supervisor. */
  readonly id: string
  /** 1 for the first start of the child, one more for each further start. */
  readonly incarnation: number
}

/**
 * The events for a supervisor's `report` listener, in the order in which they happen. The library itself logs nothing.
 * Nested supervisors report to the listener of the tree they stand in.
 */
export type SupervisorEvent =
  /** A start succeeded; `restarted` tells whether the child had been started before. */
  | ({ readonly type: 'child_started'; readonly restarted: boolean } & OfChild)
  /** A start threw, rejected, timed out or gave something that is no process. */
  | ({ readonly type: 'child_start_failed'; readonly error: unknown } & OfChild)
  /** A child ended by itself. */
  | ({ readonly type: 'child_exited'; readonly reason: ExitReason } & OfChild)
  /** A child was stopped by its supervisor, as it should. */
  | ({ readonly type: 'child_stopped'; readonly reason: ExitReason } & OfChild)
  /** A child that was being stopped ended for another reason than being asked: a crash, or a kill after its time. */
  | ({ readonly type: 'shutdown_error'; readonly reason: ExitReason } & OfChild)
  /** Code of an ended incarnation goes on: nothing on the event loop can end it. */
  | ({ readonly type: 'child_abandoned' } & OfChild)
  /** That code came to its end, unheard. */
  | ({ readonly type: 'abandoned_settled' } & OfChild)
  /** The next start of a child with a back-off waits: `inARow` restarts now, without having run for its `maxMs` between them. */
  | ({ readonly type: 'child_backing_off'; readonly delayMs: number; readonly inARow: number } & OfChild)
  /** More restarts than allowed, the last of the child `id`: the supervisor stops its children and ends. */
  | { readonly type: 'gave_up'; readonly supervisor: string; readonly id: string; readonly error: Error }
  /** The significant children are done: the supervisor stops the others and ends. */
  | { readonly type: 'auto_shutdown'; readonly supervisor: string; readonly id: string }
  /** A combination that is allowed and most likely not meant. */
  | { readonly type: 'warning'; readonly supervisor: string; readonly message: string }
  /** The supervisor itself ended, after all of its children. */
  | { readonly type: 'supervisor_exited'; readonly supervisor: string; readonly reason: ExitReason }

/** Takes the events of a tree. What it throws, or rejects with, becomes a warning of the process and nothing else. */
export type Report = (event: SupervisorEvent) => void

/** A listener that fails must end neither the tree nor the program. */
export function guarded(report: Report): Report {
  return (event) => tell(() => report(event), warn)
}

/** Tells the program of the error of a listener that belongs to nobody: `process.on('warning')`. */
export function warn(error: unknown): void {
  warnOf('a listener failed', error)
}
