import type { Row } from './row.ts'

/** The rows of one owner: topic → key → row. */
interface Holding {
  readonly id: number
  readonly topics: Map<string, Map<string, Row>>
}

/**
 * The presences of this node, by owner. It outlives the tracker: after a crash everything in here is told again, with the same
 * refs, so that nobody else notices.
 */
export class Ledger {
  readonly #holdings = new Map<object, Holding>()
  #owners = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  get owners(): number {
    return this.#holdings.size
  }

  /** The number that stands for an owner in its rows: the same for as long as it tracks anything. */
  idOf(owner: object): number {
    return this.#holdings.get(owner)?.id ?? this.#owners + 1
  }

  get(owner: object, topic: string, key: string): Row | undefined {
    return this.#holdings.get(owner)?.topics.get(topic)?.get(key)
  }

  /** The number of keys that an owner tracks on a topic. */
  count(owner: object, topic: string): number {
    return this.#holdings.get(owner)?.topics.get(topic)?.size ?? 0
  }

  put(owner: object, row: Row): void {
    const { topics } = this.#holdings.get(owner) ?? this.#open(owner)
    const rows = topics.get(row.topic) ?? new Map<string, Row>()
    if (!rows.has(row.key)) this.#size++
    topics.set(row.topic, rows.set(row.key, row))
  }

  /** Gives the row that was taken away, if there was one. */
  take(owner: object, topic: string, key: string): Row | undefined {
    const holding = this.#holdings.get(owner)
    const rows = holding?.topics.get(topic)
    const row = rows?.get(key)
    if (holding === undefined || rows === undefined || row === undefined) return undefined
    rows.delete(key)
    if (rows.size === 0) holding.topics.delete(topic)
    if (holding.topics.size === 0) this.#holdings.delete(owner)
    this.#size--
    return row
  }

  /** Takes away everything that an owner tracks. */
  takeAll(owner: object): Row[] {
    const rows = [...rowsOf(this.#holdings.get(owner))]
    this.#holdings.delete(owner)
    this.#size -= rows.length
    return rows
  }

  *rows(): Generator<Row> {
    for (const holding of this.#holdings.values()) yield* rowsOf(holding)
  }

  #open(owner: object): Holding {
    const holding: Holding = { id: ++this.#owners, topics: new Map() }
    this.#holdings.set(owner, holding)
    return holding
  }
}

function* rowsOf(holding: Holding | undefined): Generator<Row> {
  for (const rows of holding?.topics.values() ?? []) yield* rows.values()
}
