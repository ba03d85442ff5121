import { berylError } from '../ground/errors.ts'
import { promised, settled } from '../ground/foreign.ts'
import { ChildRecord, type RecordOwner } from './child-record.ts'
import { type ExitReason, endRequest, isNormal } from './exit-reason.ts'
import { detailsOf, endLate, exitOf, failureOf, handleOf } from './foreign-process.ts'
import { Life, type Place } from './life.ts'
import type { ChildState, MaybePromise, Process, StartContext, StartResult, TreeNode } from './process.ts'
import { StartFailure, type StartOutcome } from './start-failure.ts'
import { type Deadlines, TimeLimit } from './time-limit.ts'

/** The supervisor that holds a child, as the child sees it. */
export interface ChildOwner extends RecordOwner {
  /** A running child ended by itself. By the time this is looked at it may have been stopped: see `takeExit`. */
  childExited(child: Child): void
}

/** One child as `children` lists it. */
export interface ChildInfo {
  readonly id: string
  readonly state: ChildState
  readonly type: 'worker' | 'supervisor'
  /** The current handle; `undefined` while there is no living process. */
  readonly handle: unknown
}

/** The end of a child by itself: its exit reason, and the error behind it where that names none. */
export interface OwnExit {
  readonly reason: ExitReason
  readonly why: ExitReason
}

/**
 * One child of a supervisor: it knows how to start and how to stop one, with every limit of time, and nothing of
 * strategies. A start that is synchronous makes no promise.
 */
export abstract class Child extends ChildRecord<ChildOwner> implements Place {
  #life: Life | undefined = undefined

  /** Calls `start`. What is never started again lets go of it. */
  protected abstract launch(context: StartContext): MaybePromise<StartResult>

  /** The handle for others while it runs: from its exit on, even before that was handled, nothing. */
  get handle(): unknown {
    const process = this.process
    return process === undefined ? undefined : handleOf(process)
  }

  /** The process, unless it has ended. */
  get process(): Process | undefined {
    return this.#life?.exit === undefined ? this.#life?.process : undefined
  }

  get info(): ChildInfo {
    return { id: this.id, state: this.state, type: this.policy.type, handle: this.handle }
  }

  start(): MaybePromise<StartOutcome> {
    const life = new Life(this, this.countStart())
    this.#life = life
    this.state = 'starting'
    try {
      const result: unknown = this.launch(life)
      const pending = promised(result)
      return pending === undefined ? this.#adopt(life, result) : this.#startLater(life, pending)
    } catch (error) {
      return this.#startFailed(life, error)
    }
  }

  /** Shortens a pending start: it is asked to end, and has as long for it as its shutdown rule gives. */
  interrupt(): void {
    if (this.state !== 'starting') return
    this.#life?.abort('shutdown')
    this.startLimit?.set(this.policy.shutdownMs === 'brutal' ? 0 : this.policy.shutdownMs)
  }

  /** Stops it by its rule and waits for its end. Whatever it was doing, it is `stopped` afterwards. */
  async stop(deadlines: Deadlines): Promise<void> {
    this.takeExit()
    const life = this.#life
    if (life !== undefined && this.process !== undefined) {
      this.state = 'stopping'
      const end = life.untilEnd()
      this.#ask(life, deadlines)
      this.#reportStop(await end)
    }
    this.#forget()
  }

  /** Sends it an exit signal, as if from outside: its supervisor treats the end as its own. As in Erlang, `normal` is none. */
  exit(reason: ExitReason): void {
    if (reason === 'normal') return
    if (reason !== 'killed') this.#life?.shutdown(reason)
    else if (this.state === 'starting') this.#killStart()
    else this.#life?.kill()
  }

  /** Ends it without waiting. */
  kill(): void {
    if (this.state === 'starting') this.#killStart()
    this.state = 'stopping'
    this.#life?.kill()
  }

