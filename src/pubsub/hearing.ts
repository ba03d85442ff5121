import type { Clock, Timer } from '../ground/clock.ts'
import type { Telemetry } from '../ground/telemetry.ts'
import { Confirmation, type TopicWaiter } from './confirmation.ts'
import type { AdapterDoor, AdapterLink } from './door.ts'
import type { TopicSubscribers } from './subscribers.ts'

/** A join waits so long for the adapter: it is answered then, and hears the other nodes from the confirmation on. */
export const WAIT_MS = 2_000
/** The wait before the adapter is asked again for what it refused: doubled each time. */
const RETRY_MS = 1_000
const MAX_RETRY_MS = 30_000

/** Where other nodes talk to this one. */
export interface OwnTopics {
  topics: readonly string[]
  /** Told where an adapter that is not down refuses them when nobody waits for the start any more: nobody reaches this node. */
  refused(error: unknown): void
}

/** The topics that this node asked the adapter for, as long as it has not answered. */
export class Hearing {
  readonly #door: AdapterDoor
  readonly #link: AdapterLink
  readonly #telemetry: Telemetry
  readonly #own: OwnTopics
  readonly #clock: Clock
  /** The own topics were refused while the adapter was down: they are asked for again when it is up. */
  #isUnheard = false
  #isOver = false
  /** Those that joins may wait for, the oldest first, and when that is over for the first of them. */
  readonly #pending = new Set<Confirmation>()
  #deadline: Timer | undefined

  /** The topics that were refused and that somebody still hears on this node. */
  readonly #refused = new Map<string, TopicSubscribers>()
  #retry: Timer | undefined
  #retryMs = RETRY_MS

  constructor(door: AdapterDoor, link: AdapterLink, telemetry: Telemetry, own: OwnTopics) {
    this.#door = door
    this.#link = link
    this.#telemetry = telemetry
    this.#own = own
    this.#clock = door.clock
  }

  /** Asks for the topics of the node itself. Gives a promise where there is something to wait for. */
  attend(): undefined | Promise<void> {
    const { topics } = this.#own
    const asked = topics.flatMap((topic) => this.#link.subscribe(topic) ?? [])
    if (asked.length === 0) return undefined
    const confirmation = new Confirmation(topics, this.#clock.now() + WAIT_MS)
    const awaited = new Promise<void>((heard, unheard) => confirmation.wait({ heard, unheard }))
    Promise.all(asked).then(
      () => this.#answered(confirmation).confirmed(),
      (error) => {
        this.#door.failed('subscribe', error)
        if (confirmation.isGivenUp) this.#unheard(error)
        this.#answered(confirmation).refused(error)
      },
    )
    this.#await(confirmation)
    return awaited
  }

  /** The adapter is up, or hears more topics than before. */
  attendAgain(): void {
    if (!this.#isUnheard) return
    this.#isUnheard = false
    this.attend()?.then(undefined, (error) => this.#unheard(error))
  }

  #unheard(error: unknown): void {
    this.#isUnheard = true
    if (this.#door.status !== 'down') this.#own.refused(error)
  }

  /**
   * Asks for a topic. What is refused is asked for again by the next who joins, when the adapter is up again, and after a while:
   * clients may be on the topic who were let in before the answer.
   */
  ask(topic: string, subscribers: TopicSubscribers): void {
    this.#refused.delete(topic)
    const asked = this.#link.subscribe(topic)
    subscribers.isRefused = false
    subscribers.confirmation = undefined
    if (asked === undefined) return
    const confirmation = new Confirmation([topic], this.#clock.now() + WAIT_MS)
    subscribers.confirmation = confirmation
    const isLast = (): boolean => subscribers.confirmation === confirmation
    asked.then(
      () => {
        if (isLast()) subscribers.confirmation = undefined
        this.#door.worked('subscribe')
        if (this.#refused.size === 0) this.#retryMs = RETRY_MS
        this.#answered(confirmation).confirmed()
      },
      (error) => {
        this.#door.failed('subscribe', error)
        if (isLast()) this.#wasRefused(topic, subscribers)
        this.#answered(confirmation).refused(error)
      },
    )
    this.#await(confirmation)
  }

  #wasRefused(topic: string, subscribers: TopicSubscribers): void {
    subscribers.isRefused = true
    subscribers.confirmation = undefined
    if (this.#isOver || subscribers.isEmpty) return
    this.#refused.set(topic, subscribers)
    this.#retry ??= this.#clock.setTimeout(() => this.#askAgain(), this.#retryMs)
  }

  /** While the adapter is down nobody is asked: when it is up all are. */
  #askAgain(): void {
    this.#retry = undefined
    this.#retryMs = Math.min(2 * this.#retryMs, MAX_RETRY_MS)
    if (this.#door.status === 'down') return
    for (const [topic, subscribers] of [...this.#refused]) this.ask(topic, subscribers)
  }

  /** Nobody on this node hears a topic any more. */
  forget(topic: string): void {
    this.#refused.delete(topic)
    this.#link.unsubscribe(topic)
  }

  /** From now on nothing is asked for. */
  end(): void {
    this.#isOver = true
    this.#retry?.cancel()
    this.#refused.clear()
  }

  /** @returns true where a join has to wait: then `waiter` is told */
  joined({ confirmation }: TopicSubscribers, waiter: TopicWaiter): boolean {
    if (confirmation === undefined) return false
    if (confirmation.isGivenUp) {
      this.#unconfirmed(1)
      return false
    }
    confirmation.joins++
    confirmation.wait(waiter)
    return true
  }

  /** The adapter is down, or deaf to some topics, and may be for long: nobody waits for those. */
  giveUp(): void {
    for (const confirmation of this.#pending) if (this.#isDeaf(confirmation)) this.#giveUp(confirmation)
  }

  #isDeaf({ topics }: Confirmation): boolean {
    return topics.some((topic) => this.#door.isDeaf(topic))
  }

  #await(confirmation: Confirmation): void {
    this.#pending.add(confirmation)
    if (this.#isDeaf(confirmation)) return this.#giveUp(confirmation)
    this.#deadline ??= this.#clock.setTimeout(() => this.#giveUpOverdue(), WAIT_MS)
  }

  #giveUpOverdue(): void {
    this.#deadline = undefined
    const now = this.#clock.now()
    for (const confirmation of this.#pending) {
      if (confirmation.dueAt > now) {
        this.#deadline = this.#clock.setTimeout(() => this.#giveUpOverdue(), confirmation.dueAt - now)
        return
      }
      this.#giveUp(confirmation)
    }
  }

  #giveUp(confirmation: Confirmation): void {
    this.#answered(confirmation).giveUp()
    this.#unconfirmed(confirmation.joins)
  }

  /** Nobody has to be told when it is too late. */
  #answered(confirmation: Confirmation): Confirmation {
    if (this.#pending.delete(confirmation) && this.#pending.size === 0) {
      this.#deadline?.cancel()
      this.#deadline = undefined
    }
    return confirmation
  }

  #unconfirmed(joins: number): void {
    if (joins === 0) return
    this.#door.unconfirmed += joins
    this.#telemetry.emit('pubsub.unconfirmed', { joins }, { adapter: this.#door.name })
  }
}
