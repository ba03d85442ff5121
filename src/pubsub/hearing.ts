import type { Clock, Timer } from '../ground/clock.ts'
import type { Telemetry } from '../ground/telemetry.ts'
import { Confirmation } from './confirmation.ts'
import type { AdapterDoor, AdapterLink } from './door.ts'
import type { TopicSubscribers } from './subscribers.ts'

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
  /** Each with its topics at the adapter. */
  readonly #pending = new Map<Confirmation, readonly string[]>()

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
    const all = Promise.all(asked)
    const confirmation = this.#confirmation(topics, all)
    all.catch((error) => {
      this.#door.failed('subscribe', error)
      if (confirmation.isGivenUp) this.#unheard(error)
    })
    return confirmation.awaited
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
    const confirmation = this.#confirmation([topic], asked)
    subscribers.confirmation = confirmation
    const isLast = (): boolean => {
      if (subscribers.confirmation !== confirmation) return false
      subscribers.confirmation = undefined
      return true
    }
    asked.then(
      () => {
        isLast()
        this.#door.worked('subscribe')
        if (this.#refused.size === 0) this.#retryMs = RETRY_MS
      },
      (error) => {
        this.#door.failed('subscribe', error)
        subscribers.isRefused = isLast()
        if (subscribers.isRefused && !subscribers.isEmpty) this.#askLater(topic, subscribers)
      },
    )
  }

  #askLater(topic: string, subscribers: TopicSubscribers): void {
    if (this.#isOver) return
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

  /** Gives a promise where a join has to wait. */
  joined({ confirmation }: TopicSubscribers): undefined | Promise<void> {
    if (confirmation === undefined) return undefined
    if (confirmation.isGivenUp) return this.#unconfirmed(1)
    confirmation.joins++
    return confirmation.awaited
  }

  /** The adapter is down, or deaf to some topics, and may be for long: nobody waits for those. */
  giveUp(): void {
    for (const [confirmation, topics] of this.#pending)
      if (this.#isDeaf(topics)) confirmation.giveUp((joins) => this.#unconfirmed(joins))
  }

  #isDeaf(topics: readonly string[]): boolean {
    return topics.some((topic) => this.#door.isDeaf(topic))
  }

  #confirmation(topics: readonly string[], asked: Promise<unknown>): Confirmation {
    const gaveUp = (joins: number): void => this.#unconfirmed(joins)
    const confirmation = new Confirmation(
      asked.then(() => {}),
      this.#clock,
      gaveUp,
    )
    this.#pending.set(confirmation, topics)
    const over = (): void => void this.#pending.delete(confirmation)
    confirmation.awaited.then(over, over)
    if (this.#isDeaf(topics)) confirmation.giveUp(gaveUp)
    return confirmation
  }

  #unconfirmed(joins: number): undefined {
    if (joins === 0) return
    this.#door.unconfirmed += joins
    this.#telemetry.emit('pubsub.unconfirmed', { joins }, { adapter: this.#door.name })
  }
}
