import type { Clock, Timer } from '../ground/clock.ts'
import { tell } from '../ground/foreign.ts'
import { guardSignal } from '../ground/signal.ts'
import { type Report, warn } from './events.ts'
import { describe, type ExitReason, endRequest, isExitReason } from './exit-reason.ts'
import { reasonOf } from './foreign-process.ts'
import type { Process, StartContext } from './process.ts'

/** The place that an incarnation stands in. */
export interface Place {
  readonly id: string
  readonly path: string
  readonly clock: Clock
  readonly report: Report | undefined
  abandoned(rest: Promise<unknown>, incarnation: number): void
  /** The process of this incarnation has ended. */
  ended(life: Life): void
}

/** A process that was killed may take so long to end; then it is abandoned, so that nobody can hold up a stop. */
export const KILL_MS = 5_000

/** The one that waits for the end of an incarnation, and its deadline. */
interface EndWait {
  wake?: (reason: ExitReason) => void
  deadline?: Timer
}

/** One life of a child, from one start to one exit: what `start` is given, and what came of it. */
export class Life implements StartContext {
  readonly #place: Place
  readonly incarnation: number
  process: Process | undefined = undefined
  /** Set when the process has ended: from then on nobody gets its handle. */
  exit: ExitReason | undefined = undefined
  /** Since when it runs, in whole seconds since the epoch: milliseconds would take a heap number each. */
  sinceSeconds = 0
  #aborter: AbortController | undefined = undefined
  #aborted: ExitReason | undefined = undefined
  #exited: Promise<unknown> | undefined = undefined
  #ending: EndWait | undefined = undefined

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
      guardSignal(this.#aborter.signal, warn)
      if (this.#aborted !== undefined) this.#aborter.abort(endRequest(this.path, this.#aborted))
    }
    return this.#aborter.signal
  }

  /** True in the second in which it began to run, and in the next. */
  get isYoung(): boolean {
    return this.clock.date() / 1000 - this.sinceSeconds < 2
  }

  /** The reason of the signal's abort, if it was aborted. */
  get aborted(): ExitReason | undefined {
    return this.#aborted
  }

  abandoned(rest: Promise<unknown>): void {
    this.#place.abandoned(rest, this.incarnation)
  }

  /** Adopts the process that the start gave, which ends when `exited` settles. */
  run(process: Process, exited: Promise<unknown>): void {
    this.process = process
    this.#exited = exited
    this.sinceSeconds = Math.floor(this.clock.date() / 1000)
    // One bound function, not two closures: there may be 100,000 of these.
    const ended = this.#ended.bind(this)
    exited.then(ended, ended)
  }

  /** Fires the signal, if anyone asked for it. Only the first call counts. */
  abort(reason: ExitReason): void {
    if (this.#aborted !== undefined) return
    this.#aborted = reason
    this.#aborter?.abort(endRequest(this.path, reason))
  }

  /** Resolves when the process has ended, or was given up on. For one at a time. */
  untilEnd(): Promise<ExitReason> {
    if (this.exit !== undefined) return Promise.resolve(this.exit)
    return new Promise((resolve) => {
      this.#makeEnding().wake = resolve
    })
  }

  /** Asks the process to end; one that fails at this is killed. */
  shutdown(reason: ExitReason): void {
    this.abort(reason)
    const { process } = this
    if (process !== undefined && this.exit === undefined)
      tell(
        () => process.shutdown(reason),
        () => this.kill(),
      )
  }

  /** Kills the process, unless it has ended. One that fails at this, or goes on, is abandoned. */
  kill(): void {
    this.abort('killed')
    const { process } = this
    if (process === undefined || this.exit !== undefined) return
    const ending = this.#makeEnding()
    tell(
      () => {
        const killing: unknown = process.kill()
        ending.deadline ??= this.clock.setTimeout(() => this.#giveUp(), KILL_MS)
        return killing
      },
      (error) => this.#killFailed(error),
    )
  }

  #killFailed(error: unknown): void {
    if (this.exit !== undefined) return
    const message = `'${this.path}' could not be killed, and is abandoned: ${describe(error)}`
    this.report({ type: 'warning', supervisor: this.path.slice(0, -this.id.length - 1), message })
    this.#giveUp()
  }

  /** Its code may go on: nobody waits for it any more. */
  #giveUp(): void {
    if (this.exit !== undefined) return
    this.#end('killed')
    this.abandoned(this.#exited ?? Promise.resolve())
  }

  #ended(outcome: unknown): void {
    if (this.exit === undefined) this.#end(reasonOf(outcome, isExitReason))
  }

  #end(reason: ExitReason): void {
    this.exit = reason
    this.#ending?.deadline?.cancel()
    this.abort(reason)
    this.#ending?.wake?.(reason)
    this.#place.ended(this)
  }

  #makeEnding(): EndWait {
    this.#ending ??= {}
    return this.#ending
  }
}

function ignoreEvent(): void {}
