import { Changes, entryOf, entryText, noPresences, type Presences } from './diff.ts'
import type { Row } from './row.ts'
import { eachRow, type Rows, withoutRow, withRow } from './rows.ts'

/** One topic: key → rows. Most topics have one key, which then needs no map. */
class Topic {
  /** The keys that clients are not shown, because the topic has too many. Made on first use. */
  hidden: Set<string> | undefined
  #only: readonly [key: string, rows: Rows] | undefined
  #keys: Map<string, Rows> | undefined

  get size(): number {
    return this.#keys?.size ?? (this.#only === undefined ? 0 : 1)
  }

  get(key: string): Rows | undefined {
    return this.#keys === undefined ? this.#onlyOf(key) : this.#keys.get(key)
  }

  set(key: string, rows: Rows): void {
    if (this.#keys === undefined && (this.#only === undefined || this.#only[0] === key)) {
      this.#only = [key, rows]
      return
    }
    this.#keys ??= new Map(this.entries())
    this.#only = undefined
    this.#keys.set(key, rows)
  }

  delete(key: string): void {
    this.#keys?.delete(key)
    if (this.#only?.[0] === key) this.#only = undefined
  }

  entries(): Iterable<readonly [key: string, rows: Rows]> {
    return this.#keys ?? (this.#only === undefined ? NO_KEYS : [this.#only])
  }

  #onlyOf(key: string): Rows | undefined {
    return this.#only?.[0] === key ? this.#only[1] : undefined
  }
}

const NO_KEYS: readonly (readonly [string, Rows])[] = []

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
    const rows = topic.get(row.key)
    topic.set(row.key, withRow(rows, row))
    if (rows === undefined && topic.size - (topic.hidden?.size ?? 0) > this.#shownKeys) {
      topic.hidden ??= new Set()
      topic.hidden.add(row.key)
    }
    this.#batch(row).join(row, topic.hidden?.has(row.key) ?? false)
  }

  remove(row: Row): void {
    const topic = this.#topics.get(row.topic)
    const rows = topic?.get(row.key)
    if (topic === undefined || rows === undefined) return
    const hidden = topic.hidden?.has(row.key) ?? false
    this.#batch(row).leave(row, hidden)
    const rest = withoutRow(rows, row)
    if (rest !== undefined) topic.set(row.key, rest)
    else this.#removeKey(topic, row, hidden)
  }

  /** All keys of a topic, or the `limit` oldest. */
  list(name: string, limit = Number.POSITIVE_INFINITY): Presences {
    const presences = noPresences()
    let left = limit
    for (const [key, rows] of this.#observe(name)?.entries() ?? NO_KEYS) {
      if (left-- <= 0) break
      presences[key] = entryOf(rows)
    }
    return presences
  }

  /** The keys of a topic that clients see, in JSON. To be read when nothing waits to be told: right behind {@link View.take}. */
  shown(name: string): string {
    const topic = this.#topics.get(name)
    let entries = ''
    for (const [key, rows] of topic?.entries() ?? NO_KEYS)
      if (!topic?.hidden?.has(key)) entries += `${entries === '' ? '' : ','}${entryText(key, rows)}`
    return `{${entries}}`
  }

  get(name: string, key: string): Row[] {
    const rows = this.#observe(name)?.get(key)
    return [...eachRow(rows)]
  }

  /** The number of keys of a topic. */
  count(name: string): number {
    return this.#topics.get(name)?.size ?? 0
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
    const topic = new Topic()
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
    topic.delete(key)
    if (topic.size === 0) this.#topics.delete(name)
    if (hidden) topic.hidden?.delete(key)
    else this.#showNext(topic)
  }

  #showNext(topic: Topic): void {
    for (const key of topic.hidden ?? []) {
      topic.hidden?.delete(key)
      const rows = topic.get(key)
      for (const row of eachRow(rows)) this.#batch(row).show(row)
      return
    }
  }
}
