import type { Incarnation } from './incarnation.ts'
import { LANE_PAGE_BYTES } from './lane.ts'
import type { Row } from './row.ts'
import type { RowsMessage } from './wire.ts'

/** One change: the row that it brought, and the dot of the one that it took away (0: none). An update has both. */
interface Change {
  readonly row: Row | undefined
  readonly gone: number
}

/** What one message may hold beyond its rows, and what a row holds beyond its texts, in bytes: upper bounds. */
const MESSAGE_BYTES = 64
const ROW_BYTES = 48
const GONE_BYTES = 8

/**
 * The rows that this node wrote in one incarnation, and its latest changes in their order. Each change takes the next
 * number; nobody else writes here.
 */
export class Journal {
  readonly incarnation: Incarnation
  // A new row has the highest dot: insertion order is the order of dots.
  readonly #rows = new Map<number, Row>()
  readonly #capacity: number
  #changes: Change[] = []
  #sequence = 0

  /** @param capacity how many changes are kept at least: who lags further behind gets a snapshot. Default 10,000. */
  constructor(incarnation: Incarnation, capacity = 10_000) {
    this.incarnation = incarnation
    this.#capacity = capacity
  }

  /** The number of the latest change; 0 before the first. */
  get sequence(): number {
    return this.#sequence
  }

  get size(): number {
    return this.#rows.size
  }

  rows(): IterableIterator<Row> {
    return this.#rows.values()
  }

  join(row: Row): void {
    this.#append(row, 0)
  }

  leave(row: Row): void {
    if (this.#rows.delete(row.dot)) this.#append(undefined, row.dot)
  }

  /** One change: nobody ever sees the key without either. */
  update(old: Row, row: Row): void {
    this.#append(row, this.#rows.delete(old.dot) ? old.dot : 0)
  }

  /** Everything after `since`, in messages that follow on each other: as changes where those are kept, else all rows. */
  *since(since: number): Generator<RowsMessage> {
    const kept = this.#sequence - this.#changes.length
    if (since > 0 && since >= kept) yield* this.#pages('changes', since, this.#changesAfter(since))
    else yield* this.#pages('snapshot', 0, this.#snapshot())
  }

  #append(row: Row | undefined, gone: number): void {
    this.#sequence++
    if (row !== undefined) {
      row.dot = this.#sequence
      this.#rows.set(row.dot, row)
    }
    this.#changes.push({ row, gone })
    if (this.#changes.length >= this.#capacity * 2) this.#changes = this.#changes.slice(-this.#capacity)
  }

  *#changesAfter(after: number): Generator<[number, Change]> {
    const kept = this.#sequence - this.#changes.length
    for (let number = after + 1; number <= this.#sequence; number++) {
      const change = this.#changes[number - kept - 1]
      if (change !== undefined) yield [number, change]
    }
  }

  *#snapshot(): Generator<[number, Change]> {
    for (const row of this.#rows.values()) yield [row.dot, { row, gone: 0 }]
  }

  /**
   * A page lists the rows of its range that are still alive and, of those that its range took away, the ones before
   * the range: whoever holds everything up to `after` never had the others.
   */
  *#pages(
    kind: 'changes' | 'snapshot',
    since: number,
    changes: Iterable<[number, Change]>,
  ): Generator<RowsMessage> {
    const { incarnation } = this
    const until = this.#sequence
    let page = { after: since, upTo: since, gone: [] as number[], rows: [] as Row[], bytes: MESSAGE_BYTES }
    for (const [number, { row, gone }] of changes) {
      if (page.bytes >= LANE_PAGE_BYTES) {
        yield toMessage(page)
        page = { after: page.upTo, upTo: page.upTo, gone: [], rows: [], bytes: MESSAGE_BYTES }
      }
      page.upTo = number
      if (gone > 0 && gone <= page.after) {
        page.gone.push(gone)
        page.bytes += GONE_BYTES
      }
      if (row !== undefined && this.#rows.get(number) === row) {
        page.rows.push(row)
        page.bytes += bytesOf(row)
      }
    }
    page.upTo = until
    yield toMessage(page)

    function toMessage({ after, upTo, gone, rows }: typeof page): RowsMessage {
      return { kind, incarnation, after, upTo, until, gone: gone.sort((a, b) => a - b), rows }
    }
  }
}

// A UTF-16 unit takes at most three bytes of UTF-8.
function bytesOf({ topic, key, json }: Row): number {
  return ROW_BYTES + (topic.length + key.length + json.length) * 3
}
