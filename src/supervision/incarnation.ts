import type { Clock } from '../clock.ts'
import type { Report } from './events.ts'
import { type ExitReason, endRequest, isExitReason } from './exit-reason.ts'
import type { Process, StartContext } from './process.ts'

/** What an incarnation knows of the place it stands in. */
export interface Place {
  readonly id: string
  readonly path: string
  readonly clock: Clock
  readonly report: Report | undefined
  abandoned(rest: Promise<unknown>, incarnation: number): void
  /** The process of this incarnation has ended. */
  ended(life: Incarnation): void
}

/** One life of a child, from one start to one exit: what `start` is given, and what came of it. */
export class Incarnation implements StartContext {
  readonly #place: Place
  readonly incarnation: number
  process: Process | undefined = undefined
  /** Set when the process has ended: from then on nobody gets its handle. */
  exit: ExitReason | undefined = undefined
  /** Since when it runs, in whole seconds since the epoch: milliseconds would take a heap number each. */
  sinceSeconds = 0
  #aborter: AbortController | undefined = undefined
  #aborted: ExitReason | undefined = undefined

  constructor(place: Place, incarnation: number) {
    this.#place = place
    this.incarnation = incarnation
  }

  get id(): string {
    return this.#place.id
  }

  get path(): string {
    return this.#place.path
  }

  get clock(): Clock {
    return this.#place.clock
  }

  get report(): Report {
    return this.#place.report ?? ignoreEvent
  }

  get signal(): AbortSignal {
    if (this.#aborter === undefined) {
      this.#aborter = new AbortController()
      if (this.#aborted !== undefined) this.#aborter.abort(endRequest(this.path, this.#aborted))
    }
    return this.#aborter.signal
  }

  /** What the signal was aborted with, if it was. */
  get aborted(): ExitReason | undefined {
    return this.#aborted
  }

  abandoned(rest: Promise<unknown>): void {
    this.#place.abandoned(rest, this.incarnation)
  }

  /** Adopts the process that the start gave. */
  run(process: Process): void {
    this.process = process
    this.sinceSeconds = Math.floor(this.clock.date() / 1000)
    // One bound function, not two closures: there may be 100,000 of these.
    const ended = this.#ended.bind(this)
    process.exited.then(ended, ended)
  }

  /** Fires the signal, if anyone asked for it. Only the first call counts. */
  abort(reason: ExitReason): void {
    if (this.#aborted !== undefined) return
    this.#aborted = reason
    this.#aborter?.abort(endRequest(this.path, reason))
  }

  /** Asks the process to end; one that throws at this is killed. */
  shutdown(reason: ExitReason): void {
    this.abort(reason)
    try {
      this.process?.shutdown(reason)
    } catch {
      this.kill()
    }
  }

  kill(): void {
    this.abort('killed')
    this.process?.kill()
  }

  /** Kills it unless it has ended: what a deadline does. */
  killLate(): void {
    if (this.exit === undefined) this.kill()
  }

  #ended(outcome: unknown): void {
    this.exit = isExitReason(outcome) ? outcome : { error: outcome }
    this.abort(this.exit)
    this.#place.ended(this)
  }
}

function ignoreEvent(): void {}
