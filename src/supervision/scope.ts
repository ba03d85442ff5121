import { checkFunction, hasMethods, refuseArgument } from '../ground/argument.ts'
import type { Clock, Timer } from '../ground/clock.ts'
import { tell } from '../ground/foreign.ts'
import { isMilliseconds } from './check.ts'
import { warn } from './events.ts'

/** Anything that emits events to listeners: an EventEmitter, a socket, a stream. */
export interface Emitter<L> {
  on(event: string, listener: L): unknown
  off(event: string, listener: L): unknown
}

/**
 * Timers, subscriptions and side work that belong to one incarnation: they end with it, and an error in them is its
 * crash, where bare `setTimeout` or a forgotten promise would hit the whole program.
 */
export interface Owned {
  setTimeout(callback: () => unknown, ms: number): Timer
  setInterval(callback: () => unknown, ms: number): Timer
  /** Listens until the incarnation ends, or the returned function is called. */
  on<A extends readonly unknown[]>(
    emitter: Emitter<(...args: A) => void>,
    event: string,
    listener: (...args: A) => unknown,
  ): () => void
  /** Lets work go on beside: if it rejects, the incarnation crashes. */
  spawn(work: Promise<unknown> | (() => Promise<unknown>)): void
}

/** The runner of a scope's callbacks, and the place for their errors. */
export interface ScopeOwner {
  /** Runs a callback now or when its turn comes; its error is the owner's crash. */
  runCallback(callback: () => unknown): void
  crash(error: unknown): void
}

/** Holds what one incarnation owns until {@link Scope.close}. Its methods may be taken apart from it. */
export class Scope implements Owned {
  readonly #owner: ScopeOwner
  readonly #clock: Clock
  readonly #disposers = new Set<() => unknown>()
  #closed = false

  constructor(owner: ScopeOwner, clock: Clock) {
    this.#owner = owner
    this.#clock = clock
  }

  readonly setTimeout = (callback: () => unknown, ms: number): Timer => {
    checkTimer('setTimeout', callback, ms)
    const timer = this.#clock.setTimeout(() => {
      this.#disposers.delete(cancel)
      this.#owner.runCallback(callback)
    }, ms)
    const cancel = this.#own(() => timer.cancel())
    return { cancel }
  }

  readonly setInterval = (callback: () => unknown, ms: number): Timer => {
    checkTimer('setInterval', callback, ms)
    const timer = this.#clock.setInterval(() => this.#owner.runCallback(callback), ms)
    return { cancel: this.#own(() => timer.cancel()) }
  }

  readonly on = <A extends readonly unknown[]>(
    emitter: Emitter<(...args: A) => void>,
    event: string,
    listener: (...args: A) => unknown,
  ): (() => void) => {
    if (!isEmitter(emitter)) refuseArgument('on', 'emitter', 'an object with on and off', emitter)
    if (typeof event !== 'string' && typeof event !== 'symbol')
      refuseArgument('on', 'event', 'the name of an event', event)
    checkFunction('on', 'listener', listener)
    const guarded = (...args: A): void => this.#owner.runCallback(() => listener(...args))
    emitter.on(event, guarded)
    return this.#own(() => emitter.off(event, guarded))
  }

  readonly spawn = (work: Promise<unknown> | (() => Promise<unknown>)): void => {
    const isWork = typeof work === 'function' || hasMethods<PromiseLike<unknown>>(work, ['then'])
    if (!isWork) refuseArgument('spawn', 'work', 'a promise, or a function that gives one', work)
    const failed = (error: unknown): void => {
      if (!this.#closed) this.#owner.crash(error)
    }
    tell(typeof work === 'function' ? work : () => work, failed)
  }

  /** Cancels every timer and takes off every listener; what is added later goes at once. */
  close(): void {
    this.#closed = true
    // A foreign emitter may throw when a listener is taken off; the rest must go all the same.
    for (const dispose of this.#disposers) tell(dispose, warn)
    this.#disposers.clear()
  }

  #own(dispose: () => unknown): () => void {
    const release = (): unknown => {
      this.#disposers.delete(release)
      return dispose()
    }
    this.#disposers.add(release)
    if (this.#closed) tell(release, warn)
    return release
  }
}

function checkTimer(call: string, callback: unknown, ms: unknown): void {
  checkFunction(call, 'callback', callback)
  if (!isMilliseconds(ms)) refuseArgument(call, 'ms', 'milliseconds from 0 to 2147483647', ms)
}

/** An emitter may be a function, too. */
function isEmitter(value: unknown): boolean {
  return hasMethods<Emitter<unknown>>(value, ['on', 'off'])
}
