import type { Clock } from '../ground/clock.ts'
import { berylError } from '../ground/errors.ts'
import { describe } from '../ground/foreign.ts'
import type { AppendOptions, LogLimits, LogListener, LogPage, LogPosition, PubSubLog } from '../pubsub/log.ts'
import { topicTopic } from '../pubsub/sender.ts'
import { type DecodeLogged, type Link, type LinkLog, NotTaken } from './driver.ts'

export interface BrokerLogInit {
  readonly clock: Clock
  /** The link of a topic, where the engine is in reach. */
  readonly link: (topic: string) => Link | undefined
  readonly decode: DecodeLogged
  /** The engine and where it is, for people. */
  readonly address: string
}

/** One batch for the engine has so many entries, or so many characters and one entry more. */
const MAX_BATCH = 64
const MAX_BATCH_CHARS = 256 * 1_024
/** Bytes that may wait for answers of the engine. Above, nothing is asked for. */
const MAX_PENDING_BYTES = 32 * 1_024 * 1_024

/** An entry on its way. */
interface Job {
  readonly text: string
  readonly options: AppendOptions
  resolve(position: LogPosition): void
  reject(error: unknown): void
}

/**
 * The logs at a broker. The entries of one topic go one batch at a time: so they keep their order, also where one of them
 * fails, for what was behind it is not there yet and fails with it.
 */
export class BrokerLog implements PubSubLog {
  readonly #init: BrokerLogInit
  /** Topics with entries on their way: those behind the batch that is at the engine. */
  readonly #waiting = new Map<string, Job[]>()
  #listener: LogListener | undefined

  constructor(init: BrokerLogInit) {
    this.#init = init
  }

  listen(listener: LogListener): void {
    this.#listener = listener
  }

  append(topic: string, text: string, options: AppendOptions): Promise<LogPosition> {
    return new Promise((resolve, reject) => {
      const job = { text, options, resolve, reject }
      const waiting = this.#waiting.get(topic)
      if (waiting !== undefined) waiting.push(job)
      else void this.#work(topic, [job])
    })
  }

  async read(topic: string, after: number, limits: LogLimits): Promise<LogPage> {
    return this.#ask(topic, (log) => log.read(topic, after, limits))
  }

  async forget(topic: string): Promise<void> {
    return this.#ask(topic, (log) => log.forget(topic))
  }

  /** @returns false where the message is none of a log */
  arrived(topic: string, bytes: Uint8Array): boolean {
    const message = this.#init.decode(bytes)
    if (message !== undefined) this.#listener?.entry(topic, message.position, message.text)
    return message !== undefined
  }

  /** Some logs at the engine are gone, since all together were too large. */
  full(): void {
    this.#listener?.full()
  }

  /** Sends batch after batch, until nothing waits. */
  async #work(topic: string, jobs: Job[]): Promise<void> {
    this.#waiting.set(topic, jobs)
    while (jobs.length > 0) {
      const batch = jobs.splice(0, batchOf(jobs))
      try {
        const positions = await this.#append(topic, batch)
        for (const [index, { resolve }] of batch.entries()) resolve(positions[index] as LogPosition)
      } catch (error) {
        for (const { reject } of batch) reject(error)
        return this.#fail(topic, jobs)
      }
    }
    this.#waiting.delete(topic)
  }

  /** Until those who made the entries know of it, what they make comes too late to be behind it: it fails as well. */
  #fail(topic: string, jobs: Job[]): void {
    const rejectAll = (): void => {
      for (const { reject } of jobs.splice(0)) reject(unavailable(topic, 'an entry before it failed'))
    }
    rejectAll()
    this.#init.clock.setImmediate(() => {
      this.#waiting.delete(topic)
      rejectAll()
    })
  }

  async #append(topic: string, batch: readonly Job[]): Promise<LogPosition[]> {
    const [{ size, ttlMs }] = batch.map(({ options }) => options) as [AppendOptions]
    const entries = batch.map(({ text, options: { id, isNew } }) => ({ text, id, isNew }))
    const positions = await this.#ask(topic, (log) => log.append(topic, entries, { size, ttlMs }))
    if (positions.length === batch.length) return positions
    throw new TypeError('the engine gave other positions than were asked for')
  }

  async #ask<T>(topic: string, work: (log: LinkLog) => Promise<T>): Promise<T> {
    const { address, link: linkOf } = this.#init
    const link = linkOf(topic)
    if (link?.log === undefined) throw unavailable(topic, `${address} is out of reach`)
    if (link.pendingBytes > MAX_PENDING_BYTES) throw unavailable(topic, `${address} is too far behind`)
    try {
      return await work(link.log)
    } catch (error) {
      const why = `${address}: ${describe(error)}`
      if (error instanceof NotTaken) throw unavailable(topic, why)
      throw berylError('BERYL_ERR_HISTORY_UNKNOWN', nameOf(topic), why, { cause: error })
    }
  }
}

/** The number of the first jobs that go together. */
function batchOf(jobs: readonly Job[]): number {
  const [first] = jobs
  let [count, chars] = [0, 0]
  for (const { text, options } of jobs) {
    const isLike = options.size === first?.options.size && options.ttlMs === first.options.ttlMs
    if (!isLike || count === MAX_BATCH || chars > MAX_BATCH_CHARS) break
    count++
    chars += text.length
  }
  return count
}

function unavailable(topic: string, why: string): Error {
  return berylError('BERYL_ERR_HISTORY_UNAVAILABLE', nameOf(topic), why)
}

/** A topic, as people know it. */
function nameOf(topic: string): string {
  const before = topicTopic('')
  return topic.startsWith(before) ? topic.slice(before.length) : topic
}
