import type { Clock, Timer } from '../ground/clock.ts'
import { Deferred } from '../ground/deferred.ts'
import { ClusterLog } from './cluster-log.ts'
import { costOfAnswer, type LogAnswer, type LogAsk } from './cluster-log-messages.ts'
import { costOf, PORTION, type Relayed, type ToPrimary, toNode } from './cluster-messages.ts'
import type { Link, LinkEvents } from './driver.ts'
import type { Port } from './port.ts'

export interface ClusterLinkInit {
  readonly port: Port
  readonly node: string
  readonly prefix: string
  readonly events: LinkEvents
  readonly clock: Clock
}

/** Names the links of this worker. */
let links = 0

/** A node's way to the primary. All that is asked and sent in one turn is one message between the processes. */
export class ClusterLink implements Link {
  readonly log: ClusterLog
  readonly #init: ClusterLinkInit
  readonly #link = ++links
  readonly #silence: () => void
  #turn: Timer | undefined
  #isClosed = false
  #messages: Relayed[] = []
  #asks: LogAsk[] = []
  #subscribe: string[] = []
  #unsubscribe: string[] = []
  /** The question at the end of this turn, and those under way, oldest first. */
  #asking: Deferred | undefined
  readonly #asked = new Map<number, Deferred>()
  #questions = 0
  /** Handed over, and not relayed. */
  #pending = 0
  /** Delivered, and not told to the primary. */
  #taken = 0

  constructor(init: ClusterLinkInit) {
    this.#init = init
    this.log = new ClusterLog(init.prefix, (ask) => {
      this.#asks.push(ask)
      this.#endOfTurn()
    })
    this.#silence = init.port.listen(
      (message) => this.#took(message),
      () => this.#lost(),
    )
  }

  /** @returns stays pending where the primary does not know us */
  async open(signal: AbortSignal): Promise<this> {
    signal.addEventListener('abort', () => this.close(), { once: true })
    this.#post({ hello: true })
    await this.#ask()
    return this
  }

  get pendingBytes(): number {
    return this.#pending + this.log.pendingBytes
  }

  publish(topic: string, bytes: Uint8Array): void {
    if (this.#isClosed) return
    const message: Relayed = [this.#init.prefix + topic, bytes]
    this.#pending += costOf(message)
    this.#messages.push(message)
    this.#endOfTurn()
  }

  subscribe(topics: readonly string[]): Promise<void> {
    this.#subscribe.push(...topics.map((topic) => this.#init.prefix + topic))
    return this.#ask()
  }

  unsubscribe(topics: readonly string[]): Promise<void> {
    this.#unsubscribe.push(...topics.map((topic) => this.#init.prefix + topic))
    return this.#ask()
  }

  probe(): Promise<void> {
    return this.#ask()
  }

  flush(): Promise<void> {
    return this.#ask()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#turn?.cancel()
    this.#post({ bye: true })
    this.#silence()
    this.log.close()
  }

  #ask(): Promise<void> {
    this.#asking ??= new Deferred()
    this.#endOfTurn()
    return this.#asking.promise
  }

  #endOfTurn(): void {
    this.#turn ??= this.#init.clock.setImmediate(() => this.#send())
  }

  #send(): void {
    this.#turn = undefined
    const [messages, subscribe, unsubscribe] = [this.#messages, this.#subscribe, this.#unsubscribe]
    const [asks, taken, asking] = [this.#asks, this.#taken, this.#asking]
    this.#messages = []
    this.#asks = []
    this.#subscribe = []
    this.#unsubscribe = []
    this.#taken = 0
    this.#asking = undefined
    const ask = asking === undefined ? undefined : ++this.#questions
    if (ask !== undefined && asking !== undefined) this.#asked.set(ask, asking)
    this.#post({ messages, asks, subscribe, unsubscribe, taken, ...(ask === undefined ? {} : { ask }) })
  }

  #post(message: Omit<ToPrimary, 'beryl' | 'from' | 'link'>): void {
    const { port, node } = this.#init
    port.send({ beryl: 1, from: node, link: this.#link, ...message })
  }

  // Listeners

  #took(given: unknown): void {
    const message = toNode(given)
    if (message === undefined || message.to !== this.#init.node || message.link !== this.#link) return
    const { messages = [], answers = [], answered = 0, taken = 0, lost = 0 } = message
    this.#pending -= taken
    for (const [number, { resolve }] of this.#asked) {
      if (number > answered) break
      this.#asked.delete(number)
      resolve()
    }
    if (lost > 0) this.#init.events.dropped(lost)
    for (const relayed of messages) this.#deliver(relayed)
    for (const answer of answers) this.#answer(answer)
    if (this.#taken >= PORTION) this.#endOfTurn()
  }

  #deliver(relayed: Relayed): void {
    const { prefix, events } = this.#init
    const [topic, bytes] = relayed
    this.#taken += costOf(relayed)
    if (!this.#isClosed) events.arrived(topic.slice(prefix.length), bytes)
  }

  #answer(answer: LogAnswer): void {
    this.#taken += costOfAnswer(answer)
    this.log.took(answer)
    if (answer.isFull) this.#init.events.full()
  }

  #lost(): void {
    if (!this.#isClosed) this.#init.events.lost(new Error('the primary is gone'))
  }
}
