import { checkFunction } from '../ground/argument.ts'
import type { Clock } from '../ground/clock.ts'
import { isAbortError, promised, tell } from '../ground/foreign.ts'
import { guardSignal } from '../ground/signal.ts'
import { checkNonEmpty } from './check.ts'
import { type ChildInit, type ChildPolicy, checkPolicy } from './child-spec.ts'
import { warn } from './events.ts'
import { Exit } from './exit.ts'
import { type ExitReason, endRequest, whenKilled } from './exit-reason.ts'
import type { MaybePromise, Process, StartContext } from './process.ts'
import { type Owned, Scope, type ScopeOwner } from './scope.ts'

/** The argument of the function of a {@link worker}. It may be taken apart: `async ({ signal, ready }) => …`. */
export interface WorkerContext<H = unknown> extends Owned {
  readonly id: string
  readonly path: string
  readonly incarnation: number
  readonly clock: Clock
  /** Aborted when the worker is asked to end, is killed, or has ended. */
  readonly signal: AbortSignal
  /**
   * Tells that the start is done and hands out what `which` gives. Whoever takes `ready` before the first `await` (in the
   * parameter list, say) is started when it is called; whoever does not is started at once.
   */
  readonly ready: (...handle: unknown extends H ? [handle?: H] : [handle: H]) => void
  /** Resolves when the worker is asked to end: `await stopped()` keeps one alive that lives of its timers. */
  readonly stopped: () => Promise<void>
}

/** The work of one incarnation. It resolves: exit `normal`. It throws or rejects: exit `{ error }`. */
export type WorkerRun<H> = (context: WorkerContext<H>) => MaybePromise<void>

/**
 * A child that is one asynchronous function.
 *
 * After it was asked to end (`signal`), resolving or rejecting with the signal's reason or an AbortError is the exit it
 * was asked for. Annotate the context to type the handle: `(context: WorkerContext<Feed>) => …`.
 *
 * @example worker('poll', async ({ setInterval, stopped }) => {
 *   setInterval(poll, 1_000)
 *   await stopped()
 * })
 */
export function worker<const I extends string, H = unknown>(
  id: I,
  run: WorkerRun<H>,
  policy: Partial<ChildPolicy> = {},
): ChildInit<WorkerProcess<H>, I> {
  checkNonEmpty('worker', 'id', id)
  checkFunction('worker', 'run', run)
  checkPolicy('worker', policy)
  return { ...policy, id, start: (context) => new WorkerProcess<H>(context).begin(run) }
}

/** The process of a {@link worker}. */
export class WorkerProcess<H> implements Process, ScopeOwner {
  readonly #ended = new Exit()
  readonly exited = this.#ended.exited
  readonly #context: StartContext
  readonly #scope: Scope
  /** Besides its supervisor, whoever has the process may ask it to end. */
  readonly #stopper = new AbortController()
  #signal: AbortSignal | undefined = undefined
  /** One listener, however often it is waited for. */
  #stopped: Promise<void> | undefined = undefined
  /** Settles with the work itself, not with the exit: the two part when it is killed. */
  #work: Promise<void> | undefined = undefined
  #handle: H | undefined = undefined
  #start: 'now' | 'waiting' | 'ready' = 'now'
  #started: () => void = () => {}
  #asked: ExitReason | undefined = undefined
  #over = false

  constructor(context: StartContext) {
    this.#context = context
    this.#scope = new Scope(this, context.clock)
  }

  /** The argument of `ready`; the process itself if there was none. */
  get handle(): H {
    return (this.#handle ?? this) as H
  }

  /** Runs the function. @internal */
  begin(run: WorkerRun<H>): MaybePromise<this> {
    try {
      this.#follow(run(this.#workerContext()))
    } catch (error) {
      this.#finish({ error })
      throw error
    }
    return this.#start === 'waiting' ? this.#untilReady() : this
  }

  shutdown(reason: ExitReason): void {
    this.#asked ??= reason
    this.#stopper.abort(endRequest(this.#context.path, reason))
  }

  kill(): void {
    this.#finish('killed')
  }

  crash(error: unknown): void {
    this.#finish({ error })
  }

  runCallback(callback: () => unknown): void {
    if (!this.#over) tell(callback, (error) => this.crash(error))
  }

  #follow(result: MaybePromise<void>): void {
    const work = (promised(result) ?? Promise.resolve()) as Promise<void>
    this.#work = work
    const settled = (reason: ExitReason): void => {
      this.#work = undefined
      this.#finish(reason)
    }
    work.then(
      () => settled(this.#asked ?? 'normal'),
      (error: unknown) => settled(this.#exitOf(error)),
    )
  }

  async #untilReady(): Promise<this> {
    const ready = new Promise<void>((resolve) => {
      this.#started = resolve
    })
    const forget = whenKilled(this.#context.signal, () => this.kill())
    const first = await Promise.race([ready, this.exited])
    forget()
    if (first === undefined) return this
    if (typeof first === 'object' && 'error' in first) throw first.error
    throw new Error(`ended (${String(first)}) before it called ready()`)
  }

  #ready(handle: H | undefined): void {
    this.#handle = handle
    this.#start = 'ready'
    this.#started()
  }

  /** An end that was asked for may show as the rejection of whatever was under way. */
  #exitOf(error: unknown): ExitReason {
    const isAbort = error === this.#anySignal().reason || isAbortError(error)
    return this.#asked !== undefined && isAbort ? this.#asked : { error }
  }

  #finish(reason: ExitReason): void {
    if (this.#over) return
    this.#over = true
    this.#scope.close()
    this.#ended.end(reason)
    // Code that heeds the signal has ended by the next turn. What has not is out of reach.
    if (this.#work !== undefined) this.#context.clock.setImmediate(() => this.#abandon())
  }

  #abandon(): void {
    if (this.#work !== undefined) this.#context.abandoned(this.#work)
  }

  #anySignal(): AbortSignal {
    this.#signal ??= guardSignal(AbortSignal.any([this.#context.signal, this.#stopper.signal]), warn)
    return this.#signal
  }

  #workerContext(): WorkerContext<H> {
    const context = this.#context
    const signal = (): AbortSignal => this.#anySignal()
    const takeReady = (): WorkerContext<H>['ready'] => {
      if (this.#start === 'now' && this.#work === undefined) this.#start = 'waiting'
      return (...handle) => this.#ready(handle[0])
    }
    const { setTimeout, setInterval, on, spawn } = this.#scope
    return {
      id: context.id,
      path: context.path,
      incarnation: context.incarnation,
      clock: context.clock,
      get signal() {
        return signal()
      },
      get ready() {
        return takeReady()
      },
      stopped: () => {
        this.#stopped ??= whenAborted(signal())
        return this.#stopped
      },
      setTimeout,
      setInterval,
      on,
      spawn,
    }
  }
}

function whenAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
