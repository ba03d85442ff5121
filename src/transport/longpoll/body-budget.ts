/** A refusal for want of room: of its session, or of the node. */
export type BudgetRefusal = 429 | 503

/** The bodies of POSTs that are being read, or wait for their session to read on. */
export class BodyBudget {
  readonly #ofSession: number
  readonly #ofAll: number
  readonly #bySession = new Map<string, number>()
  #total = 0

  /** Bytes of the bodies of one session at a time, and of all together. */
  constructor(ofSession: number, ofAll: number) {
    this.#ofSession = ofSession
    this.#ofAll = ofAll
  }

  /** Room for so many bytes: the function that gives it back, once. */
  take(session: string, bytes: number): (() => void) | BudgetRefusal {
    const before = this.#bySession.get(session) ?? 0
    if (before + bytes > this.#ofSession) return 429
    if (this.#total + bytes > this.#ofAll) return 503
    this.#bySession.set(session, before + bytes)
    this.#total += bytes
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#giveBack(session, bytes)
    }
  }

  #giveBack(session: string, bytes: number): void {
    this.#total -= bytes
    const left = (this.#bySession.get(session) ?? 0) - bytes
    if (left > 0) this.#bySession.set(session, left)
    else this.#bySession.delete(session)
  }
}
