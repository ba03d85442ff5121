import { type Clock, systemClock } from '../ground/clock.ts'
import { berylError } from '../ground/errors.ts'
import type { Backoff } from './backoff.ts'
import type { Child, ChildOwner } from './child.ts'
import { EndSignals } from './end-signals.ts'
import { guarded, type Report } from './events.ts'
import { Exit } from './exit.ts'
import { checkReason, describe, type ExitReason, endRequest, errorOf } from './exit-reason.ts'
import { type Job, settle } from './job.ts'
import { Mailbox, type Receiver } from './mailbox.ts'
import type { MaybePromise, Process, ProcessDetails, StartContext, TreeNode } from './process.ts'
import { register, unregister } from './registry.ts'
import { afterExit, endsSupervisor, RestartWindow } from './restart-policy.ts'
import { Retries } from './retries.ts'
import { StartFailure, type StartOutcome } from './start-failure.ts'
import { type CommonOptions, type Flags, resolveFlags } from './supervisor-flags.ts'

/** The numbers of specs, of living processes, and of specs of each type, alive or not. */
export interface ChildCount {
  readonly specs: number
  readonly active: number
  readonly supervisors: number
  readonly workers: number
}

/** The part of a start that a supervisor needs: the tree around it, or nothing but the path of its own. */
export type Surroundings = Pick<StartContext, 'path'> &
  Partial<Pick<StartContext, 'clock' | 'report' | 'signal'>>

/**
 * Shared by supervisors of both kinds: a life from start to exit, one queue in which requests, exits of children and
 * retries are served one at a time, the restart window, and giving up.
 *
 *     starting ──▶ running ──▶ stopping ──▶ exited
 *         └───────────────────────▲
 *
 * Stopping goes before all that waits in the queue: restarts in it are void, requests in it fail as they would later.
 */
export abstract class SupervisorProcess<C extends Child> implements Process, ChildOwner, Receiver<Job> {
  readonly path: string
  readonly clock: Clock
  readonly report: Report | undefined
  readonly #ended = new Exit()
  readonly exited = this.#ended.exited
  protected readonly flags: Flags
  readonly #name: string | undefined
  readonly #mailbox = new Mailbox<Job>(this)
  readonly #retries: Retries<C>
  readonly #signals: EndSignals
  #failure: Error | undefined = undefined
  #restarts: RestartWindow | undefined = undefined
  #booting: Promise<void> | undefined = undefined
  #state: 'starting' | 'running' | 'stopping' | 'exited' = 'starting'
  #since = 0
  #asked: ExitReason | undefined = undefined

  constructor(options: CommonOptions, parent?: Surroundings) {
    this.path = parent?.path ?? options.name ?? 'supervisor'
    this.clock = options.clock ?? parent?.clock ?? systemClock
    this.report = options.report === undefined ? parent?.report : guarded(options.report)
    this.flags = resolveFlags(this.path, options)
    this.#retries = new Retries(this.clock, (run) => this.#mailbox.push({ run }))
    this.#name = options.name
    this.#signals = new EndSignals(this, options.signal, parent?.signal)
  }

  /** The registered name, if it has one. */
  get name(): string | undefined {
    return this.#name
  }

  /** `starting`, `running`, `stopping` or `exited`. */
  get state(): 'starting' | 'running' | 'stopping' | 'exited' {
    return this.#state
  }

  get backoff(): Backoff | undefined {
    return this.flags.backoff
  }

  /** Why it gave up, if it did: its exit is `shutdown` then, as in OTP. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /**
   * Stops all children, then the supervisor, and resolves when it has ended; also while it starts or restarts a child.
   * Stopping what is stopping, or has ended, waits for the same end.
   *
   * @param reason what `exited` gives. @default 'normal'
   */
  async stop(reason: ExitReason = 'normal'): Promise<void> {
    checkReason('stop', reason)
    this.shutdown(reason)
    await this.exited
  }

