import type { Clock, Timer } from '../ground/clock.ts'

/** A limit of time that may be set anew while it runs. {@link TimeLimit.over} resolves when it is reached, if ever. */
export class TimeLimit {
  readonly over: Promise<void>
  readonly #clock: Clock
  #reach: () => void = () => {}
  #timer: Timer | undefined = undefined
  #reached = false

  constructor(clock: Clock, ms: number | 'infinity') {
    this.#clock = clock
    this.over = new Promise((resolve) => {
      this.#reach = resolve
    })
    this.set(ms)
  }

  get reached(): boolean {
    return this.#reached
  }

  /** Counts from now; 0 is reached at once. */
  set(ms: number | 'infinity'): void {
    this.cancel()
    if (ms === 0) this.#end()
    else if (ms !== 'infinity') this.#timer = this.#clock.setTimeout(() => this.#end(), ms)
  }

  cancel(): void {
    this.#timer?.cancel()
  }

  #end(): void {
    this.#reached = true
    this.#reach()
  }
}

/** Deadlines that share one timer for each length, however many processes are given the same. */
export class Deadlines {
  readonly #clock: Clock
  readonly #byLength = new Map<number, { readonly timer: Timer; readonly callbacks: (() => void)[] }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `callback` after `ms`, counted from the first call with this length. */
  add(ms: number, callback: () => void): void {
    const deadline = this.#byLength.get(ms)
    if (deadline !== undefined) {
      deadline.callbacks.push(callback)
      return
    }
    const callbacks = [callback]
    const timer = this.#clock.setTimeout(() => {
      for (const run of callbacks) run()
    }, ms)
    this.#byLength.set(ms, { timer, callbacks })
  }

  cancel(): void {
    for (const { timer } of this.#byLength.values()) timer.cancel()
  }
}
