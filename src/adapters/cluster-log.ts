import type { LogLimits, LogPage, LogPosition } from '../pubsub/log.ts'
import { costOfAsk, type LogAnswer, type LogAsk } from './cluster-log-messages.ts'
import { type LinkLog, type NewEntry, NotTaken } from './driver.ts'

/** A question, without its number and with the name of the topic as the node has it. */
type Question = LogAsk extends infer A ? (A extends LogAsk ? Omit<A, 'number'> : never) : never

interface Asked {
  readonly cost: number
  resolve(answer: LogAnswer): void
  reject(error: Error): void
}

/** The logs in the primary, over the link of a node. */
export class ClusterLog implements LinkLog {
  /** Bytes that were asked for and not answered. */
  pendingBytes = 0
  readonly #prefix: string
  readonly #send: (ask: LogAsk) => void
  readonly #asked = new Map<number, Asked>()
  #questions = 0
  #isClosed = false

  /** @param send takes what goes to the primary at the end of this turn */
  constructor(prefix: string, send: (ask: LogAsk) => void) {
    this.#prefix = prefix
    this.#send = send
  }

  async append(topic: string, entries: readonly NewEntry[], limits: LogLimits): Promise<LogPosition[]> {
    const { positions = [] } = await this.#ask({ call: 'append', topic, entries, limits })
    return [...positions]
  }

  async read(topic: string, after: number, limits: LogLimits): Promise<LogPage> {
    const { page } = await this.#ask({ call: 'read', topic, after, limits })
    if (page === undefined) throw new TypeError('the primary gave no page')
    return page
  }

  async forget(topic: string): Promise<void> {
    await this.#ask({ call: 'forget', topic })
  }

  took(answer: LogAnswer): void {
    const { number, refused } = answer
    const asked = this.#asked.get(number)
    if (asked === undefined) return
    this.#asked.delete(number)
    this.pendingBytes -= asked.cost
    if (refused === undefined) asked.resolve(answer)
    else asked.reject(new NotTaken(refused))
  }

  /** Nothing is answered any more. */
  close(): void {
    this.#isClosed = true
    for (const { reject } of this.#asked.values()) reject(new Error('the link was closed'))
    this.#asked.clear()
    this.pendingBytes = 0
  }

  #ask(question: Question): Promise<LogAnswer> {
    if (this.#isClosed) return Promise.reject(new NotTaken('the link is closed'))
    const ask: LogAsk = { ...question, number: ++this.#questions, topic: this.#prefix + question.topic }
    const cost = costOfAsk(ask)
    this.pendingBytes += cost
    return new Promise((resolve, reject) => {
      this.#asked.set(ask.number, { cost, resolve, reject })
      this.#send(ask)
    })
  }
}
