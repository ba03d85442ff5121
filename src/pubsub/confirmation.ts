/** Waits for the adapter, and is told once, from a stack of its own. Never throws. No promise: ten thousand joins may wait at once. */
export interface TopicWaiter {
  /** Broadcasts of other nodes arrive from now on; or nobody has to wait for them any longer. */
  heard(): void
  /** The adapter said no. */
  unheard(error: unknown): void
}

/**
 * The wait for an adapter that was asked for topics:
 *
 *     awaited ──confirmed, refused──▶ over
 *        └──2 s, adapter down──▶ given up ──confirmed, refused──▶ over
 */
export class Confirmation {
  readonly topics: readonly string[]
  /** The wait is given up then, on the monotonic clock. */
  readonly dueAt: number
  /** The number of joins that wait. */
  joins = 0
  isGivenUp = false
  /** One is by far the most common: it needs no array. */
  #first: TopicWaiter | undefined
  #others: TopicWaiter[] | undefined

  constructor(topics: readonly string[], dueAt: number) {
    this.topics = topics
    this.dueAt = dueAt
  }

  /** To be called before there is an answer. */
  wait(waiter: TopicWaiter): void {
    if (this.#first === undefined) this.#first = waiter
    else if (this.#others === undefined) this.#others = [waiter]
    else this.#others.push(waiter)
  }

  /** The waiters hear of it later: the adapter may be telling that it is down. */
  giveUp(): void {
    this.isGivenUp = true
    queueMicrotask(() => this.confirmed())
  }

  confirmed(): void {
    const [first, others = []] = this.#end()
    first?.heard()
    for (const waiter of others) waiter.heard()
  }

  refused(error: unknown): void {
    const [first, others = []] = this.#end()
    first?.unheard(error)
    for (const waiter of others) waiter.unheard(error)
  }

  #end(): [first: TopicWaiter | undefined, others: TopicWaiter[] | undefined] {
    const [first, others] = [this.#first, this.#others]
    this.#first = undefined
    this.#others = undefined
    return [first, others]
  }
}