  /** Asks it to end, as its own supervisor does, and returns at once. */
  shutdown(reason: ExitReason): void {
    checkReason('shutdown', reason)
    if (!this.#beginToStop(reason)) return
    this.interruptStart()
    this.#mailbox.push({ run: () => this.#end(reason) })
  }

  /** Ends it and all of its children in this turn, without asking them. */
  kill(): void {
    if (this.#state === 'exited') return
    this.#beginToStop('killed')
    this.killChildren()
    this.#exit('killed')
  }

  /** The supervisor and all below it, as plain objects; `formatTree` draws them. */
  inspect(): TreeNode {
    const details = this.details()
    return {
      id: this.path.slice(this.path.lastIndexOf('/') + 1),
      type: 'supervisor',
      state: this.#state,
      restarts: 0,
      since: this.#since,
      abandoned: 0,
      stillRunning: 0,
      ...details,
      children: details.children ?? [],
    }
  }

  childExited(child: C): void {
    this.#mailbox.push({ run: () => this.#handleExit(child) })
  }

  receive(job: Job): MaybePromise<void> {
    return this.#state === 'exited' ? job.refuse?.(this.#noproc()) : job.run()
  }

  /** A job failed, which none should: a supervisor that cannot do its work ends, for its own supervisor to see. */
  crashed(error: unknown): void {
    if (this.#state === 'exited') return
    this.#beginToStop({ error })
    this.killChildren()
    this.#exit({ error })
  }

  /**
   * Registers the name and starts the children.
   *
   * @throws BERYL_ERR_ALREADY_STARTED, BERYL_ERR_START_FAILED with the child's error as its `cause`
   * @internal
   */
  boot(): Promise<void> {
    this.#booting = this.#boot()
    return this.#booting
  }

  /**
   * Waits for a start that is under way, or an end.
   *
   * @returns whether it runs then; if not, its name is free, or somebody else's
   * @internal
   */
  async untilRunning(): Promise<boolean> {
    // It may be asked for out of its own first step.
    await Promise.resolve()
    await this.#booting?.catch(() => {})
    if (this.#state === 'running') return true
    await this.exited
    return false
  }

  async #boot(): Promise<void> {
    if (this.#name !== undefined) register(this.#name, this)
    this.#signals.listen()
    if (this.ending) throw await this.#endedBeforeStart()
    const failure = await new Promise<StartOutcome>((resolve, reject) => {
      this.#mailbox.push({ run: () => settle(() => this.#bootChildren(), resolve, reject) })
    })
    if (failure !== undefined) throw failure.error
  }

  /** Starts the first children, each after the one before it. */
  protected abstract startChildren(): Promise<StartOutcome>
  /** Stops all children by their rules and waits for their ends. */
  protected abstract terminateChildren(): Promise<void>
  protected abstract killChildren(): void
  /** Shortens the start that is under way, if one is. */
  protected abstract interruptStart(): void
  /** Does what the strategy says about a child that is to be restarted; the restart was counted already. */
  protected abstract restart(child: C): Promise<void>
  /** Starts, in order, what waited: nothing of it runs. */
  protected abstract resume(children: readonly C[]): Promise<void>
  /** Keeps or removes a child that ended by itself and stays down. */
  protected abstract ended(child: C, next: 'keep' | 'remove'): void
  /** True while a significant child runs or is being restarted. */
  protected abstract significantAlive(): boolean
  protected abstract details(): ProcessDetails

  /** True while it ends: the rest is not started any more. */
  protected get ending(): boolean {
    return this.#asked !== undefined
  }

  /** Refuses to tell of children that are none any more. @throws BERYL_ERR_NOPROC when it has ended */
  protected checkAlive(): void {
    if (this.#state === 'exited') throw this.#noproc()
  }

  /** Puts a request at the end of the queue. @throws BERYL_ERR_NOPROC once it stops */
  protected request<T>(work: () => MaybePromise<T>): Promise<T> {
    if (this.ending) return Promise.reject(this.#noproc())
    return new Promise((resolve, reject) => {
      this.#mailbox.push({ run: () => settle(work, resolve, reject), refuse: reject })
    })
  }

  /** Marks a child whose restart failed and puts the next try at the end of the queue, after one turn of the event loop. */
  protected retryLater(child: C, { error }: StartFailure): void {
    if (this.ending) return
    child.state = 'restarting'
    this.#retries.add([child], 'next turn', () => this.#restart(child, { error }))
  }

  /** Lets children that do not run wait together; meanwhile the supervisor does what else it has to do. */
  protected wait(children: readonly C[], ms: number): void {
    if (this.ending) return
    for (const child of children) child.wait(Math.max(ms, child.waitMs))
    this.#retries.add(children, ms, (due) => this.resume(due))
  }

  protected cancelRetry(child: C): void {
    this.#retries.cancel(child)
  }

  async #bootChildren(): Promise<StartOutcome> {
    this.#since = this.clock.date()
    const failure = this.ending ? undefined : await this.startChildren()
    this.#signals.started()
    if (failure === undefined && this.#asked === undefined) {
      this.#state = 'running'
      return undefined
    }
    const error = this.#asked === undefined ? failure?.error : endRequest(this.path, this.#asked)
    await this.#end({ shutdown: error })
    return new StartFailure(error)
  }

  async #endedBeforeStart(): Promise<Error> {
    return endRequest(this.path, await this.exited)
  }

  #handleExit(child: C): MaybePromise<void> {
    const exit = child.takeExit()
    if (exit === undefined || this.ending) return
    const next = afterExit(child.policy.restart, exit.reason)
    if (next === 'restart') return this.#restart(child, exit.why)
    this.ended(child, next)
    if (endsSupervisor(this.flags.autoShutdown, child.policy.significant, () => this.significantAlive())) {
      this.report?.({ type: 'auto_shutdown', supervisor: this.path, id: child.id })
      return this.#end('shutdown')
    }
  }

  #restart(child: C, why: ExitReason): Promise<void> {
    if (child.backOff()) return this.restart(child)
    this.#restarts ??= new RestartWindow(this.flags)
    return this.#restarts.record(this.clock.now()) ? this.#giveUp(child, why) : this.restart(child)
  }

  #giveUp({ id, path }: C, why: ExitReason): Promise<void> {
    const { intensity, periodMs } = this.flags
    const cause = errorOf(path, why)
    const details = [this.path, intensity, periodMs, path, describe(cause)]
    this.#failure = berylError('BERYL_ERR_GAVE_UP', ...details, { cause })
    this.report?.({ type: 'gave_up', supervisor: this.path, id, error: this.#failure })
    return this.#end('shutdown')
  }

  #beginToStop(reason: ExitReason): boolean {
    if (this.#asked !== undefined) return false
    this.#asked = reason
    this.#state = 'stopping'
    for (const job of this.#mailbox.clear()) job.refuse?.(this.#noproc())
    this.#retries.clear()
    return true
  }

  async #end(reason: ExitReason): Promise<void> {
    this.#beginToStop(reason)
    await this.terminateChildren()
    this.#exit(this.#asked ?? reason)
  }

  #exit(reason: ExitReason): void {
    if (this.#state === 'exited') return
    this.#state = 'exited'
    this.#signals.forget()
    if (this.#name !== undefined) unregister(this.#name, this)
    for (const job of this.#mailbox.close()) job.refuse?.(this.#noproc())
    this.report?.({ type: 'supervisor_exited', supervisor: this.path, reason })
    this.#ended.end(reason)
  }

  #noproc(): Error {
    return berylError('BERYL_ERR_NOPROC', this.path)
  }
}
