import { checkFunction, refuseArgument } from '../ground/argument.ts'
import { berylError } from '../ground/errors.ts'
import { A_DURATION, isDuration } from './check.ts'
import type { ExitReason } from './exit-reason.ts'
import type { MaybePromise } from './process.ts'

/** The result of `init`: nothing, or that there is nothing to run. */
// biome-ignore lint/suspicious/noConfusingVoidType: the type of a method without a return is void
export type InitResult = 'ignore' | undefined | void

/** The parts of an actor beside its methods; none of them can be called from outside. */
export interface Behaviour {
  init(...args: never[]): MaybePromise<InitResult>
  terminate(reason: never): MaybePromise<void>
}

/** A reply that follows later, while the mailbox goes on. Made by `context.later`. */
export class DeferredReply<T> {
  readonly promise: Promise<T>

  constructor(promise: Promise<T>) {
    this.promise = promise
  }
}

type Replied<R> = Awaited<R> extends DeferredReply<infer T> ? Awaited<T> : Awaited<R>

type MethodsOf<T> = {
  [K in keyof T as K extends keyof Behaviour
    ? never
    : T[K] extends (...args: never[]) => unknown
      ? K
      : never]: T[K]
}

type Calls<T> = {
  readonly [K in keyof MethodsOf<T>]: MethodsOf<T>[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Replied<R>>
    : never
}

/**
 * A way to one incarnation of an actor, as a pid is: each public method of the class becomes an asynchronous call. After
 * the actor's end every call fails at once with BERYL_ERR_NOPROC; the next incarnation has another ref.
 */
export type ActorRef<T> = Calls<T> & ProcessRef

/** The methods of a ref without replies: they never fail, also when nobody is there. Made by {@link cast}. */
export type ActorCasts<R extends ProcessRef> = {
  readonly [K in keyof R]: R[K] extends (...args: infer A) => unknown ? (...args: A) => void : never
}

/** The side of a process that its refs talk to. */
export interface Callee {
  readonly callTimeoutMs: number | 'infinity'
  call(method: string, args: readonly unknown[], timeoutMs: number | 'infinity'): Promise<unknown>
  cast(method: string, args: readonly unknown[]): void
  monitor(listener: (reason: ExitReason) => void): () => void
}

/** The base of all refs: it keeps the process out of sight. */
export class ProcessRef {
  readonly #callee: Callee
  readonly #timeoutMs: number | 'infinity'

  constructor(callee: Callee, timeoutMs: number | 'infinity') {
    this.#callee = callee
    this.#timeoutMs = timeoutMs
  }

  /** The process behind a ref. @throws BERYL_ERR_ARGUMENT where it is none */
  static callee(ref: ProcessRef, call = 'ref'): Callee {
    if (typeof ref !== 'object' || ref === null || !(#callee in ref))
      refuseArgument(call, 'ref', 'the ref of an actor', ref)
    return ref.#callee
  }

  static call(ref: ProcessRef, method: string, args: readonly unknown[]): Promise<unknown> {
    return ref.#callee.call(method, args, ref.#timeoutMs)
  }
}

class CastRef {
  readonly #callee: Callee

  constructor(callee: Callee) {
    this.#callee = callee
  }

  static cast(ref: CastRef, method: string, args: readonly unknown[]): void {
    ref.#callee.cast(method, args)
  }
}

type RefClass = new (callee: Callee, timeoutMs: number | 'infinity') => ProcessRef

interface Faces {
  readonly Calls: RefClass
  readonly Casts: new (callee: Callee) => object
}

/** One class of refs for each class of actors: a ref then is a small object, and its methods are shared. */
const faces = new WeakMap<object, Faces>()

/** Makes the ref to a process whose methods are those of `behaviour`, up to `root`, the class that all actors extend. */
export function makeRef(behaviour: Behaviour, root: object, callee: Callee): ProcessRef {
  return new (facesOf(Object.getPrototypeOf(behaviour), root).Calls)(callee, callee.callTimeoutMs)
}

/**
 * The same actor with another limit for its replies.
 *
 * @param timeoutMs milliseconds, or `'infinity'`
 * @example await withTimeout(counter, 100).increment()
 */
export function withTimeout<T extends ProcessRef>(ref: T, timeoutMs: number | 'infinity'): T {
  const callee = ProcessRef.callee(ref, 'withTimeout')
  if (!isDuration(timeoutMs)) refuseArgument('withTimeout', 'timeoutMs', A_DURATION, timeoutMs)
  return new (ref.constructor as RefClass)(callee, timeoutMs) as T
}

/**
 * The methods of an actor without replies: what is sent so never fails, and is dropped where nobody is.
 *
 * @example cast(counter).increment()
 */
export function cast<R extends ProcessRef>(ref: R): ActorCasts<R> {
  const callee = ProcessRef.callee(ref, 'cast')
  const Casts = castsOf.get(ref.constructor)
  return new (Casts as Faces['Casts'])(callee) as ActorCasts<R>
}

/**
 * Calls `listener` once when the actor behind `ref` has ended, with its exit reason; with `noproc`, in a later microtask,
 * if it had ended before.
 *
 * @returns a function after which the listener is not called any more
 */
export function monitor(ref: ProcessRef, listener: (reason: ExitReason) => void): () => void {
  const callee = ProcessRef.callee(ref, 'monitor')
  checkFunction('monitor', 'listener', listener)
  return callee.monitor(listener)
}

const castsOf = new WeakMap<object, Faces['Casts']>()

function facesOf(prototype: object, root: object): Faces {
  const known = faces.get(prototype)
  if (known !== undefined) return known
  const made = makeFaces(methodNames(prototype, root))
  faces.set(prototype, made)
  castsOf.set(made.Calls, made.Casts)
  return made
}

function makeFaces(methods: readonly string[]): Faces {
  class Calls extends ProcessRef {}
  class Casts extends CastRef {}
  for (const method of methods) {
    define<ProcessRef>(Calls.prototype, method, (ref, args) => ProcessRef.call(ref, method, args))
    define<CastRef>(Casts.prototype, method, (ref, args) => CastRef.cast(ref, method, args))
  }
  return { Calls, Casts }
}

function define<T extends object>(
  prototype: T,
  name: string,
  send: (ref: T, args: readonly unknown[]) => unknown,
): void {
  Object.defineProperty(prototype, name, {
    value(this: T, ...args: readonly unknown[]) {
      return send(this, args)
    },
  })
}

function methodNames(prototype: object, root: object): readonly string[] {
  const names = new Set<string>()
  for (let level = prototype; level !== root && level !== null; level = Object.getPrototypeOf(level))
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level)))
      if (typeof value === 'function') names.add(name)
  for (const own of ['constructor', 'init', 'terminate']) names.delete(own)
  // A ref with a method `then` would be taken for a promise by every `await`.
  if (names.has('then'))
    throw berylError(
      'BERYL_ERR_CHILD_SPEC',
      prototype.constructor.name,
      'methods of the actor',
      'any but then',
      'then',
    )
  return [...names]
}
