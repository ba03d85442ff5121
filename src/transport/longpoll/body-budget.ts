import type { Clock } from '../../ground/clock.ts'

/** A refusal for want of room: of its session, or of the node. */
export type BudgetRefusal = 429 | 503

/** The room that one body has. */
export interface BodyRoom {
  /** The body has come: it is not cut any more. */
  arrived(): void
  /** Gives the room back, once. */
  release(): void
}

/** A body that is being read. */
class Reading implements BodyRoom {
  readonly session: string
  readonly bytes: number
  readonly since: number
  readonly cut: () => void
  isHeld = true
  readonly #budget: BodyBudget

  constructor(budget: BodyBudget, session: string, bytes: number, since: number, cut: () => void) {
    this.#budget = budget
    this.session = session
    this.bytes = bytes
    this.since = since
    this.cut = cut
  }

  arrived(): void {
    this.#budget.arrived(this)
  }

  release(): void {
    this.#budget.release(this)
  }
}

/** A body that comes more slowly is cut where others find no room: else a few who send nothing could hold all of it. */
const UNDISTURBED_MS = 5_000

/** The bodies of POSTs that are being read, or wait for their session to read on. */
export class BodyBudget {
  readonly #clock: Clock
  readonly #ofSession: number
  readonly #ofAll: number
  readonly #bySession = new Map<string, number>()
  /** Those that are being read, the oldest first. */
  readonly #reading = new Set<Reading>()
  #total = 0

  /** Bytes of the bodies of one session at a time, and of all together. */
  constructor(clock: Clock, ofSession: number, ofAll: number) {
    this.#clock = clock
    this.#ofSession = ofSession
    this.#ofAll = ofAll
  }

  /**
   * Room for a body of so many bytes.
   *
   * @param cut ends the request whose body it is
   */
  take(session: string, bytes: number, cut: () => void): BodyRoom | BudgetRefusal {
    const before = this.#bySession.get(session) ?? 0
    if (before + bytes > this.#ofSession) return 429
    if (!this.#makeRoom(bytes)) return 503
    this.#bySession.set(session, (this.#bySession.get(session) ?? 0) + bytes)
    this.#total += bytes
    const reading = new Reading(this, session, bytes, this.#clock.now(), cut)
    this.#reading.add(reading)
    return reading
  }

  arrived(reading: Reading): void {
    this.#reading.delete(reading)
  }

  release(reading: Reading): void {
    this.#reading.delete(reading)
    if (!reading.isHeld) return
    reading.isHeld = false
    this.#giveBack(reading.session, reading.bytes)
  }

  /** Cuts all bodies that are still to come. */
  end(): void {
    for (const reading of [...this.#reading]) cutShort(reading)
  }

  #makeRoom(bytes: number): boolean {
    const before = this.#clock.now() - UNDISTURBED_MS
    for (const reading of this.#reading) {
      if (this.#total + bytes <= this.#ofAll || reading.since > before) break
      cutShort(reading)
    }
    return this.#total + bytes <= this.#ofAll
  }

  #giveBack(session: string, bytes: number): void {
    this.#total -= bytes
    const left = (this.#bySession.get(session) ?? 0) - bytes
    if (left > 0) this.#bySession.set(session, left)
    else this.#bySession.delete(session)
  }
}

function cutShort(reading: Reading): void {
  reading.release()
  reading.cut()
}
