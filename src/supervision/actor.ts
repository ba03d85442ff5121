// biome-ignore-all lint/complexity/noThisInStatic: in the statics, `this` is the actor's own class, not Actor

import { refuseArgument } from '../ground/argument.ts'
import { type ActorContext, ActorProcess } from './actor-process.ts'
import { type ActorRef, type Behaviour, type InitResult, ProcessRef } from './actor-ref.ts'
import type { Backoff } from './backoff.ts'
import { A_DURATION, check, checkKeys, checkNonEmpty, isDuration, isInstance } from './check.ts'
import {
  type ChildInit,
  type ChildPolicy,
  POLICY_KEYS,
  type Restart,
  resolvePolicy,
  type ShutdownRule,
} from './child-spec.ts'
import type { ExitReason } from './exit-reason.ts'
import type { MaybePromise, StartContext } from './process.ts'
import { whereis } from './registry.ts'

/** A class of actors, with the policy that its children have unless their spec says otherwise. */
export interface ActorClass<T extends Actor> {
  new (): T
  readonly restart: Restart
  readonly shutdownMs: ShutdownRule
  readonly startTimeoutMs: number | 'infinity'
  readonly backoff: Backoff | false | undefined
  readonly callTimeoutMs: number | 'infinity'
}

/** The arguments of an actor's `init`. */
export type InitArgs<T extends Actor> = Parameters<T['init']> extends never[] ? [] : Parameters<T['init']>

/** The result of starting an actor: `'ignore'` only where its `init` may return it. */
export type ActorStart<T extends Actor> =
  | ActorProcess<T>
  | (Actor['init'] extends T['init'] ? never : Extract<Awaited<ReturnType<T['init']>>, 'ignore'>)

/** The options of an actor's spec beside the arguments of `init`. */
export interface ActorSpecOptions<I extends string> extends Partial<ChildPolicy> {
  /** @default the name of the class */
  readonly id?: I | undefined
  /** Registered while the actor lives, for `whereis`. Two living actors cannot hold the same. */
  readonly name?: string | undefined
  /** A call waits so long for its reply. Then the call fails; the actor is not told. @default the class's, 5000 */
  readonly callTimeoutMs?: number | 'infinity' | undefined
}

/**
 * The type of an id that is the name of a class. Compilers do not know that name but where the class spells it
 * (`static override readonly name = 'Counter'`): without, any id in capitals may be it.
 */
type ClassName<N extends string> = string extends N ? Capitalize<string> : N

interface NamedClass<N extends string> {
  readonly name: N
}

type LaunchOptions = Pick<ActorSpecOptions<string>, 'callTimeoutMs' | 'name'>

type ArgsOption<A extends readonly unknown[]> = [] extends A ? { readonly args?: A } : { readonly args: A }

/**
 * A gen_server as a class. Its public methods become the calls of an {@link ActorRef}; they run one at a time, in the
 * order in which they were called, and an error in one of them ends the actor: its supervisor starts a fresh one.
 *
 * @example class Counter extends Actor {
 *   #count = 0
 *   override init(from: number) { this.#count = from }
 *   increment() { return ++this.#count }
 * }
 */
export abstract class Actor implements Behaviour {
  /** @default 'permanent' */
  static readonly restart: Restart = 'permanent'
  /** @default 5000 */
  static readonly shutdownMs: ShutdownRule = 5_000
  /** @default 5000 */
  static readonly startTimeoutMs: number | 'infinity' = 5_000
  /** @default that of the supervisor */
  static readonly backoff: Backoff | false | undefined = undefined
  /** @default 5000 */
  static readonly callTimeoutMs: number | 'infinity' = 5_000

  #process: ActorProcess<Behaviour> | undefined = undefined

  /** Runs before anything else. A throw is a failed start; `'ignore'`: there is nothing to run. */
  init(..._args: never[]): MaybePromise<InitResult> {}

  /** Runs when the actor ends, by itself, asked or by a crash; not when it is killed, nor when `init` failed. */
  terminate(_reason: ExitReason): MaybePromise<void> {}

  /** Its path and signal; timers and subscriptions that end with it; `stop` and `later`. From `init` on. */
  protected get context(): ActorContext {
    return this.#running().context
  }

  /** The spec of a child: `args` go to `init`, at every start again. */
  static spec<T extends Actor, const I extends string>(
    this: ActorClass<T>,
    options: ActorSpecOptions<I> & { readonly id: I } & ArgsOption<InitArgs<T>>,
  ): ActorSpec<T, I>
  static spec<T extends Actor, N extends string>(
    this: ActorClass<T> & NamedClass<N>,
    options: ActorSpecOptions<string> & { readonly id?: undefined } & ArgsOption<InitArgs<T>>,
  ): ActorSpec<T, ClassName<N>>
  static spec<T extends Actor, N extends string>(
    this: ActorClass<T> & NamedClass<N>,
    ...none: [] extends InitArgs<T> ? [] : [options: 'init of this actor takes arguments: give args']
  ): ActorSpec<T, ClassName<N>>
  static spec<T extends Actor>(this: ActorClass<T>, options: unknown = {}): ActorSpec<T> {
    checkKeys(this.name, 'options of spec', options, SPEC_KEYS)
    const { args = [], ...rest } = options as ActorSpecOptions<string> & {
      readonly args?: readonly unknown[]
    }
    return new ActorSpec(this, args, rest)
  }

