import type { Clock } from '../../ground/clock.ts'

/** A refusal for want of room: of its session, or of the node. */
export type BudgetRefusal = 429 | 503

/** A session whose bodies are counted together. */
export interface BodySender {
  /** Bytes of its bodies that are being read, or wait. */
  bodyBytes: number
  /** It has none any more. */
  sentAll?(): void
}

/** The way in which a body comes. */
export interface BodySource {
  /** Ends it: the body takes too long. */
  destroy(): void
}

/** The room that one body has. */
export interface BodyRoom {
  /** The body has come: it is not cut any more. */
  arrived(): void
  /** Gives the room back, once. */
  release(): void
}

/** A body that is being read, or waits. While it is being read it stands in a list, between an older and a newer one. */
class Body implements BodyRoom {
  readonly sender: BodySender
  readonly bytes: number
  readonly since: number
  readonly source: BodySource
  readonly #budget: BodyBudget
  older: Body | undefined
  newer: Body | undefined
  isHeld = true

  constructor(budget: BodyBudget, sender: BodySender, bytes: number, since: number, source: BodySource) {
    this.#budget = budget
    this.sender = sender
    this.bytes = bytes
    this.since = since
    this.source = source
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
  /** Of those that are being read. */
  #oldest: Body | undefined
  #newest: Body | undefined
  #total = 0

  /** Bytes of the bodies of one session at a time, and of all together. */
  constructor(clock: Clock, ofSession: number, ofAll: number) {
    this.#clock = clock
    this.#ofSession = ofSession
    this.#ofAll = ofAll
  }

  /** Room for a body of so many bytes. */
  take(sender: BodySender, bytes: number, source: BodySource): BodyRoom | BudgetRefusal {
    if (sender.bodyBytes + bytes > this.#ofSession) return 429
    const now = this.#clock.now()
    if (!this.#makeRoom(bytes, now)) return 503
    sender.bodyBytes += bytes
    this.#total += bytes
    const body = new Body(this, sender, bytes, now, source)
    body.older = this.#newest
    if (this.#newest === undefined) this.#oldest = body
    else this.#newest.newer = body
    this.#newest = body
    return body
  }

  arrived(body: Body): void {
    const { older, newer } = body
    if (older !== undefined) older.newer = newer
    else if (this.#oldest === body) this.#oldest = newer
    if (newer !== undefined) newer.older = older
    else if (this.#newest === body) this.#newest = older
    body.older = undefined
    body.newer = undefined
  }

  release(body: Body): void {
    this.arrived(body)
    if (!body.isHeld) return
    body.isHeld = false
    this.#total -= body.bytes
    body.sender.bodyBytes -= body.bytes
    if (body.sender.bodyBytes === 0) body.sender.sentAll?.()
  }

  /** Cuts all bodies that are still to come. */
  end(): void {
    for (let body = this.#oldest; body !== undefined; body = this.#oldest) cutShort(body)
  }

  #makeRoom(bytes: number, now: number): boolean {
    for (let body = this.#oldest; this.#total + bytes > this.#ofAll; body = this.#oldest) {
      if (body === undefined || body.since > now - UNDISTURBED_MS) return false
      cutShort(body)
    }
    return true
  }
}

function cutShort(body: Body): void {
  body.release()
  body.source.destroy()
}
