import type { Clock, Timer } from '../ground/clock.ts'
import type { MaybePromise } from './process.ts'

/** One start that is to come. */
interface Retry<C> {
  /** In start order, without those that something came between. */
  readonly children: Set<C>
  timer?: Timer
}

/** The starts that are to come, each of one child or of several that wait together. A child waits for one at a time. */
export class Retries<C> {
  readonly #clock: Clock
  readonly #enqueue: (run: () => MaybePromise<void>) => void
  readonly #byChild = new Map<C, Retry<C>>()

  /** @param enqueue puts work at the end of the supervisor's queue */
  constructor(clock: Clock, enqueue: (run: () => MaybePromise<void>) => void) {
    this.#clock = clock
    this.#enqueue = enqueue
  }

  /** Queues `run` in the next turn of the event loop, or after `ms`, for those that are left by then, if any. */
  add(
    children: readonly C[],
    ms: number | 'next turn',
    run: (due: readonly C[]) => MaybePromise<void>,
  ): void {
    const retry: Retry<C> = { children: new Set(children) }
    for (const child of children) {
      this.cancel(child)
      this.#byChild.set(child, retry)
    }
    const enqueue = (): void => this.#enqueue(() => this.#run(retry, run))
    retry.timer = ms === 'next turn' ? this.#clock.setImmediate(enqueue) : this.#clock.setTimeout(enqueue, ms)
  }

  /** One child waits no more. Those that wait with it go on. */
  cancel(child: C): void {
    const retry = this.#byChild.get(child)
    if (retry === undefined) return
    this.#byChild.delete(child)
    retry.children.delete(child)
    if (retry.children.size === 0) retry.timer?.cancel()
  }

  clear(): void {
    for (const child of [...this.#byChild.keys()]) this.cancel(child)
  }

  #run(retry: Retry<C>, run: (due: readonly C[]) => MaybePromise<void>): MaybePromise<void> {
    const due = [...retry.children]
    for (const child of due) this.cancel(child)
    if (due.length > 0) return run(due)
  }
}