  /** Takes the exit that is to be handled; `undefined` where a stop or a later start made it void. */
  takeExit(): OwnExit | undefined {
    const life = this.state === 'running' ? this.#life : undefined
    if (life?.exit === undefined) return undefined
    const reason = life.exit
    const error = life.process && failureOf(life.process)
    this.tell({ type: 'child_exited', ...this.named(), reason })
    if (reason === 'normal' && life.isYoung) this.hint()
    this.#forget()
    return { reason, why: error === undefined ? reason : { error } }
  }

  ended(life: Life): void {
    if (this.#life === life && this.state === 'running') this.owner.childExited(this)
  }

  inspect(): TreeNode {
    const running = this.process !== undefined
    const details = this.process && detailsOf(this.process)
    return {
      ...details,
      children: details?.children ?? [],
      ...this.record(),
      ...(running && { since: (this.#life?.sinceSeconds ?? 0) * 1000 }),
    }
  }

  #killStart(): void {
    this.#life?.abort('killed')
    this.startLimit?.set(0)
  }

  async #startLater(life: Life, pending: Promise<unknown>): Promise<StartOutcome> {
    const limit = new TimeLimit(this.clock, this.policy.startTimeoutMs)
    this.startLimit = limit
    try {
      const result = await Promise.race([pending, limit.over])
      return result === undefined && limit.reached
        ? this.#startTimedOut(life, pending)
        : this.#adopt(life, result)
    } catch (error) {
      return this.#startFailed(life, error)
    } finally {
      limit.cancel()
      this.startLimit = undefined
    }
  }

  #startTimedOut(life: Life, pending: Promise<unknown>): StartFailure {
    const asked = life.aborted
    const error =
      asked === undefined
        ? berylError('BERYL_ERR_START_TIMEOUT', this.path, this.policy.startTimeoutMs)
        : endRequest(this.path, asked)
    life.abort('killed')
    this.#endLate(life, pending)
    return this.#startFailed(life, error)
  }

  /** A late start is never adopted: two incarnations would run at once, one of them unsupervised. */
  #endLate(life: Life, pending: Promise<unknown>): void {
    let settled = false
    const rest = pending.then(endLate).finally(() => {
      settled = true
    })
    rest.catch(() => undefined)
    this.clock.setImmediate(() => settled || this.abandoned(rest, life.incarnation))
  }

  #startFailed(life: Life, error: unknown): StartFailure {
    life.abort({ error })
    this.tell({ type: 'child_start_failed', ...this.named(), error })
    this.#forget()
    return new StartFailure(error)
  }

  #adopt(life: Life, result: unknown): StartOutcome {
    this.#refuseKilled(life, result)
    if (result === 'ignore') {
      life.abort('normal')
      this.#forget()
      return undefined
    }
    const exited = exitOf(result, this.path)
    this.#refuseKilled(life, result)
    life.run(result as Process, exited)
    this.state = 'running'
    this.began()
    this.tell({ type: 'child_started', ...this.named(), restarted: life.incarnation > 1 })
    // Asked to end while it started: only its signal could tell it then, and it may have given up what it holds.
    if (life.aborted !== undefined) life.shutdown(life.aborted)
    return undefined
  }

  /** Its own start, or a getter of what that gave, may have killed it, or its supervisor. */
  #refuseKilled(life: Life, result: unknown): void {
    if (life.aborted !== 'killed') return
    this.#endLate(life, settled(result))
    throw endRequest(this.path, 'killed')
  }

  #ask(life: Life, deadlines: Deadlines): void {
    const { shutdownMs } = this.policy
    if (shutdownMs !== 'brutal') life.shutdown('shutdown')
    if (shutdownMs === 'brutal' || shutdownMs === 0) life.kill()
    else if (shutdownMs !== 'infinity') deadlines.add(shutdownMs, () => life.kill())
  }

  #reportStop(reason: ExitReason): void {
    const expected = isNormal(reason) || (reason === 'killed' && this.policy.shutdownMs === 'brutal')
    this.tell({ type: expected ? 'child_stopped' : 'shutdown_error', ...this.named(), reason })
  }

  #forget(): void {
    this.over()
    this.#life = undefined
    this.state = 'stopped'
  }
}