  /** The ref of the living actor of this class that holds the name; `undefined` where there is none. */
  static whereis<T extends Actor>(this: ActorClass<T>, name: string): ActorRef<T> | undefined {
    checkNonEmpty(`${this.name}.whereis`, 'name', name)
    const holder = whereis(name)
    return holder instanceof ProcessRef && classOf.get(holder) === this ? (holder as ActorRef<T>) : undefined
  }

  /** The ref of an actor, for itself to hand out: `Counter.self(this)`. What it calls so waits for its own turn. */
  static self<T extends Actor>(this: ActorClass<T>, actor: NoInfer<T>): ActorRef<T> {
    if (!isActor(actor)) refuseArgument(`${this.name}.self`, 'actor', 'an actor', actor)
    return actor.#running().handle as ActorRef<T>
  }

  /** Starts one incarnation of a class of actors. @internal */
  static launch<T extends Actor>(
    actorClass: ActorClass<T>,
    start: StartContext,
    args: readonly unknown[],
    { callTimeoutMs = actorClass.callTimeoutMs, name }: LaunchOptions = {},
  ): MaybePromise<ActorStart<T>> {
    const actor = new actorClass()
    const process = new ActorProcess<T>({ actor, root: Actor.prototype, start, callTimeoutMs, name })
    actor.#process = process
    if (name !== undefined) classOf.set(process.handle, actorClass)
    return process.begin(args) as MaybePromise<ActorStart<T>>
  }

  #running(): ActorProcess<Behaviour> {
    if (this.#process === undefined) throw new Error('an actor has its context from init on')
    return this.#process
  }
}

const SPEC_KEYS: readonly string[] = ['args', 'id', 'name', 'callTimeoutMs', ...POLICY_KEYS]

function isActor(value: unknown): value is Actor {
  return isInstance(value, Actor)
}

/** @throws BERYL_ERR_CHILD_SPEC */
function checkSpec(
  spec: ActorSpec<Actor>,
  args: unknown,
  { name, callTimeoutMs }: ActorSpecOptions<string>,
): void {
  const owner = 'spec of an actor'
  check(typeof spec.id === 'string' && spec.id !== '', owner, 'id', 'a non-empty string', spec.id)
  check(Array.isArray(args), owner, 'args', 'an array', args)
  const named = name === undefined || (typeof name === 'string' && name !== '')
  check(named, owner, 'name', 'a non-empty string', name)
  const limited = callTimeoutMs === undefined || isDuration(callTimeoutMs)
  check(limited, owner, 'callTimeoutMs', A_DURATION, callTimeoutMs)
  resolvePolicy(spec, owner, 'policy')
}

/** Which class a named ref is of: names are shared by all. */
const classOf = new WeakMap<ProcessRef, unknown>()

/** The spec of an actor as a child. Each `with…` gives a spec that differs in one thing. */
export class ActorSpec<T extends Actor, I extends string = string> implements ChildInit<ActorStart<T>, I> {
  readonly id: I
  readonly restart: Restart
  readonly shutdownMs: ShutdownRule
  readonly startTimeoutMs: number | 'infinity'
  readonly backoff: Backoff | false | undefined
  readonly type: 'worker' | 'supervisor'
  readonly significant: boolean
  readonly start: (context: StartContext) => MaybePromise<ActorStart<T>>
  readonly #class: ActorClass<T>
  readonly #args: readonly unknown[]
  readonly #options: ActorSpecOptions<string>

  constructor(actorClass: ActorClass<T>, args: readonly unknown[], options: ActorSpecOptions<string>) {
    this.#class = actorClass
    this.#args = args
    this.#options = options
    this.id = (options.id ?? actorClass.name) as I
    this.restart = options.restart ?? actorClass.restart
    this.shutdownMs = options.shutdownMs ?? actorClass.shutdownMs
    this.startTimeoutMs = options.startTimeoutMs ?? actorClass.startTimeoutMs
    this.backoff = options.backoff ?? (this.restart === 'temporary' ? undefined : actorClass.backoff)
    this.type = options.type ?? 'worker'
    this.significant = options.significant ?? false
    checkSpec(this, args, options)
    this.start = (context) => Actor.launch(actorClass, context, args, options)
  }

  withId<const J extends string>(id: J): ActorSpec<T, J> {
    checkNonEmpty('withId', 'id', id)
    return new ActorSpec(this.#class, this.#args, { ...this.#options, id })
  }

  withRestart(restart: Restart): ActorSpec<T, I> {
    if (restart == null)
      refuseArgument('withRestart', 'restart', "'permanent', 'transient' or 'temporary'", restart)
    return new ActorSpec(this.#class, this.#args, { ...this.#options, restart })
  }

  withShutdown(shutdownMs: ShutdownRule): ActorSpec<T, I> {
    if (shutdownMs == null)
      refuseArgument('withShutdown', 'shutdownMs', "milliseconds, 'infinity' or 'brutal'", shutdownMs)
    return new ActorSpec(this.#class, this.#args, { ...this.#options, shutdownMs })
  }
}
