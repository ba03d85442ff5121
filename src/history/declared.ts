import type { LogLimits } from '../pubsub/log.ts'

/** The history that a channel declares, checked and filled in. */
export interface DeclaredHistory extends LogLimits {
  /** The events that are logged. */
  readonly events: ReadonlySet<string>
}

/** Finds the history of a topic; `undefined` where it has none. */
export type HistoryOf = (topic: string) => DeclaredHistory | undefined

export const DEFAULT_SIZE = 100
export const MAX_SIZE = 10_000
export const DEFAULT_TTL_MS = 300_000
