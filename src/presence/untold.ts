import type { Changes } from './diff.ts'
import type { Row } from './row.ts'

/** It was seen in the one state by some, and in the other by others: whatever comes of it is told. */
const SEEN_BOTH_WAYS = -1

/**
 * The changes of several turns that the clients of a topic wait to be told in one diff. A row that came and went is in neither
 * part, unless somebody looked in between: who joined meanwhile has the state of then, and others that of before. The diff is right for
 * all of them, since a client ignores the join of a presence that it knows and the leave of one that it does not.
 */
export class Untold {
  /** Row → how often somebody had looked when it came. */
  readonly #joins = new Map<Row, number>()
  readonly #leaves = new Map<Row, number>()
  #looks = 0

  get isEmpty(): boolean {
    return this.#joins.size === 0 && this.#leaves.size === 0
  }

  add(changes: Changes): void {
    for (const row of changes.leaves()) this.#move(row, this.#joins, this.#leaves)
    for (const row of changes.joins()) this.#move(row, this.#leaves, this.#joins)
  }

  /** Somebody sees the topic as it is now. */
  looked(): void {
    this.#looks++
  }

  /** Gives what is to be told, and begins anew. */
  take(): { joins: readonly Row[]; leaves: readonly Row[] } {
    const diff = { joins: [...this.#joins.keys()], leaves: [...this.#leaves.keys()] }
    this.#joins.clear()
    this.#leaves.clear()
    return diff
  }

  #move(row: Row, from: Map<Row, number>, to: Map<Row, number>): void {
    const looksThen = from.get(row)
    if (looksThen === undefined) return void to.set(row, this.#looks)
    from.delete(row)
    if (looksThen !== this.#looks) to.set(row, SEEN_BOTH_WAYS)
  }
}
