import { refuseArgument } from '../ground/argument.ts'
import { berylError } from '../ground/errors.ts'
import { describe } from '../ground/foreign.ts'

export { describe }

/**
 * Why a process ended. Each incarnation has exactly one.
 *
 * - `'normal'`: its work is done.
 * - `'shutdown'`, `{ shutdown }`: it was asked to end, with an optional detail.
 * - `{ error }`: it threw, rejected, or was told to crash with this value.
 * - `'killed'`: it was not asked. On the event loop this means abandoned: its handle is dead, its code may go on.
 * - `'noproc'`: there was no process to begin with.
 */
export type ExitReason =
  | 'normal'
  | 'shutdown'
  | 'killed'
  | 'noproc'
  | { readonly shutdown: unknown }
  | { readonly error: unknown }

/** True where a transient child with this reason stays down: `normal`, `shutdown` and `{ shutdown }`, nothing else. */
export function isNormal(reason: ExitReason): boolean {
  checkReason('isNormal', reason)
  return reason === 'normal' || reason === 'shutdown' || (typeof reason === 'object' && 'shutdown' in reason)
}

/** True where a value is a reason at all. Any other end of a process is treated as its error. */
export function isExitReason(value: unknown): value is ExitReason {
  if (typeof value === 'object' && value !== null) return hasOneOf(value, ['shutdown', 'error'])
  return value === 'normal' || value === 'shutdown' || value === 'killed' || value === 'noproc'
}

/** @throws BERYL_ERR_ARGUMENT unless it is a reason */
function hasOneOf(value: object, names: readonly string[]): boolean {
  try {
    return names.some((name) => name in value)
  } catch {
    // A proxy that throws.
    return false
  }
}

export function checkReason(call: string, reason: unknown): void {
  if (!isExitReason(reason)) refuseArgument(call, 'reason', REASONS, reason)
}

const REASONS = "'normal', 'shutdown', 'killed', 'noproc', { shutdown } or { error }"

/** Shows a reason on one line, for messages and for people. */
export function formatReason(reason: ExitReason): string {
  checkReason('formatReason', reason)
  if (typeof reason === 'string') return reason
  try {
    if ('shutdown' in reason) return `shutdown (${describe(reason.shutdown)})`
    return describe(reason.error)
  } catch {
    return 'a reason that cannot be shown'
  }
}

/** The error that a caller gets who waited for, or relied on, a process that ended. Its `cause` is the crash. */
export function exitError(path: string, reason: ExitReason): Error {
  if (reason === 'noproc') return berylError('BERYL_ERR_NOPROC', path)
  const cause = typeof reason === 'object' && 'error' in reason ? { cause: reason.error } : {}
  return berylError('BERYL_ERR_EXITED', path, formatReason(reason), cause)
}

/** The error for which a process ended: the crash itself, or one that tells of its exit. */
export function errorOf(path: string, reason: ExitReason): unknown {
  return typeof reason === 'object' && 'error' in reason ? reason.error : exitError(path, reason)
}

/** The reason of a signal whose process is asked to end for `reason`, which is the `cause`. */
export function endRequest(path: string, reason: ExitReason): Error {
  return berylError('BERYL_ERR_ASKED_TO_END', path, formatReason(reason), { cause: reason })
}

/**
 * Calls `kill` when a start is given up on: nobody has a process of it yet that could be killed.
 *
 * @param signal that of the start
 * @returns a function that ends it
 */
export function whenKilled(signal: AbortSignal, kill: () => void): () => void {
  const onAbort = (): void => {
    if (signal.reason.cause === 'killed') kill()
  }
  signal.addEventListener('abort', onAbort, { once: true })
  return () => signal.removeEventListener('abort', onAbort)
}
