import { LANE_PAGE_BYTES } from '../replication/lane.ts'
import { type Incarnation, NO_INCARNATION } from './incarnation.ts'
import type { RowsMessage } from './messages.ts'
import type { Row } from './row.ts'

export interface JournalSize {
  /** At least so many changes are kept: a node that lags further behind gets a snapshot. */
  readonly changes: number
  /** A page ends with the row that brings it to this size. */
  readonly pageBytes: number
}

const DEFAULT_SIZE: JournalSize = { changes: 10_000, pageBytes: LANE_PAGE_BYTES }

/** The bytes of a row beyond its texts, and of a dot: upper bounds. */
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
  readonly #size: JournalSize
  /** The dot of the row that each change took away; 0: none. A row that it brought has the number of the change for a dot. */
  #changes: number[] = []
  #sequence = 0

  constructor(incarnation: Incarnation, size: JournalSize = DEFAULT_SIZE) {
    this.incarnation = incarnation
    this.#size = size
  }

  /** The number of the latest change; 0 before the first. */
  get sequence(): number {
    return this.#sequence
  }

  rows(): IterableIterator<Row> {
    return this.#rows.values()
  }

  join(row: Row): void {
    this.#append(0, row)
  }

  leave(row: Row): void {
    if (this.#rows.delete(row.dot)) this.#append(row.dot)
  }

  /** One change: nobody ever sees the key without either. */
  update(old: Row, row: Row): void {
    this.#append(this.#rows.delete(old.dot) ? old.dot : 0, row)
  }

  /** Everything after `since`, in messages that follow on each other: as changes where those are kept, else all rows. */
  *since(since: number, answers = NO_INCARNATION): Generator<RowsMessage> {
    const kept = this.#sequence - this.#changes.length
    const asChanges = since > 0 && since >= kept
    const pages = asChanges ? this.#pages(since, this.#changesAfter(since)) : this.#pages(0, this.#snapshot())
    const { incarnation } = this
    const head = {
      kind: asChanges ? 'changes' : 'snapshot',
      incarnation,
      answers,
      until: this.#sequence,
    } as const
    for (const page of pages) yield { ...head, ...page }
  }

  #append(gone: number, row?: Row): void {
    this.#sequence++
    if (row !== undefined) {
      row.dot = this.#sequence
      this.#rows.set(row.dot, row)
    }
    this.#changes.push(gone)
    const { changes } = this.#size
    if (this.#changes.length >= changes * 2) this.#changes = this.#changes.slice(-changes)
  }

  *#changesAfter(after: number): Generator<[number, gone: number]> {
    const kept = this.#sequence - this.#changes.length
    for (let number = after + 1; number <= this.#sequence; number++)
      yield [number, this.#changes[number - kept - 1] ?? 0]
  }

  *#snapshot(): Generator<[number, gone: number]> {
    for (const dot of this.#rows.keys()) yield [dot, 0]
  }

  /**
   * A page lists the rows of its range that are still alive and, of those that its range took away, the ones before
   * the range: whoever holds everything up to `after` never had the others.
   */
  *#pages(since: number, changes: Iterable<[number, gone: number]>): Generator<Page> {
    let page: Page = { after: since, upTo: since, gone: [], rows: [] }
    let bytes = 0
    for (const [number, gone] of changes) {
      if (bytes >= this.#size.pageBytes) {
        yield sorted(page)
        page = { after: page.upTo, upTo: page.upTo, gone: [], rows: [] }
        bytes = 0
      }
      page.upTo = number
      if (gone > 0 && gone <= page.after) bytes += addGone(page, gone)
      const row = this.#rows.get(number)
      if (row === undefined) continue
      page.rows.push(row)
      bytes += bytesOf(row)
    }
    page.upTo = this.#sequence
    yield sorted(page)
  }
}

interface Page {
  readonly after: number
  upTo: number
  readonly gone: number[]
  readonly rows: Row[]
}

function addGone(page: Page, dot: number): number {
  page.gone.push(dot)
  return GONE_BYTES
}

function sorted(page: Page): Page {
  page.gone.sort((a, b) => a - b)
  return page
}

// A UTF-16 unit takes at most three bytes of UTF-8.
function bytesOf({ topic, key, text }: Row): number {
  return ROW_BYTES + (topic.length + key.length + text.length) * 3
}
