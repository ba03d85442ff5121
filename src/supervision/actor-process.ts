import { berylError } from '../ground/errors.ts'
import { promised, settled, tell } from '../ground/foreign.ts'
import { type ActorMessage, Call, Cast, Init } from './actor-message.ts'
import { type ActorRef, type Behaviour, type Callee, DeferredReply, makeRef } from './actor-ref.ts'
import { warn } from './events.ts'
import { Exit } from './exit.ts'
import { checkReason, type ExitReason, exitError, whenKilled } from './exit-reason.ts'
import { Mailbox, type Receiver } from './mailbox.ts'
import type { MaybePromise, Process, ProcessDetails, StartContext } from './process.ts'
import { register, unregister } from './registry.ts'
import { type Owned, Scope, type ScopeOwner } from './scope.ts'

/** The knowledge and property of an actor: `this.context` in its methods. */
export interface ActorContext extends Owned {
  readonly path: string
  readonly incarnation: number
  /** Aborted when the actor is asked to end, is killed, or has ended. */
  readonly signal: AbortSignal
  /** The number of messages that wait. There is no bound: refuse or shed load by this. */
  readonly mailboxLength: number
  /** Ends the actor after this message: `terminate` runs, then the reply goes out, then it exits. @default 'normal' */
  readonly stop: (reason?: ExitReason) => void
  /** Returned from a method: the reply follows, the mailbox goes on meanwhile. If it rejects, the actor crashes. */
  readonly later: <R>(reply: Promise<R>) => DeferredReply<R>
}

/** The parts of an actor process. */
export interface ActorParts<T extends Behaviour> {
  readonly actor: T
  /** The prototype at which the methods of the actor end. */
  readonly root: object
  readonly start: StartContext
  readonly callTimeoutMs: number | 'infinity'
  readonly name: string | undefined
}

/**
 * A gen_server: one actor, its mailbox, and its end. A synchronous method of an idle actor runs within the call and costs
 * the promise of its reply and nothing else.
 */
