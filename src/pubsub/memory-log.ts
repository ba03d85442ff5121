import { AgedMap } from '../ground/aged-map.ts'
import { randomText } from '../ground/chance.ts'
import type { Clock } from '../ground/clock.ts'
import {
  type AppendOptions,
  KEEP_MS,
  type LogLimits,
  type LogListener,
  type LogPage,
  type LogPosition,
  type PubSubLog,
} from './log.ts'
import { LogEntries } from './log-entries.ts'

export interface MemoryLogOptions {
  readonly clock: Clock
  /** The limit of all logs together. */
  readonly maxBytes: number
}

/** Bytes that a topic costs beside its entries. */
const TOPIC_BYTES = 512
/** Of chance. */
const EPOCH_BYTES = 9
const KEY_BYTES = 18
/** A log that is full is emptied to this part: looking through all topics is worth it then. */
const ROOM_AGAIN = 0.9

/** One topic. */
class TopicLog {
  readonly epoch = randomText(EPOCH_BYTES)
  readonly key = randomText(KEY_BYTES)
  entries = new LogEntries()
  /** Each id with its offset, in that order. */
  ids: AgedMap<string, number> | undefined
  entriesUntil = 0
  until = 0

  get bytes(): number {
    return TOPIC_BYTES + this.entries.bytes
  }

  append(text: string, { size, ttlMs, id }: AppendOptions, now: number): number {
    const known = id === undefined ? undefined : this.ids?.get(id)
    if (known !== undefined) return known
    this.entries.push(text)
    this.entriesUntil = now + ttlMs
    const { last } = this.entries
    if (id !== undefined) {
      this.ids ??= new AgedMap()
      this.ids.set(id, last)
    }
    this.keep(size)
    return last
  }

  keep(size: number): void {
    const { entries, ids } = this
    entries.keep(size)
    ids?.deleteWhile((offset) => offset <= entries.base)
  }

  /** Lets the entries age. */
  look(now: number): void {
    if (now >= this.entriesUntil && this.entries.length > 0) this.keep(0)
  }
}

/**
 * The log in the memory of one process: of `local()`, and what all others are held against. Synchronous: the listeners hear of
 * an entry before `append` gives its position.
 *
 * Where all logs together are too large, the topics that nobody hears go first, those that were used longest ago before others;
 * then the longest are cut, and keep their epoch.
 */
export class MemoryLog implements PubSubLog {
  readonly #options: MemoryLogOptions
  /** In the order in which they were used last. */
  readonly #topics = new AgedMap<string, TopicLog>()
  #bytes = 0
  /** Nothing more could go when there was so much and a part more: nobody looks for room before. */
  #stuckAt = 0
  #listener: LogListener | undefined

  constructor(options: MemoryLogOptions) {
    this.#options = options
  }

  /** Counted, not measured. */
  get bytes(): number {
    return this.#bytes
  }

  listen(listener: LogListener): void {
    this.#listener = listener
  }

  append(topic: string, text: string, options: AppendOptions): LogPosition {
    const now = this.#options.clock.now()
    const log = this.#use(topic, options, now)
    const { last } = log.entries
    const before = log.bytes
    const offset = log.append(text, options, now)
    const position = { epoch: log.epoch, offset }
    if (offset <= last) return position
    log.until = now + Math.max(KEEP_MS, options.ttlMs)
    this.#bytes += log.bytes - before
    this.#keepWithin(topic)
    this.#listener?.entry(topic, position, text)
    return position
  }

  read(topic: string, after: number, limits: LogLimits): LogPage {
    const { epoch, key, entries } = this.#use(topic, limits, this.#options.clock.now())
    this.#keepWithin(topic)
    return { epoch, key, offset: entries.last, previous: [], entries: entries.after(after) }
  }

  forget(topic: string): void {
    const log = this.#topics.get(topic)
    if (log === undefined) return
    this.#topics.delete(topic)
    this.#bytes -= log.bytes
  }

  here(topic: string): LogEntries | undefined {
    const log = this.#topics.get(topic)
    this.#age(log, this.#options.clock.now())
    return log?.entries
  }

  /** The log of a topic, which is the last to go from now on. */
  #use(topic: string, { ttlMs }: LogLimits, now: number): TopicLog {
    this.#sweep(now)
    let log = this.#topics.get(topic)
    if (log !== undefined && now >= log.until) {
      this.forget(topic)
      log = undefined
    }
    if (log === undefined) {
      log = new TopicLog()
      this.#bytes += log.bytes
    }
    this.#topics.set(topic, log)
    this.#age(log, now)
    log.until = Math.max(log.until, now + (log.entries.last === 0 ? ttlMs : KEEP_MS))
    return log
  }

  #age(log: TopicLog | undefined, now: number): void {
    if (log === undefined) return
    const before = log.bytes
    log.look(now)
    this.#bytes -= before - log.bytes
  }

  /** Looks at the topic that was used longest ago: with each use one is looked at, so that none is looked for. */
  #sweep(now: number): void {
    const { oldest } = this.#topics
    if (oldest !== undefined && now >= oldest.value.until) this.forget(oldest.key)
  }

  /** Where the topics alone are too much, looking through all of them each time would take all the time there is. */
  #keepWithin(inUse: string): void {
    const { maxBytes } = this.#options
    if (this.#bytes <= maxBytes) this.#stuckAt = 0
    else if (this.#bytes > this.#stuckAt) {
      const isEmpty = this.#makeRoom(inUse)
      this.#stuckAt = isEmpty ? this.#bytes / ROOM_AGAIN : 0
      this.#listener?.full()
    }
  }

  /**
   * @param inUse the topic that this is for
   * @returns true where no entry is left
   */
  #makeRoom(inUse: string): boolean {
    const { maxBytes } = this.#options
    const enough = maxBytes * ROOM_AGAIN
    for (const { key: topic } of this.#topics.entries()) {
      if (this.#bytes <= enough) break
      if (topic !== inUse && this.#listener?.hears(topic) !== true) this.forget(topic)
    }
    const logs = this.#topics.entries().map(({ value }) => value)
    const longest = logs.sort((a, b) => b.bytes - a.bytes)
    for (const log of longest) {
      if (this.#bytes <= enough) break
      this.#halve(log)
    }
    return longest.every(({ entries }) => entries.length === 0)
  }

  #halve(log: TopicLog): void {
    const before = log.bytes
    log.keep(Math.floor(log.entries.length / 2))
    this.#bytes -= before - log.bytes
  }
}
