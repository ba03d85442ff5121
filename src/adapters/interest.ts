import type { Clock, Timer } from '../ground/clock.ts'
import { type Link, Refused } from './driver.ts'
import { within } from './within.ts'

/** Topics in one command to the engine. */
export const BATCH = 512
/** A topic without local members is kept so long: who reloads a page comes back to it. */
export const LINGER_MS = 2_000
/** A command that is not confirmed in this time ends the link. */
const COMMAND_MS = 5_000

/**
 * One topic at the engine. There is never more than one command for it under way.
 *
 *     subscribing ──confirmed──▶ on ──unsubscribe──▶ lingering ──2 s──▶ unsubscribing ──confirmed──▶ (gone)
 *      │    ▲  ▲                  ▲                    │                     │
 *      │    │  └─────────────────(link lost)           │ subscribe           │ wanted again
 *      │    │                     └────────────────────┘                     │
 *      │    └────────────────────────────────────────────────────────────────┘
 *      └──refused──▶ refused: asked for again by the next subscribe, and over each new link
 *
 * A topic that nobody wants any more is looked at when its command is confirmed; where the link is lost, it is gone.
 */
interface Topic {
  state: 'subscribing' | 'on' | 'lingering' | 'unsubscribing' | 'refused'
  isWanted: boolean
  /** It was on before the link was lost. */
  wasOn: boolean
  /** Those who wait for the confirmation. */
  waiting: Waiting | undefined
}

interface Waiting {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Told of what cannot be seen from outside. */
export interface InterestEvents {
  /** The link failed in a way that is no refusal. */
  broke(link: Link, error: unknown): void
  resubscribed(topics: number): void
  refused(topics: number): void
}

/** The topics that this node wants at the engine. What is asked for in one turn leaves as one command each way. */
export class Interest {
  readonly #clock: Clock
  readonly #events: InterestEvents
  readonly #topics = new Map<string, Topic>()
  /** Those to ask for, and to leave, at the end of this turn. */
  #asking: string[] = []
  #leaving: string[] = []
  /** Topic → when it is left; the oldest first. */
  readonly #lingering = new Map<string, number>()
  #lingerTimer: Timer | undefined
  #turn: Timer | undefined
  #link: Link | undefined

  constructor(clock: Clock, events: InterestEvents) {
    this.#clock = clock
    this.#events = events
  }

  /** Topics at the engine, or on their way there and back. */
  get size(): number {
    return this.#topics.size
  }

  /** Gives a promise where the engine has not confirmed: pending while there is no link. */
  subscribe(name: string): undefined | Promise<void> {
    const topic = this.#topics.get(name) ?? this.#make(name)
    topic.isWanted = true
    switch (topic.state) {
      case 'on':
        return undefined
      case 'lingering':
        this.#lingering.delete(name)
        topic.state = 'on'
        return undefined
      case 'refused':
        this.#ask(name, topic)
        return waitFor(topic)
      case 'subscribing':
      case 'unsubscribing':
        return waitFor(topic)
      default:
        return topic.state satisfies never
    }
  }

  unsubscribe(name: string): void {
    const topic = this.#topics.get(name)
    if (topic === undefined) return
    topic.isWanted = false
    if (topic.state === 'on') this.#linger(name, topic)
    else if (topic.state === 'refused') this.#topics.delete(name)
  }

