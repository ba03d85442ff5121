import { compareIncarnations, type Incarnation, NO_INCARNATION } from './incarnation.ts'
import type { RowsMessage } from './messages.ts'
import type { Row } from './row.ts'

/** The rows that become visible and that cease to be. */
export interface Visible {
  add(row: Row): void
  remove(row: Row): void
}

/**
 * `up`: its rows are shown. `down`: it is silent, its rows are kept and hidden. `leaving`: it said goodbye and is shown
 * until its rows may go. `gone`: it said goodbye; remembered for a while, so that what it said before and comes late is
 * not taken for news.
 */
export type PeerStatus = 'up' | 'down' | 'leaving' | 'gone'

/** The outcome of a message: `stale` says nothing new, `gap` needs what lies between. */
export type Applied = 'applied' | 'stale' | 'gap'

/**
 * One other node as this one knows it: a contiguous prefix of its changes, and the rows that result. Only messages of
 * that node get here; what others say of it is never believed.
 */
export class Peer {
  readonly node: string
  /** When it was last heard, in the tracker's own time. */
  heardAt: number
  /** When its rows go, for one that is leaving. */
  leavesAt = Number.POSITIVE_INFINITY
  /** The last question to it, and its time: not asked again within a period. */
  asked: { since: number; at: number } | undefined
  readonly #visible: Visible
  #incarnation: Incarnation
  #status: PeerStatus = 'up'
  #sequence = 0
  #rows = new Map<number, Row>()
  // Rows from before a snapshot or of its former incarnation. Shown until what replaces them is complete, so that a
  // presence which is still there never seems to go.
  #stale = new Map<string, Row>()
  #settlesAt = 0
  #assembling = 0
  // Rows were left over by a tracker of this node that crashed. What comes from the network may be older than they are:
  // only an answer to a question of this tracker tells which of them have gone.
  #inherited: boolean

  /** @param shown rows of it that are visible already */
  constructor(node: string, visible: Visible, now: number, shown: Iterable<Row> = []) {
    this.node = node
    this.heardAt = now
    this.#visible = visible
    this.#incarnation = NO_INCARNATION
    for (const row of shown) this.#stale.set(row.ref, row)
    this.#inherited = this.#stale.size > 0
  }

  get incarnation(): Incarnation {
    return this.#incarnation
  }

  get status(): PeerStatus {
    return this.#status
  }

  /** All its changes up to and including this number are known. */
  get sequence(): number {
    return this.#sequence
  }

  get size(): number {
    return this.#rows.size + this.#stale.size
  }

  /** Its rows, those that wait for their replacement included. */
  *rows(): Generator<Row> {
    yield* this.#stale.values()
    yield* this.#rows.values()
  }

  /** Positive where `incarnation` is a later one, negative where it is a former one. */
  compare(incarnation: Incarnation): number {
    return compareIncarnations(incarnation, this.#incarnation)
  }

  /**
   * A later incarnation took over. What the former one left stays visible until the new one's state is known; what was
   * hidden with it is not shown again.
   */
  succeed(incarnation: Incarnation): void {
    this.#restart()
    if (this.#status === 'down') this.#stale.clear()
    this.#incarnation = incarnation
    this.asked = undefined
    if (this.#status !== 'down') this.#status = 'up'
  }

  /** It said how far it is. Gives whether it has to be asked for more. */
  announce(sequence: number): boolean {
    if (sequence === 0 && this.#sequence === 0 && !this.#inherited) this.#settle()
    return sequence > this.#sequence || this.#inherited
  }

  /** Shows its rows again. Does nothing where they are shown. */
  up(): void {
    if (this.#status !== 'down') return
    this.#status = 'up'
    for (const row of this.rows()) this.#visible.add(row)
  }

  /** Hides its rows. Does nothing where they are hidden. */
  down(): void {
    if (this.#status !== 'up') return
    this.#status = 'down'
    for (const row of this.rows()) this.#visible.remove(row)
  }

  /** It said goodbye: its rows are shown until `leavesAt`. */
  leave(leavesAt: number): void {
    if (this.#status === 'up') this.#status = 'leaving'
    this.leavesAt = leavesAt
  }

  /** Its rows leave for good. */
  remove(): void {
    if (this.#status === 'up' || this.#status === 'leaving') {
      for (const row of this.rows()) this.#visible.remove(row)
    }
    this.#status = 'gone'
    this.#rows.clear()
    this.#stale.clear()
  }

  /**
   * Takes a range of its changes, of the incarnation that is known here. Whoever sends something is up.
   *
   * @param isAnswer whether it answers a request of this tracker
   */
  apply(message: RowsMessage, isAnswer: boolean): Applied {
    if (isAnswer) this.#expectEnd(message.until)
    if (message.kind === 'snapshot' && message.after === 0) {
      if (message.until <= this.#sequence) return 'stale'
      this.#restart()
      this.#assembling = message.until
    } else if (message.upTo <= this.#sequence) {
      return 'stale'
    } else if (message.after !== this.#sequence) {
      return 'gap'
    } else if (message.kind === 'changes') {
      this.#assembling = 0
    } else if (message.until !== this.#assembling) {
      // This page does not list what went since the state that it would be put on.
      return 'gap'
    }
    this.#take(message)
    return 'applied'
  }

  #take({ gone, rows, upTo, until }: RowsMessage): void {
    // Rows first: a key that was updated never seems to go.
    for (const row of rows) this.#put(row)
    for (const dot of gone) this.#drop(dot)
    this.#sequence = upTo
    this.#settlesAt = Math.max(this.#settlesAt, until)
    if (this.#sequence >= this.#settlesAt && !this.#inherited) this.#settle()
  }

  #expectEnd(until: number): void {
    this.#inherited = false
    this.#settlesAt = until
    if (this.#sequence >= until) this.#settle()
  }

  #put(row: Row): void {
    const before = this.#stale.get(row.ref)
    if (before !== undefined && before.topic === row.topic && before.key === row.key) {
      this.#stale.delete(row.ref)
      before.dot = row.dot
      this.#rows.set(row.dot, before)
      return
    }
    this.#rows.set(row.dot, row)
    this.#visible.add(row)
  }

  #drop(dot: number): void {
    const row = this.#rows.get(dot)
    if (row === undefined) return
    this.#rows.delete(dot)
    this.#visible.remove(row)
  }

  #restart(): void {
    for (const row of this.#rows.values()) this.#keepStale(row)
    this.#rows = new Map()
    this.#sequence = 0
    this.#assembling = 0
    if (!this.#inherited) this.#settlesAt = 0
  }

  // Two rows with one ref come from a broken node only: without this the first would be shown for ever.
  #keepStale(row: Row): void {
    const same = this.#stale.get(row.ref)
    if (same !== undefined && this.#status !== 'down') this.#visible.remove(same)
    this.#stale.set(row.ref, row)
  }

  #settle(): void {
    for (const row of this.#stale.values()) this.#visible.remove(row)
    this.#stale.clear()
  }
}
