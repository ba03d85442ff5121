import { Changes, noPresences, type Presences } from './diff.ts'
import type { Row } from './row.ts'
import { eachRow, entryOf, type RowsOfKey, withoutRow, withRow } from './rows-by-key.ts'

interface Topic {
  readonly keys: Map<string, RowsOfKey>
  /** The keys that clients are not shown, because the topic has too many. Made on first use. */
  hidden: Set<string> | undefined
}

/** The changes of one topic since its last diff. */
export class Batch {
  readonly topic: string
  readonly all = new Changes()
  /** Somebody read the topic in between: changes that were seen must not cancel out any more. */
  observed = false
  #shown: Changes | undefined

  constructor(topic: string) {
    this.topic = topic
  }

  /** The part that clients see: everything, while no key is hidden from them. */
  get shown(): Changes {
    return this.#shown ?? this.all
  }

  join(row: Row, hidden: boolean): void {
    if (hidden) this.#split()
    this.all.join(row)
    if (!hidden) this.#shown?.join(row)
  }

  leave(row: Row, hidden: boolean): void {
    if (hidden) this.#split()
    this.all.leave(row)
    if (!hidden) this.#shown?.leave(row)
  }

  /** A row that was there, hidden, is shown from now on. */
  show(row: Row): void {
    this.#split().join(row)
  }

  /** True where a reader has seen what this row's opposite change would undo. */
  betrays(row: Row): boolean {
    return this.observed && (this.all.cancels(row) || this.shown.cancels(row))
  }

  #split(): Changes {
    this.#shown ??= new Changes(this.all)
    return this.#shown
  }
}

export interface ViewListener {
  /** There is something to {@link View.take}. */
  changed(): void
  /** Somebody reads a topic. */
  looked(topic: string): void
}

/**
 * Everything that is visible on this node, by topic, and what has changed since it was told. Reads and changes cost
 * O(1), a list O(rows of its topic).
 *
 * Clients are shown at most `shownKeys` keys of a topic, the oldest; when one of them goes, the next takes its place.
 * So n joins of one topic cost n × shownKeys rows of traffic, not n × n.
 */
export class View {
  readonly #topics = new Map<string, Topic>()
  readonly #shownKeys: number
  readonly #listener: ViewListener
  #untold = new Map<string, Batch[]>()

  constructor(shownKeys: number, listener: ViewListener) {
    this.#shownKeys = shownKeys
    this.#listener = listener
  }

  add(row: Row): void {
    const topic = this.#topics.get(row.topic) ?? this.#open(row.topic)
    const rows = topic.keys.get(row.key)
    topic.keys.set(row.key, withRow(rows, row))
    if (rows === undefined && topic.keys.size - (topic.hidden?.size ?? 0) > this.#shownKeys) {
      topic.hidden ??= new Set()
      topic.hidden.add(row.key)
    }
    this.#batch(row).join(row, topic.hidden?.has(row.key) ?? false)
  }

  remove(row: Row): void {
    const topic = this.#topics.get(row.topic)
    const rows = topic?.keys.get(row.key)
    if (topic === undefined || rows === undefined) return
    const hidden = topic.hidden?.has(row.key) ?? false
    this.#batch(row).leave(row, hidden)
    const rest = withoutRow(rows, row)
    if (rest !== undefined) topic.keys.set(row.key, rest)
    else this.#removeKey(topic, row, hidden)
  }

  /** All keys of a topic, or the `limit` oldest. */
  list(name: string, limit = Number.POSITIVE_INFINITY): Presences {
    const presences = noPresences()
    let left = limit
    for (const [key, rows] of this.#observe(name)?.keys ?? []) {
      if (left-- <= 0) break
      presences[key] = entryOf(rows)
    }
    return presences
  }

  /** The keys of a topic that clients see. To be read when nothing waits to be told: right behind {@link View.take}. */
  shown(name: string): Presences {
    const presences = noPresences()
    const { keys = [], hidden } = this.#topics.get(name) ?? {}
    for (const [key, rows] of keys) if (!hidden?.has(key)) presences[key] = entryOf(rows)
    return presences
  }

  get(name: string, key: string): Row[] {
    const rows = this.#observe(name)?.keys.get(key)
    return rows === undefined ? [] : [...eachRow(rows)]
  }

  /** The number of keys of a topic. */
  count(name: string): number {
    return this.#topics.get(name)?.keys.size ?? 0
  }

  topics(): IterableIterator<string> {
    return this.#topics.keys()
  }

  /** The changes since the last call, in the order in which each topic began to change. */
  take(): Batch[] {
    const untold = this.#untold
    this.#untold = new Map()
    return [...untold.values()].flat().filter((batch) => !batch.all.empty || !batch.shown.empty)
  }

  #open(name: string): Topic {
    const topic: Topic = { keys: new Map(), hidden: undefined }
    this.#topics.set(name, topic)
    return topic
  }

  #observe(name: string): Topic | undefined {
    const batch = this.#untold.get(name)?.at(-1)
    if (batch !== undefined) batch.observed = true
    this.#listener.looked(name)
    return this.#topics.get(name)
  }

  #batch(row: Row): Batch {
    const untold = this.#untold.get(row.topic)
    const last = untold?.at(-1)
    if (last !== undefined && !last.betrays(row)) return last
    const batch = new Batch(row.topic)
    if (untold !== undefined) untold.push(batch)
    else this.#untold.set(row.topic, [batch])
    this.#listener.changed()
    return batch
  }

  #removeKey(topic: Topic, { topic: name, key }: Row, hidden: boolean): void {
    topic.keys.delete(key)
    if (topic.keys.size === 0) this.#topics.delete(name)
    if (hidden) topic.hidden?.delete(key)
    else this.#showNext(topic)
  }

  #showNext(topic: Topic): void {
    for (const key of topic.hidden ?? []) {
      topic.hidden?.delete(key)
      const rows = topic.keys.get(key)
      if (rows !== undefined) for (const row of eachRow(rows)) this.#batch(row).show(row)
      return
    }
  }
}