  /** There is a link: asks for everything again, batch after batch. Resolves when all is confirmed. */
  async attach(link: Link): Promise<void> {
    this.#link = link
    this.#asking = []
    this.#leaving = []
    for (const topic of this.#topics.values()) topic.state = 'subscribing'
    const names = [...this.#topics.keys()]
    for (let at = 0; at < names.length && this.#link === link; at += BATCH)
      await this.#subscribeAll(link, names.slice(at, at + BATCH))
  }

  /** The link is lost. */
  detach(): void {
    this.#link = undefined
    this.#lingerTimer?.cancel()
    this.#lingerTimer = undefined
    this.#lingering.clear()
    for (const [name, topic] of this.#topics) {
      if (!topic.isWanted) this.#forget(name, topic)
      else if (topic.state !== 'subscribing') {
        topic.wasOn ||= topic.state === 'on'
        topic.state = 'subscribing'
      }
    }
  }

  /** Nothing is wanted any more, and nobody waits. */
  stop(): void {
    this.detach()
    this.#turn?.cancel()
    this.#turn = undefined
    for (const [name, topic] of this.#topics) this.#forget(name, topic)
  }

  #make(name: string): Topic {
    const topic: Topic = { state: 'subscribing', isWanted: true, wasOn: false, waiting: undefined }
    this.#topics.set(name, topic)
    this.#ask(name, topic)
    return topic
  }

  #ask(name: string, topic: Topic): void {
    topic.state = 'subscribing'
    this.#asking.push(name)
    this.#endOfTurn()
  }

  #linger(name: string, topic: Topic): void {
    topic.state = 'lingering'
    this.#lingering.set(name, this.#clock.now() + LINGER_MS)
    this.#lingerTimer ??= this.#clock.setTimeout(() => this.#leaveOverdue(), LINGER_MS)
  }

  #leaveOverdue(): void {
    this.#lingerTimer = undefined
    const now = this.#clock.now()
    for (const [name, at] of this.#lingering) {
      if (at > now) {
        this.#lingerTimer = this.#clock.setTimeout(() => this.#leaveOverdue(), at - now)
        return
      }
      this.#lingering.delete(name)
      const topic = this.#topics.get(name)
      if (topic !== undefined) topic.state = 'unsubscribing'
      this.#leaving.push(name)
      this.#endOfTurn()
    }
  }

  // The commands

  #endOfTurn(): void {
    this.#turn ??= this.#clock.setImmediate(() => this.#send())
  }

  #send(): void {
    this.#turn = undefined
    const [link, asking, leaving] = [this.#link, this.#asking, this.#leaving]
    this.#asking = []
    this.#leaving = []
    // Over a new link all is asked for at once.
    if (link === undefined) return
    for (let at = 0; at < asking.length; at += BATCH)
      void this.#subscribeAll(link, asking.slice(at, at + BATCH))
    for (let at = 0; at < leaving.length; at += BATCH)
      void this.#unsubscribeAll(link, leaving.slice(at, at + BATCH))
  }

  /** Never rejects. */
  async #subscribeAll(link: Link, names: readonly string[]): Promise<void> {
    try {
      await within(this.#clock, COMMAND_MS, 'subscribing', link.subscribe(names))
      if (this.#link === link) this.#confirmed(names)
    } catch (error) {
      if (this.#link !== link) return
      if (!(error instanceof Refused)) return this.#events.broke(link, error)
      if (names.length === 1) return this.#refused(names[0] as string, error)
      // One no is the answer for all of a command: each for itself says which it is.
      await Promise.all(names.map((name) => this.#subscribeAll(link, [name])))
    }
  }

  async #unsubscribeAll(link: Link, names: readonly string[]): Promise<void> {
    try {
      await within(this.#clock, COMMAND_MS, 'unsubscribing', link.unsubscribe(names))
      if (this.#link === link) for (const name of names) this.#left(name)
    } catch (error) {
      if (this.#link === link) this.#events.broke(link, error)
    }
  }

  #confirmed(names: readonly string[]): void {
    let again = 0
    for (const name of names) {
      const topic = this.#topics.get(name)
      if (topic === undefined) continue
      if (topic.wasOn) again++
      topic.wasOn = false
      topic.state = 'on'
      settle(topic)
      if (!topic.isWanted) this.#linger(name, topic)
    }
    if (again > 0) this.#events.resubscribed(again)
  }

  #refused(name: string, error: unknown): void {
    this.#events.refused(1)
    const topic = this.#topics.get(name)
    if (topic === undefined) return
    const { waiting } = topic
    topic.state = 'refused'
    topic.waiting = undefined
    if (!topic.isWanted) this.#topics.delete(name)
    waiting?.reject(error)
  }

  #left(name: string): void {
    const topic = this.#topics.get(name)
    if (topic === undefined) return
    if (topic.isWanted) this.#ask(name, topic)
    else this.#topics.delete(name)
  }

  #forget(name: string, topic: Topic): void {
    this.#topics.delete(name)
    settle(topic)
  }
}

function waitFor(topic: Topic): Promise<void> {
  topic.waiting ??= waiting()
  return topic.waiting.promise
}

function waiting(): Waiting {
  let [resolve, reject]: [() => void, (error: unknown) => void] = [() => {}, () => {}]
  const promise = new Promise<void>((kept, broken) => {
    resolve = kept
    reject = broken
  })
  return { promise, resolve, reject }
}

function settle(topic: Topic): void {
  topic.waiting?.resolve()
  topic.waiting = undefined
}
