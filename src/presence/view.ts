import { AgedMap } from '../ground/aged-map.ts'
import { Changes, entryOf, entryText, noPresences, type Presences } from './diff.ts'
import type { Row } from './row.ts'
import { eachRow, type Rows, withoutRow, withRow } from './rows.ts'

/** One topic: key → rows. Most topics have one key, which then needs no map. */
class Topic {
  #only: readonly [key: string, rows: Rows] | undefined
  /** The oldest keys, which clients are shown. */
  #shown: Map<string, Rows> | undefined
  /** All others, where there are too many for clients. */
  #hidden: AgedMap<string, Rows> | undefined

  get size(): number {
    return this.#shownSize + (this.#hidden?.size ?? 0)
  }

  get #shownSize(): number {
    return this.#shown?.size ?? (this.#only === undefined ? 0 : 1)
  }

  get(key: string): Rows | undefined {
    if (this.#only?.[0] === key) return this.#only[1]
    return this.#shown?.get(key) ?? this.#hidden?.get(key)
  }

  hides(key: string): boolean {
    return this.#hidden?.has(key) ?? false
  }

  /** Adds a key, which is hidden where `shownKeys` are shown already. */
  add(key: string, rows: Rows, shownKeys: number): void {
    if (this.#shownSize < shownKeys) return this.#show(key, rows)
    this.#hidden ??= new AgedMap()
    this.#hidden.set(key, rows)
  }

  /** Another collection of rows for a key that is there. */
  replace(key: string, rows: Rows): void {
    if (this.hides(key)) this.#hidden?.replace(key, rows)
    else this.#show(key, rows)
  }

  delete(key: string): void {
    if (this.#only?.[0] === key) this.#only = undefined
    else if (this.#shown?.delete(key) !== true) this.#hidden?.delete(key)
  }

  /** Shows the oldest key that is hidden. Gives its rows. */
  showNext(): Rows | undefined {
    const next = this.#hidden?.oldest
    if (next === undefined) return undefined
    this.#hidden?.delete(next.key)
    this.#show(next.key, next.value)
    return next.value
  }

  /** The oldest first. */
  shown(): Iterable<readonly [key: string, rows: Rows]> {
    return this.#shown ?? (this.#only === undefined ? NO_KEYS : [this.#only])
  }

  /** The oldest first: each is younger than those that are shown. */
  hidden(): readonly { readonly key: string; readonly value: Rows }[] {
    return this.#hidden?.entries() ?? []
  }

  #show(key: string, rows: Rows): void {
    if (this.#shown === undefined && (this.#only === undefined || this.#only[0] === key)) {
      this.#only = [key, rows]
      return
    }
    this.#shown ??= new Map(this.shown())
    this.#only = undefined
    this.#shown.set(key, rows)
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
    if (rows === undefined) topic.add(row.key, row, this.#shownKeys)
    else topic.replace(row.key, withRow(rows, row))
    this.#batch(row).join(row, topic.hides(row.key))
  }

  remove(row: Row): void {
    const topic = this.#topics.get(row.topic)
    const rows = topic?.get(row.key)
    if (topic === undefined || rows === undefined) return
    const isHidden = topic.hides(row.key)
    this.#batch(row).leave(row, isHidden)
    const rest = withoutRow(rows, row)
    if (rest === undefined) this.#removeKey(topic, row, isHidden)
  }

  /** All keys of a topic, or the `limit` oldest. */
  list(name: string, limit = Number.POSITIVE_INFINITY): Presences {
    const presences = noPresences()
    let left = limit
    const topic = this.#observe(name)
    for (const [key, rows] of topic?.shown() ?? NO_KEYS) {
      if (left-- <= 0) return presences
      presences[key] = entryOf(rows)
    }
    if (left <= 0) return presences
    for (const { key, value } of topic?.hidden() ?? []) {
      if (left-- <= 0) break
      presences[key] = entryOf(value)
    }
    return presences
  }

  /** The keys of a topic that clients see, in JSON. To be read when nothing waits to be told: right behind {@link View.take}. */
  shown(name: string): string {
    let entries = ''
    for (const [key, rows] of this.#topics.get(name)?.shown() ?? NO_KEYS)
      entries += `${entries === '' ? '' : ','}${entryText(key, rows)}`
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

  #removeKey(topic: Topic, { topic: name, key }: Row, isHidden: boolean): void {
    topic.delete(key)
    if (topic.size === 0) this.#topics.delete(name)
    if (isHidden) return
    for (const row of eachRow(topic.showNext())) this.#batch(row).show(row)
  }
}
