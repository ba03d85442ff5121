import type { Clock, Timer } from '../../src/ground/clock.ts'
import { unguarded } from './uncaught.ts'

/**
 * The clock of one node: counts what is pending there, and can stand still for this node alone, as a blocked event loop
 * does. Time goes on meanwhile; what was due runs late.
 */
export class NodeClock implements Clock {
  readonly #clock: Clock
  readonly #pending = new Set<object>()
  #frozenUntil = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now()
  }

  date(): number {
    return this.#clock.date()
  }

  setTimeout(callback: () => void, ms: number): Timer {
    return this.#counted(callback, (run) => this.#clock.setTimeout(run, ms))
  }

  setInterval(callback: () => void, ms: number): Timer {
    let current: Timer
    const again = (): void => {
      current = this.setTimeout(again, ms)
      callback()
    }
    current = this.setTimeout(again, ms)
    return { cancel: () => current.cancel() }
  }

  setImmediate(callback: () => void): Timer {
    return this.#counted(callback, (run) => this.#clock.setImmediate(run))
  }

  /** An event from outside: it waits as long as the loop stands still, and is no timer of the node. */
  outside(callback: () => void): void {
    this.#clock.setImmediate(() => {
      if (this.#frozenUntil <= this.#clock.now()) unguarded(callback)
      // Timers that were due run before the loop looks at its sockets.
      else this.#clock.setTimeout(() => this.outside(callback), this.#frozenUntil - this.#clock.now())
    })
  }

  freeze(ms: number): void {
    this.#frozenUntil = Math.max(this.#frozenUntil, this.#clock.now() + ms)
  }

  /** Timers and immediates that are pending. */
  get pending(): number {
    return this.#pending.size
  }

  #counted(callback: () => void, start: (run: () => void) => Timer): Timer {
    const key = {}
    this.#pending.add(key)
    const run = (): void => {
      if (!this.#pending.has(key)) return
      this.#whenAwake(() => {
        if (this.#pending.delete(key)) callback()
      })
    }
    const timer = start(run)
    return {
      cancel: () => {
        this.#pending.delete(key)
        timer.cancel()
      },
    }
  }

  #whenAwake(callback: () => void): void {
    const leftMs = this.#frozenUntil - this.#clock.now()
    if (leftMs <= 0) unguarded(callback)
    else this.#clock.setTimeout(() => this.#whenAwake(callback), leftMs)
  }
}
