import type { Clock } from '../ground/clock.ts'
import type { Lane } from '../replication/lane.ts'
import { Replicated } from '../replication/replicated.ts'
import type { ExitReason } from '../supervision/exit-reason.ts'
import type { Process } from '../supervision/process.ts'
import type { Incarnation } from './incarnation.ts'
import { decodeMessage, encodeMessage, type PresenceMessage } from './messages.ts'
import type { Visible } from './peer.ts'
import type { Row } from './row.ts'
import { type Outgoing, type PeerEvent, State, type Timing } from './state.ts'

/** The events of a tracker. */
export type TrackerEvent =
  | PeerEvent
  /** Bytes that are no message of this version. */
  | { readonly type: 'message_ignored'; readonly node: string; readonly error: unknown }
  /** The event loop stood still for so long: whoever seemed silent meanwhile is given that time again. */
  | { readonly type: 'lagged'; readonly lagMs: number }

export interface TrackerInit {
  readonly lane: Lane
  readonly clock: Clock
  readonly timing: Timing
  readonly handoffMs: number
  readonly incarnation: Incarnation
  readonly visible: Visible
  readonly report: (event: TrackerEvent) => void
  /** The rows of owners on this node at this moment: told again after a crash. */
  readonly rows: Iterable<Row>
  /** The number of them, now. */
  readonly size: () => number
  /** The rows of other nodes that a crashed predecessor showed. */
  readonly inherited: Iterable<readonly [node: string, rows: Iterable<Row>]>
}

/**
 * The process that tells the other nodes who is here, and learns from them who is there. A supervisor may kill it at
 * any moment: what its successor needs is outside of it.
 */
export class Tracker implements Process {
  readonly #process: Replicated<PresenceMessage>
  readonly #init: TrackerInit
  readonly #state: State
  #draining = false
  #ignored = 0
  // Time in which this node was awake. It grows by two periods at most from tick to tick, so that a node which was
  // stopped for a minute does not hold a minute of silence against the others.
  #awakeMs = 0
  #tickedAt: number

  constructor(init: TrackerInit) {
    const { lane, clock, timing, incarnation, visible, report } = init
    this.#init = init
    this.#tickedAt = clock.now()
    this.#state = new State({ node: lane.node, incarnation, timing, visible, report })
    for (const [node, rows] of init.inherited) this.#state.inherit(node, rows, 0)
    if (!lane.isSolo) for (const row of init.rows) this.#state.journal.join(row)
    this.#process = new Replicated({
      lane,
      clock,
      periodMs: timing.broadcastMs,
      encode: encodeMessage,
      take: (from, bytes) => this.#take(from, bytes),
      ignored: (from, error) => this.#ignore(from, error),
      tick: () => this.#tick(),
    })
    this.#send(this.#state.greet())
  }

  get exited(): Promise<ExitReason> {
    return this.#process.exited
  }

  /** The number of messages that were not understood so far. */
  get ignored(): number {
    return this.#ignored
  }

  get isRunning(): boolean {
    return this.#process.isRunning
  }

  track(row: Row): void {
    if (this.#tells) this.#state.journal.join(row)
  }

  update(old: Row, row: Row): void {
    if (this.#tells) this.#state.journal.update(old, row)
  }

  untrack(row: Row): void {
    if (this.#tells) this.#state.journal.leave(row)
  }

  /** From now on the others are not told who comes and goes here: see {@link Tracker.shutdown}. */
  drain(): void {
    this.#draining = true
  }

  /** The rows of other nodes that it shows: for its successor. */
  *shown(): Generator<[node: string, rows: Iterable<Row>]> {
    for (const [node, peer] of this.#state.peers) {
      if (peer.status === 'up' || peer.status === 'leaving') yield [node, [...peer.rows()]]
    }
  }

  /** The nodes that it knows, and how it stands with them. */
  peers(): { node: string; status: 'up' | 'down' | 'leaving' | 'gone'; rows: number }[] {
    return [...this.#state.peers.values()].map(({ node, status, size }) => ({ node, status, rows: size }))
  }

  inspect(): { note: string } {
    const nodes = [...this.#state.peers.values()].filter(({ status }) => status === 'up').length
    return { note: `${this.#init.size()} rows, ${nodes} nodes` }
  }

  /** Says goodbye: the others remove what was here at once, or after `handoffMs` where this node drains. */
  shutdown(reason: ExitReason): void {
    this.#process.guard(() => this.#send(this.#state.goodbye(this.#draining ? this.#init.handoffMs : 0)))
    this.#process.stop(reason)
  }

  kill(): void {
    this.#process.stop('killed')
  }

  get #tells(): boolean {
    return this.isRunning && !this.#draining && !this.#init.lane.isSolo
  }

  #tick(): void {
    const { clock, timing, report } = this.#init
    const elapsed = clock.now() - this.#tickedAt
    const lagMs = elapsed - timing.broadcastMs * 2
    this.#awakeMs = this.#awake()
    this.#tickedAt = clock.now()
    if (lagMs > 0) report({ type: 'lagged', lagMs })
    this.#send(this.#state.tick(this.#awakeMs))
  }

  #awake(): number {
    const elapsed = this.#init.clock.now() - this.#tickedAt
    return this.#awakeMs + Math.min(elapsed, this.#init.timing.broadcastMs * 2)
  }

  #take(from: string, bytes: Uint8Array): void {
    const message = decodeMessage(bytes, (error) => this.#ignore(from, error))
    this.#send(this.#state.receive(from, message, this.#awake()))
  }

  #ignore(node: string, error: unknown): void {
    this.#ignored++
    this.#init.report({ type: 'message_ignored', node, error })
  }

  #send(outgoing: readonly Outgoing[]): void {
    for (const { to, message } of outgoing) this.#process.send(to, message)
  }
}
