import type { Clock } from '../ground/clock.ts'
import type { Telemetry } from '../ground/telemetry.ts'
import { Confirmation } from './confirmation.ts'
import type { AdapterDoor, AdapterLink } from './door.ts'
import type { TopicSubscribers } from './subscribers.ts'

/** The topics that this node asked the adapter for, as long as it has not answered. */
export class Hearing {
  readonly #door: AdapterDoor
  readonly #link: AdapterLink
  readonly #telemetry: Telemetry
  readonly #clock: Clock
  readonly #pending = new Set<Confirmation>()

  constructor(door: AdapterDoor, link: AdapterLink, telemetry: Telemetry) {
    this.#door = door
    this.#link = link
    this.#telemetry = telemetry
    this.#clock = door.clock
  }

  /** Asks for topics of the node itself. Gives a promise where there is something to wait for. */
  attend(topics: readonly string[]): undefined | Promise<unknown> {
    const asked = topics.flatMap((topic) => this.#link.subscribe(topic) ?? [])
    return asked.length === 0 ? undefined : this.#confirmation(Promise.all(asked)).awaited
  }

  /** Asks for a topic. What is refused is asked for again by the next who joins, or when the adapter is up again. */
  ask(topic: string, subscribers: TopicSubscribers): void {
    const asked = this.#link.subscribe(topic)
    subscribers.isRefused = false
    subscribers.confirmation = undefined
    if (asked === undefined) return
    const confirmation = this.#confirmation(asked)
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
      },
      (error) => {
        subscribers.isRefused = isLast()
        this.#door.failed('subscribe', error)
      },
    )
  }

  /** Gives a promise where a join has to wait. */
  joined({ confirmation }: TopicSubscribers): undefined | Promise<void> {
    if (confirmation === undefined) return undefined
    if (confirmation.isGivenUp) return this.#unconfirmed(1)
    confirmation.joins++
    return confirmation.awaited
  }

  /** The adapter is down, and may be for long: nobody waits. */
  giveUp(): void {
    for (const confirmation of this.#pending) confirmation.giveUp((joins) => this.#unconfirmed(joins))
  }

  #confirmation(asked: Promise<unknown>): Confirmation {
    const gaveUp = (joins: number): void => this.#unconfirmed(joins)
    const confirmation = new Confirmation(
      asked.then(() => {}),
      this.#clock,
      gaveUp,
    )
    this.#pending.add(confirmation)
    const over = (): void => void this.#pending.delete(confirmation)
    confirmation.awaited.then(over, over)
    if (this.#door.status === 'down') confirmation.giveUp(gaveUp)
    return confirmation
  }

  #unconfirmed(joins: number): undefined {
    if (joins === 0) return
    this.#door.unconfirmed += joins
    this.#telemetry.emit('pubsub.unconfirmed', { joins }, { adapter: this.#door.name })
  }
}
