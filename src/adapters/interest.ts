import type { Clock, Timer } from '../ground/clock.ts'
import { AskedLater } from './asked-later.ts'
import { Elsewhere, type Link, Refused } from './driver.ts'
import { Lingering } from './lingering.ts'
import { makeTopic, settle, type WantedTopic, waitFor } from './wanted-topic.ts'
import { within } from './within.ts'

/** Topics in one command to the engine. */
export const BATCH = 512
/** A command that is not confirmed in this time ends the link. */
const COMMAND_MS = 5_000

/** Told of what cannot be seen from outside. */
export interface InterestEvents {
  /** The link failed in a way that is no refusal. */
  broke(link: Link, error: unknown): void
  resubscribed(topics: number): void
  refused(topics: number): void
  /** Topics have come to be unheard, or all are heard again: see {@link Interest.unheard}. */
  unheard?(): void
}

/** The topics that this node wants at the engine. What is asked for in one turn leaves as one command each way. */
export class Interest {
  readonly #clock: Clock
  readonly #events: InterestEvents
  readonly #topics = new Map<string, WantedTopic>()
  /** Those to ask for, and to leave, at the end of this turn. */
  #asking: string[] = []
  #leaving: string[] = []
  /** Those that nobody wants for the moment. */
  readonly #lingering: Lingering
  /** Those that are, or were, adrift, until they are on. */
  readonly #unheard = new Set<string>()
  /** Had been on, and were refused then: nobody waits who could be told, and ask again. */
  readonly #revoked: AskedLater
  #turn: Timer | undefined
  #link: Link | undefined

  constructor(clock: Clock, events: InterestEvents) {
    this.#clock = clock
    this.#events = events
    this.#lingering = new Lingering(clock, (name) => this.#leave(name))
    this.#revoked = new AskedLater(clock, (name) => this.#askAgain(name))
  }

  /** Topics at the engine, or on their way there and back. */
  get size(): number {
    return this.#topics.size
  }

  /** Topics that are not heard though the link is there: the engine has sent them elsewhere. */
  get unheard(): number {
    return this.#unheard.size
  }

  /** True for one that nobody asks for at the moment. */
  isAdrift(name: string): boolean {
    return this.#topics.get(name)?.state === 'adrift'
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
      case 'adrift':
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
    else if (topic.state === 'refused' || topic.state === 'adrift') this.#forget(name, topic)
  }

  // Where the engine has several servers

  /** The engine has ended a subscription by itself: another server has the topic. */
  cast(name: string): void {
    const topic = this.#topics.get(name)
    if (topic?.state === 'on') this.#drift(name, topic)
    else if (topic?.state === 'lingering') this.#forget(name, topic)
  }

  /** The engine has ended a subscription by itself: it took a right away. */
  revoked(name: string): void {
    const topic = this.#topics.get(name)
    if (topic?.state === 'lingering') this.#forget(name, topic)
    if (topic?.state !== 'on') return
    topic.wasOn = true
    this.#refused(name, undefined)
  }