export class ActorProcess<T extends Behaviour>
  implements Process, Callee, ScopeOwner, Receiver<ActorMessage>
{
  readonly #ended = new Exit()
  readonly exited = this.#ended.exited
  readonly callTimeoutMs: number | 'infinity'
  readonly handle: ActorRef<T>
  readonly #actor: T
  readonly #start: StartContext
  readonly #name: string | undefined
  #scope: Scope | undefined = undefined
  #context: ActorContext | undefined = undefined
  readonly #mailbox = new Mailbox<ActorMessage>(this)
  #current: ActorMessage | undefined = undefined
  /** The work that runs now if it is asynchronous. */
  #running: Promise<unknown> | undefined = undefined
  /** Messages that got no answer yet, the waiting ones apart: promised replies, and what came while it terminates. */
  readonly #owed = new Set<ActorMessage>()
  readonly #monitors = new Set<(reason: ExitReason) => void>()
  #asked: ExitReason | undefined = undefined
  #terminating = false
  #exit: ExitReason | undefined = undefined

  constructor({ actor, root, start, callTimeoutMs, name }: ActorParts<T>) {
    this.#actor = actor
    this.#start = start
    this.#name = name
    this.callTimeoutMs = callTimeoutMs
    this.handle = makeRef(actor, root, this) as ActorRef<T>
  }

  /** The context for the actor itself; made when it is first asked for. */
  get context(): ActorContext {
    this.#context ??= this.#makeContext()
    return this.#context
  }

  /** Runs `init`; what is sent meanwhile waits. @internal */
  begin(args: readonly unknown[]): MaybePromise<this | 'ignore'> {
    if (this.#name !== undefined) register(this.#name, this.handle)
    const init = new Init(args, this.#start.path)
    this.#mailbox.push(init)
    return init.done ? this.#begun(init) : this.#beginLater(init)
  }

  call(method: string, args: readonly unknown[], timeoutMs: number | 'infinity'): Promise<unknown> {
    if (this.#exit !== undefined) return Promise.reject(exitError(this.#start.path, 'noproc'))
    return new Promise((resolve, reject) => {
      const call = new Call(method, args, resolve, reject)
      this.#push(call)
      if (!call.settled && timeoutMs !== 'infinity')
        call.timer = this.#start.clock.setTimeout(() => this.#timeOut(call, timeoutMs), timeoutMs)
    })
  }

  cast(method: string, args: readonly unknown[]): void {
    if (this.#exit === undefined) this.#push(new Cast(method, args))
  }

  /** Calls `listener` once, when the process has ended; in a later microtask with `noproc` if it has already. */
  monitor(listener: (reason: ExitReason) => void): () => void {
    this.#monitors.add(listener)
    if (this.#exit !== undefined) queueMicrotask(() => this.#notify(listener, 'noproc'))
    return () => void this.#monitors.delete(listener)
  }

  /** Asks it to end when it has handled what waits before this. */
  shutdown(reason: ExitReason): void {
    if (this.#exit === undefined) this.#push({ perform: () => this.#stop(reason) })
  }

  kill(): void {
    this.#finish('killed')
  }

  crash(error: unknown): void {
    if (!this.#terminating) this.crashed(error)
  }

  runCallback(callback: () => unknown): void {
    this.#push({ perform: callback })
  }

  receive(message: ActorMessage): MaybePromise<void> {
    this.#current = message
    const result = message.perform(this.#actor)
    const pending = promised(result)
    if (pending === undefined) return this.#handled(message, result)
    this.#running = pending
    return pending.then((value) => this.#handled(message, value))
  }

  crashed(error: unknown): void {
    if (this.#isEnding()) return
    this.#running = undefined
    // A throw of `init` is a failed start: there is nothing to terminate yet.
    if (this.#current instanceof Init) {
      this.#current.refuse(error)
      this.#finish({ error })
    } else void this.#terminate({ error })
  }

  inspect(): ProcessDetails {
    return this.#mailbox.length === 0 ? {} : { note: `${this.#mailbox.length} waiting` }
  }

  #push(message: ActorMessage): void {
    if (this.#terminating) this.#owed.add(message)
    else this.#mailbox.push(message)
  }

  async #beginLater(init: Init): Promise<this | 'ignore'> {
    // Its name is free then for the next try.
    const forget = whenKilled(this.#start.signal, () => this.#finish('killed'))
    await init.untilDone()
    forget()
    return this.#begun(init)
  }

  #begun(init: Init): this | 'ignore' {
    if (init.result === 'ok') return this
    this.#finish('normal')
    return 'ignore'
  }

  #handled(message: ActorMessage, value: unknown): MaybePromise<void> {
    const isLater = value instanceof DeferredReply
    if (this.#isEnding()) return isLater ? undefined : message.reply?.(value)
    this.#running = undefined
    if (isLater) this.#owe(message, value)
    if (this.#asked !== undefined)
      return this.#terminate(this.#asked, isLater ? undefined : () => message.reply?.(value))
    this.#current = undefined
    if (!isLater) message.reply?.(value)
  }

  /** A handler may be at work still when its actor has crashed beside it: `terminate` is called once all the same. */
  #isEnding(): boolean {
    if (this.#exit !== undefined) this.#running = undefined
    return this.#exit !== undefined || this.#terminating
  }

  #owe(message: ActorMessage, { promise }: DeferredReply<unknown>): void {
    this.#owed.add(message)
    promise.then(
      (value) => {
        this.#owed.delete(message)
        message.reply?.(value)
      },
      (error: unknown) => this.crash(error),
    )
  }

  /** Heard from here on: the method may never come to give it back. */
  #later<T>(reply: Promise<T>): DeferredReply<T> {
    const promise = settled(reply) as Promise<T>
    promise.then(undefined, (error: unknown) => this.crash(error))
    return new DeferredReply(promise)
  }

  #stop(reason: ExitReason): void {
    this.#asked ??= reason
    // Between two messages there is none whose end would be seen: make one.
    if (!this.#mailbox.busy) this.#push({ perform: () => undefined })
  }

  #terminate(reason: ExitReason, reply?: () => void): MaybePromise<void> {
    this.#terminating = true
    for (const message of this.#mailbox.close()) this.#owed.add(message)
    const end = (): void => {
      this.#running = undefined
      if (this.#exit === undefined) reply?.()
      this.#finish(reason)
    }
    const fail = (error: unknown): void => this.#finish({ error })
    try {
      const pending = promised(this.#actor.terminate(reason as never))
      if (pending === undefined) return end()
      this.#running = pending
      return pending.then(end, fail)
    } catch (error) {
      fail(error)
    }
  }

  #finish(reason: ExitReason): void {
    if (this.#exit !== undefined) return
    this.#exit = reason
    if (this.#name !== undefined) unregister(this.#name, this.handle)
    this.#scope?.close()
    this.#refuseAll(exitError(this.#start.path, reason))
    // A copy: who monitors it again in here hears `noproc`, in a turn of its own.
    for (const listener of [...this.#monitors]) this.#notify(listener, reason)
    this.#ended.end(reason)
    // Code that heeds the signal has ended by the next turn. What has not is out of reach.
    if (this.#running !== undefined) this.#start.clock.setImmediate(() => this.#abandon())
  }

  #refuseAll(error: Error): void {
    for (const message of this.#mailbox.close()) this.#owed.add(message)
    if (this.#current !== undefined) this.#owed.add(this.#current)
    for (const message of this.#owed) message.refuse?.(error)
    this.#owed.clear()
  }

  #notify(listener: (reason: ExitReason) => void, reason: ExitReason): void {
    if (this.#monitors.delete(listener)) tell(() => listener(reason), warn)
  }

  #abandon(): void {
    if (this.#running !== undefined) this.#start.abandoned(this.#running)
  }

  #timeOut(call: Call, timeoutMs: number): void {
    call.refuse(berylError('BERYL_ERR_CALL_TIMEOUT', call.method, this.#start.path, timeoutMs))
  }

  #makeContext(): ActorContext {
    this.#scope = new Scope(this, this.#start.clock)
    const { setTimeout, setInterval, on, spawn } = this.#scope
    const start = this.#start
    const mailbox = this.#mailbox
    return {
      path: start.path,
      incarnation: start.incarnation,
      get signal() {
        return start.signal
      },
      get mailboxLength() {
        return mailbox.length
      },
      stop: (reason = 'normal') => {
        checkReason('stop', reason)
        this.#stop(reason)
      },
      later: (reply) => this.#later(reply),
      setTimeout,
      setInterval,
      on,
      spawn,
    }
  }
}
