import type { Connection } from '../load/connection.ts'
import { openCrowd } from '../load/crowd.ts'
import { Ledger } from '../load/ledger.ts'
import { type Driver, NumberedBout, type Sender, senderOf, sendMessages } from './numbered-bout.ts'
import type { Run } from './run.ts'
import type { Workload } from './workload.ts'

export interface FanOutOptions {
  readonly id: string
  readonly title: string
  readonly connections: number
  /** Bytes of the message's `body`. */
  readonly bodyBytes: number
  /** Rows of a table beside it. @default none */
  readonly rows?: number
  /** Messages that one push of the publisher carries in one write: the server gets them in one turn. @default 1 */
  readonly perTurn?: number
  /** Topics in all. @default 1 */
  readonly topics?: number
  /** Subscribers of each topic. @default all connections */
  readonly perTopic?: number
  /** Topics that are published to at the same time. @default 1 */
  readonly atOnce?: number
}

/**
 * Broadcasts in a closed loop: a subscriber pushes, the server sends to all subscribers of the topic, and only when
 * all have it comes the next. With several topics they take turns.
 */
export function fanOut(options: FanOutOptions): Workload {
  const { id, title, connections, bodyBytes, rows, topics = 1, perTopic = connections } = options
  const content = { bodyBytes, ...(rows === undefined ? {} : { rows }) }
  return {
    id,
    title,
    unit: 'delivery',
    connections,
    async open(target) {
      const plan = planTopics(connections, topics, perTopic)
      const name = (topic: number) => `${target.topicPrefix}:${topic}`
      const crowd = await openCrowd(target, connections, {
        topicsOf: (index) => (plan.topicsOf[index] ?? []).map(name),
      })
      const ledger = new Ledger(plan.topicsOf, topics, content)
      const senders = plan.publishers.map((publisher, lane) =>
        senderOf(memberAt(crowd, publisher), lane, { topic: name(lane), event: 'say', ...content }),
      )
      return new NumberedBout(crowd, ledger, new ClosedLoop(senders, ledger, options))
    },
  }
}

class ClosedLoop implements Driver {
  readonly #senders: readonly Sender[]
  readonly #ledger: Ledger
  readonly #perTurn: number
  readonly #atOnce: number
  #next = 0

  constructor(senders: readonly Sender[], ledger: Ledger, options: FanOutOptions) {
    this.#senders = senders
    this.#ledger = ledger
    this.#perTurn = options.perTurn ?? 1
    this.#atOnce = Math.min(options.atOnce ?? 1, senders.length)
  }

  begin(): void {
    for (let topic = 0; topic < this.#atOnce; topic += 1) this.#publish()
  }

  readEnd(_connection: Connection, run: Run): void {
    if (this.#ledger.outstanding > 0) return
    if (run.open) this.begin()
    else run.finish()
  }

  #publish(): void {
    const sender = this.#senders[this.#next]
    this.#next = (this.#next + 1) % this.#senders.length
    if (sender !== undefined) sendMessages(sender, this.#ledger, this.#perTurn)
  }
}

interface Plan {
  /** Per connection: the topics it joins. */
  readonly topicsOf: readonly (readonly number[])[]
  /** Per topic: the connection that publishes. */
  readonly publishers: readonly number[]
}

/** Deals the subscribers of each topic round robin, so that all connections join about equally many. */
function planTopics(connections: number, topics: number, perTopic: number): Plan {
  const topicsOf: number[][] = Array.from({ length: connections }, () => [])
  const publishers: number[] = []
  for (let topic = 0; topic < topics; topic += 1) {
    const first = (topic * perTopic) % connections
    publishers.push(first)
    for (let seat = 0; seat < perTopic; seat += 1) topicsOf[(first + seat) % connections]?.push(topic)
  }
  return { topicsOf, publishers }
}

export function memberAt(crowd: readonly Connection[], index: number): Connection {
  const member = crowd[index]
  if (member === undefined) throw new Error(`no connection ${index}`)
  return member
}
