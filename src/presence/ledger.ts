import type { Row } from './row.ts'

/** The rows of one owner. Nearly always there is one, which then needs no map. */
class Holding {
  readonly id: number
  #one: Row | undefined
  /** Topic → key → row. */
  #others: Map<string, Map<string, Row>> | undefined

  constructor(id: number) {
    this.id = id
  }

  get isEmpty(): boolean {
    return this.#one === undefined && (this.#others?.size ?? 0) === 0
  }

  get(topic: string, key: string): Row | undefined {
    return this.#isOne(topic, key) ? this.#one : this.#others?.get(topic)?.get(key)
  }

  count(topic: string): number {
    return (this.#one?.topic === topic ? 1 : 0) + (this.#others?.get(topic)?.size ?? 0)
  }

  put(row: Row): void {
    if (this.isEmpty || this.#isOne(row.topic, row.key)) {
      this.#one = row
      return
    }
    this.#others ??= new Map()
    const rows = this.#others.get(row.topic) ?? new Map<string, Row>()
    this.#others.set(row.topic, rows.set(row.key, row))
  }

  /** Takes away what is there. */
  remove({ topic, key }: Row): void {
    if (this.#isOne(topic, key)) {
      this.#one = undefined
      return
    }
    const rows = this.#others?.get(topic)
    rows?.delete(key)
    if (rows?.size === 0) this.#others?.delete(topic)
  }

  *rows(): Generator<Row> {
    if (this.#one !== undefined) yield this.#one
    for (const rows of this.#others?.values() ?? []) yield* rows.values()
  }

  #isOne(topic: string, key: string): boolean {
    return this.#one?.topic === topic && this.#one.key === key
  }
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
    return this.#holdings.get(owner)?.get(topic, key)
  }

  /** The number of keys that an owner tracks on a topic. */
  count(owner: object, topic: string): number {
    return this.#holdings.get(owner)?.count(topic) ?? 0
  }

  put(owner: object, row: Row): void {
    const holding = this.#holdings.get(owner) ?? this.#open(owner)
    if (holding.get(row.topic, row.key) === undefined) this.#size++
    holding.put(row)
  }

  /** Gives the row that was taken away, if there was one. */
  take(owner: object, topic: string, key: string): Row | undefined {
    const holding = this.#holdings.get(owner)
    const row = holding?.get(topic, key)
    if (holding === undefined || row === undefined) return undefined
    holding.remove(row)
    if (holding.isEmpty) this.#holdings.delete(owner)
    this.#size--
    return row
  }

  /** Takes away everything that an owner tracks. */
  takeAll(owner: object): Row[] {
    const rows = [...(this.#holdings.get(owner)?.rows() ?? [])]
    this.#holdings.delete(owner)
    this.#size -= rows.length
    return rows
  }

  *rows(): Generator<Row> {
    for (const holding of this.#holdings.values()) yield* holding.rows()
  }

  #open(owner: object): Holding {
    const holding = new Holding(++this.#owners)
    this.#holdings.set(owner, holding)
    return holding
  }
}
