import { Changes, type Presences, toPresences } from './diff.ts'
import type { Row } from './row.ts'
import { eachRow, type RowsOfKey, withoutRow, withRow } from './rows-by-key.ts'

interface Topic {
  readonly keys: Map<string, RowsOfKey>
  /** The keys that clients are not shown, because the topic has too many. Made on first use. */
  hidden: Set<string> | undefined
  batch: Batch | undefined
  /** What clients have been told so far; `undefined` where nobody asked since the last diff. */
  state: Presences | undefined
}

/** What changed on one topic and was not told yet. */
interface Untold {
  readonly batches: Batch[]
  /** What clients were told before that; made when somebody asks. */
  state: Presences | undefined
}

/** What changed on one topic since its last diff. */
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

  /** Whether a reader has seen what this row's opposite change would make undone. */
  betrays(row: Row): boolean {
    return this.observed && (this.all.cancels(row) || this.shown.cancels(row))
  }

  #split(): Changes {
    this.#shown ??= new Changes(this.all)
    return this.#shown
  }
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
  readonly #onChange: () => void
  #untold = new Map<string, Untold>()

  /** @param onChange called when there is something to {@link View.take} and there was nothing before */
  constructor(shownKeys: number, onChange: () => void) {
    this.#shownKeys = shownKeys
    this.#onChange = onChange
  }

  add(row: Row): void {
    const topic = this.#topics.get(row.topic) ?? this.#open(row.topic)
    const rows = topic.keys.get(row.key)
    topic.keys.set(row.key, withRow(rows, row))
    if (rows === undefined && topic.keys.size - (topic.hidden?.size ?? 0) > this.#shownKeys) {
      topic.hidden ??= new Set()
      topic.hidden.add(row.key)
    }
    this.#batch(topic, row).join(row, topic.hidden?.has(row.key) ?? false)
  }

  remove(row: Row): void {
    const topic = this.#topics.get(row.topic)
    const rows = topic?.keys.get(row.key)
    if (topic === undefined || rows === undefined) return
    const hidden = topic.hidden?.has(row.key) ?? false
    this.#batch(topic, row).leave(row, hidden)
    const rest = withoutRow(rows, row)
    if (rest !== undefined) topic.keys.set(row.key, rest)
    else this.#removeKey(topic, row, hidden)
  }

  /** All keys of a topic, or the `limit` oldest. */
  list(name: string, limit = Number.POSITIVE_INFINITY): Presences {
    const topic = this.#observe(name)
    return toPresences(topic === undefined ? [] : rowsOf(topic, limit))
  }

  /**
   * What a client that joins now is told: what the others have been told. The diff that follows has the rest, so nothing
   * is told twice. The same object until then: not to be written to.
   */
  state(name: string): Presences {
    const topic = this.#topics.get(name)
    const untold = this.#untold.get(name)
    if (untold !== undefined) {
      untold.state ??= toPresences(toldRows(topic, untold.batches))
      return untold.state
    }
    if (topic === undefined) return Object.create(null)
    topic.state ??= toPresences(shownRowsOf(topic))
    return topic.state
  }

  get(name: string, key: string): Row[] {
    const rows = this.#observe(name)?.keys.get(key)
    return rows === undefined ? [] : [...eachRow(rows)]
  }

  /** How many keys a topic has. */
  count(name: string): number {
    return this.#topics.get(name)?.keys.size ?? 0
  }

  topics(): IterableIterator<string> {
    return this.#topics.keys()
  }

  /** What changed since the last call, in the order in which each topic began to change. */
  take(): Batch[] {
    const untold = this.#untold
    this.#untold = new Map()
    for (const name of untold.keys()) {
      const topic = this.#topics.get(name)
      if (topic !== undefined) topic.batch = undefined
    }
    return [...untold.values()]
      .flatMap(({ batches }) => batches)
      .filter((batch) => !batch.all.empty || !batch.shown.empty)
  }

  #open(name: string): Topic {
    const topic: Topic = { keys: new Map(), hidden: undefined, batch: undefined, state: undefined }
    this.#topics.set(name, topic)
    return topic
  }

  #observe(name: string): Topic | undefined {
    const topic = this.#topics.get(name)
    if (topic?.batch !== undefined) topic.batch.observed = true
    return topic
  }

  #batch(topic: Topic, row: Row): Batch {
    if (topic.batch !== undefined && !topic.batch.betrays(row)) return topic.batch
    const batch = new Batch(row.topic)
    const untold = this.#untold.get(row.topic)
    if (untold !== undefined) untold.batches.push(batch)
    else {
      this.#untold.set(row.topic, { batches: [batch], state: topic.state })
      if (this.#untold.size === 1) this.#onChange()
    }
    topic.state = undefined
    topic.batch = batch
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
      if (rows !== undefined) for (const row of eachRow(rows)) this.#batch(topic, row).show(row)
      return
    }
  }
}

function* rowsOf({ keys }: Topic, limit: number): Generator<Row> {
  let left = limit
  for (const rows of keys.values()) {
    if (left-- <= 0) return
    yield* eachRow(rows)
  }
}

function* shownRowsOf({ keys, hidden }: Topic): Generator<Row> {
  for (const [key, rows] of keys) if (!hidden?.has(key)) yield* eachRow(rows)
}

/** The rows that clients see, without the changes that they have not been told of. */
function toldRows(topic: Topic | undefined, untold: readonly Batch[]): Set<Row> {
  const rows = new Set(topic === undefined ? [] : shownRowsOf(topic))
  for (const batch of [...untold].reverse()) batch.shown.undo(rows)
  return rows
}
