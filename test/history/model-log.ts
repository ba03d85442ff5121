import { berylError } from '../../src/ground/errors.ts'
import type { AdapterStatus, PubSubAdapter, ReportStatus } from '../../src/pubsub/adapter.ts'
import type {
  AppendOptions,
  LogLimits,
  LogListener,
  LogPage,
  LogPosition,
  PubSubLog,
} from '../../src/pubsub/log.ts'

// An engine as the contract has it, written down once more and without any care for cost, with every fault that it may have.

interface Topic {
  epoch: string
  key: string
  previous: LogPosition[]
  /** All entries of this lineage, also those that are trimmed. */
  texts: string[]
  base: number
  ids: Map<string, number>
}

export type Fault = 'lose' | 'double' | 'late' | 'unavailable' | 'unknown'

/** The engine. */
export class ModelLog {
  readonly topics = new Map<string, Topic>()
  readonly ports: ModelPort[] = []
  #names = 0

  topic(name: string): Topic {
    const known = this.topics.get(name)
    if (known !== undefined) return known
    const made: Topic = {
      epoch: this.name(),
      key: this.name(),
      previous: [],
      texts: [],
      base: 0,
      ids: new Map(),
    }
    this.topics.set(name, made)
    return made
  }

  name(): string {
    return `epoch-${++this.#names}`
  }

  adapter(): ModelPort {
    const port = new ModelPort(this)
    this.ports.push(port)
    return port
  }

  /** Believes whoever says that an id is new. */
  append(name: string, text: string, { size, id, isNew = false }: AppendOptions): LogPosition {
    const topic = this.topic(name)
    const known = id === undefined || isNew ? undefined : topic.ids.get(id)
    if (known !== undefined) return { epoch: topic.epoch, offset: known }
    topic.texts.push(text)
    const offset = topic.texts.length
    if (id !== undefined) topic.ids.set(id, offset)
    this.trim(name, size)
    const position = { epoch: topic.epoch, offset }
    for (const port of this.ports) port.arrive(name, position, text)
    return position
  }

  trim(name: string, size: number): void {
    const topic = this.topic(name)
    topic.base = Math.max(topic.base, topic.texts.length - size)
    for (const [id, offset] of topic.ids) if (offset <= topic.base) topic.ids.delete(id)
  }

  read(name: string, after: number): LogPage {
    const { epoch, key, previous, texts, base } = this.topic(name)
    return { epoch, key, previous, offset: texts.length, entries: texts.slice(Math.max(base, after)) }
  }

  /** Goes on with an older state: the last `lost` entries never were. */
  failOver(name: string, lost: number): void {
    const topic = this.topic(name)
    topic.texts = topic.texts.slice(0, Math.max(0, topic.texts.length - lost))
    topic.base = Math.min(topic.base, topic.texts.length)
    for (const [id, offset] of topic.ids) if (offset > topic.texts.length) topic.ids.delete(id)
    topic.previous = [{ epoch: topic.epoch, offset: topic.texts.length }, ...topic.previous]
      .map(({ epoch, offset }) => ({ epoch, offset: Math.min(offset, topic.texts.length) }))
      .slice(0, 4)
    topic.epoch = this.name()
  }

  evict(name: string): void {
    this.topics.delete(name)
  }
}

/** One node's end of the engine. */
export class ModelPort implements PubSubAdapter {
  readonly name = 'model'
  readonly topics = new Set<string>()
  readonly log: PubSubLog
  /** The next deliveries, or calls, have these faults. */
  readonly faults: Fault[] = []
  status: AdapterStatus = 'up'
  #listener: LogListener | undefined
  #deliver: ((topic: string, bytes: Uint8Array) => void) | undefined
  #report: ReportStatus = () => {}
  readonly #late: (() => void)[] = []
  readonly #engine: ModelLog

  constructor(engine: ModelLog) {
    this.#engine = engine
    this.log = {
      listen: (listener) => {
        this.#listener = listener
      },
      append: async (topic, text, options) => {
        if (this.status === 'down' || this.#has('unavailable')) throw unavailable(topic)
        const position = engine.append(topic, text, options)
        if (this.#has('unknown')) throw new Error('the connection is gone')
        return position
      },
      read: async (topic: string, after: number, _: LogLimits) => {
        if (this.status === 'down') throw unavailable(topic)
        const page = engine.read(topic, after)
        // As over a network: what is published now may overtake the answer.
        await Promise.resolve()
        return page
      },
      forget: async (topic) => engine.evict(topic),
    }
  }

  #has(fault: Fault): boolean {
    if (this.faults[0] !== fault) return false
    this.faults.shift()
    return true
  }

  start(_: string, deliver: (topic: string, bytes: Uint8Array) => void, report: ReportStatus): void {
    this.#deliver = deliver
    this.#report = report
  }

  publish(topic: string, bytes: Uint8Array): void {
    const own = Uint8Array.from(bytes)
    if (this.status === 'up')
      for (const port of this.#engine.ports)
        queueMicrotask(() => port.topics.has(topic) && port.status === 'up' && port.#deliver?.(topic, own))
  }

  async subscribe(topic: string): Promise<void> {
    this.topics.add(topic)
  }

  unsubscribe(topic: string): void {
    this.topics.delete(topic)
  }

  stop(): void {
    this.topics.clear()
  }

  arrive(topic: string, position: LogPosition, text: string): void {
    if (!this.topics.has(topic) || this.status === 'down' || this.#has('lose')) return
    const deliver = (): void => this.#listener?.entry(topic, position, text)
    if (this.#has('late')) return void this.#late.push(deliver)
    const copies = this.#has('double') ? 2 : 1
    for (let copy = 0; copy < copies; copy++) queueMicrotask(deliver)
  }

  /** Delivers what was late. */
  flush(): void {
    for (const deliver of this.#late.splice(0)) deliver()
  }

  cut(isDown: boolean): void {
    this.status = isDown ? 'down' : 'up'
    this.#report(this.status)
  }
}

function unavailable(topic: string): Error {
  return berylError('BERYL_ERR_HISTORY_UNAVAILABLE', topic, 'cut')
}
