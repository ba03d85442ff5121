import type { Target } from '../load/connection.ts'
import type { Faults } from '../load/ledger.ts'
import type { Latencies } from '../measure/latencies.ts'

/** The thing that is counted, and by which the server's CPU time is divided. */
export type Unit = 'delivery' | 'message' | 'reply' | 'join'

/** One kind of load. */
export interface Workload {
  /** For `--only` and file names. */
  readonly id: string
  readonly title: string
  readonly unit: Unit
  /** Connections that one bout holds at most: bounds how many peers can be loaded side by side. */
  readonly connections: number
  /** Opens and joins the connections. Not measured. */
  open(target: Target): Promise<Bout>
}

/** One workload at one server, ready to be run again and again. */
export interface Bout {
  /** Loads the server for about `forMs` and waits until all of it was answered. Measured. */
  run(forMs: number): Promise<Outcome>
  /** Runs after a run and is not measured. */
  rest?(): void
  close(): void
}

export interface Outcome {
  readonly operations: number
  readonly latencies: Latencies
  readonly faults: Faults
  /** Bytes that the connections read; undefined where nobody counted. */
  readonly bytes?: number
}

/** A run waits so long, after its time, for answers that are due; then they count as lost. */
export const PATIENCE_MS = 10_000