  /** Asks again for all that are adrift. */
  retry(): void {
    if (this.#link === undefined) return
    for (const name of this.#unheard) {
      const topic = this.#topics.get(name)
      if (topic?.state === 'adrift') this.#ask(name, topic)
    }
  }

  /** Lets go of topics, to be taken by others with all who wait for them. What nobody wants any more is gone. */
  release(isGone: (name: string) => boolean): Map<string, WantedTopic> {
    const [released, left]: [Map<string, WantedTopic>, string[]] = [new Map(), []]
    for (const [name, topic] of this.#topics) {
      if (!isGone(name)) continue
      if (topic.state !== 'adrift' && topic.state !== 'refused') left.push(name)
      if (topic.isWanted) released.set(name, topic)
      else settle(topic)
      topic.wasOn ||= topic.state === 'on'
      this.#topics.delete(name)
      this.#lingering.delete(name)
      this.#revoked.delete(name)
      this.#heard(name)
    }
    // The server may think that it has them still. It may also know that it has not, and say no.
    const link = this.#link
    for (let at = 0; at < left.length; at += BATCH)
      link?.unsubscribe(left.slice(at, at + BATCH)).catch(() => {})
    return released
  }

  /** Takes a topic that another has released. */
  take(name: string, topic: WantedTopic): void {
    this.#topics.set(name, topic)
    if (this.#link !== undefined && topic.wasOn) this.#missed(name)
    this.#ask(name, topic)
  }

  /** There is a link: asks for everything again, batch after batch. Resolves when all is confirmed. */
  async attach(link: Link): Promise<void> {
    this.#link = link
    this.#asking = []
    this.#leaving = []
    this.#unheard.clear()
    for (const topic of this.#topics.values()) topic.state = 'subscribing'
    const names = [...this.#topics.keys()]
    for (let at = 0; at < names.length && this.#link === link; at += BATCH)
      await this.#subscribeAll(link, names.slice(at, at + BATCH))
  }

  /** The link is lost. */
  detach(): void {
    this.#link = undefined
    this.#lingering.clear()
    this.#unheard.clear()
    this.#revoked.clear()
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

  #make(name: string): WantedTopic {
    const topic = makeTopic()
    this.#topics.set(name, topic)
    this.#ask(name, topic)
    return topic
  }

  #ask(name: string, topic: WantedTopic): void {
    topic.state = 'subscribing'
    this.#asking.push(name)
    this.#endOfTurn()
  }

  #askAgain(name: string): void {
    const topic = this.#topics.get(name)
    if (topic?.state === 'refused') this.#ask(name, topic)
  }

  #linger(name: string, topic: WantedTopic): void {
    topic.state = 'lingering'
    this.#lingering.add(name)
  }

  #leave(name: string): void {
    const topic = this.#topics.get(name)
    if (topic !== undefined) topic.state = 'unsubscribing'
    this.#leaving.push(name)
    this.#endOfTurn()
  }

  // The commands

  #endOfTurn(): void {
    this.#turn ??= this.#clock.setImmediate(() => this.#send())
  }

  #send(): void {
    this.#turn = undefined
    const link = this.#link
    // Some may have been released since.
    const asking = this.#asking.filter((name) => this.#topics.get(name)?.state === 'subscribing')
    const leaving = this.#leaving.filter((name) => this.#topics.get(name)?.state === 'unsubscribing')
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
      if (error instanceof Elsewhere) return this.#elsewhere(names, error)
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
      this.#revoked.delete(name)
      settle(topic)
      if (!topic.isWanted) this.#linger(name, topic)
    }
    if (again > 0) this.#events.resubscribed(again)
    for (const name of names) this.#heard(name)
  }

  #refused(name: string, error: unknown): void {
    this.#events.refused(1)
    const topic = this.#topics.get(name)
    if (topic === undefined) return
    const { waiting } = topic
    topic.state = 'refused'
    topic.waiting = undefined
    this.#heard(name)
    if (!topic.isWanted) this.#forget(name, topic)
    else if (topic.wasOn && (waiting === undefined || this.#revoked.has(name))) this.#revoked.add(name)
    waiting?.reject(error)
  }

  #elsewhere(names: readonly string[], { topics }: Elsewhere): void {
    const gone = new Set(topics)
    this.#confirmed(names.filter((name) => !gone.has(name)))
    for (const name of gone) {
      const topic = this.#topics.get(name)
      if (topic?.state !== 'subscribing') continue
      if (topic.isWanted) this.#drift(name, topic)
      else this.#forget(name, topic)
    }
  }

  #drift(name: string, topic: WantedTopic): void {
    topic.wasOn ||= topic.state === 'on'
    topic.state = 'adrift'
    this.#missed(name)
  }

  #missed(name: string): void {
    this.#unheard.add(name)
    if (this.#unheard.size === 1) this.#events.unheard?.()
  }

  #heard(name: string): void {
    if (this.#unheard.delete(name) && this.#unheard.size === 0) this.#events.unheard?.()
  }

  #left(name: string): void {
    const topic = this.#topics.get(name)
    if (topic === undefined) return
    if (topic.isWanted) this.#ask(name, topic)
    else this.#topics.delete(name)
  }

  #forget(name: string, topic: WantedTopic): void {
    this.#topics.delete(name)
    this.#lingering.delete(name)
    this.#revoked.delete(name)
    this.#heard(name)
    settle(topic)
  }
}
