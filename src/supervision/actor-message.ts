import type { Timer } from '../ground/clock.ts'
import { promised } from '../ground/foreign.ts'
import type { Behaviour } from './actor-ref.ts'
import { refuseSpec } from './check.ts'

/** A message in an actor's mailbox: its work, the way of its result, the word to its sender if none comes. */
export interface ActorMessage {
  perform(actor: Behaviour): unknown
  readonly reply?: ((value: unknown) => void) | undefined
  readonly refuse?: ((error: unknown) => void) | undefined
}

/** A method to run, its result wanted by nobody. */
export class Cast implements ActorMessage {
  readonly method: string
  readonly #args: readonly unknown[]

  constructor(method: string, args: readonly unknown[]) {
    this.method = method
    this.#args = args
  }

  perform(actor: Behaviour): unknown {
    const methods = actor as unknown as Record<string, (...args: readonly unknown[]) => unknown>
    return methods[this.method]?.(...this.#args)
  }
}

/** A method to run, and the caller's promise. Settled once: what comes after its time is dropped. */
export class Call extends Cast {
  settled = false
  timer: Timer | undefined = undefined
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: unknown) => void

  constructor(
    method: string,
    args: readonly unknown[],
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    super(method, args)
    this.#resolve = resolve
    this.#reject = reject
  }

  reply(value: unknown): void {
    this.#settle()
    this.#resolve(value)
  }

  refuse(error: unknown): void {
    this.#settle()
    this.#reject(error)
  }

  #settle(): void {
    this.settled = true
    this.timer?.cancel()
  }
}

/** The first message of every actor. While it is handled, what others send waits. */
export class Init implements ActorMessage {
  readonly #args: readonly unknown[]
  readonly #path: string
  #done = false
  #result: unknown = undefined
  #failure: { readonly error: unknown } | undefined = undefined
  #wake: () => void = () => {}

  constructor(args: readonly unknown[], path: string) {
    this.#args = args
    this.#path = path
  }

  get done(): boolean {
    return this.#done
  }

  /** The outcome of `init`. @throws what `init` threw */
  get result(): 'ignore' | 'ok' {
    if (this.#failure !== undefined) throw this.#failure.error
    return this.#result === 'ignore' ? 'ignore' : 'ok'
  }

  untilDone(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  perform(actor: Behaviour): unknown {
    const result: unknown = Reflect.apply(actor.init, actor, this.#args)
    return promised(result)?.then((value) => this.#check(value)) ?? this.#check(result)
  }

  reply(value: unknown): void {
    this.#result = value
    this.#end()
  }

  refuse(error: unknown): void {
    if (!this.#done) this.#failure = { error }
    this.#end()
  }

  #check(value: unknown): unknown {
    if (value !== undefined && value !== 'ignore')
      refuseSpec(this.#path, 'result of init', "undefined or 'ignore'", value)
    return value
  }

  #end(): void {
    this.#done = true
    this.#wake()
  }
}
