import type { PresenceMeta, Row } from './row.ts'

/** One key: a meta for each of its presences, the oldest first. */
export interface PresenceEntry<M = PresenceMeta> {
  readonly metas: M[]
}

/** Key → entry. Without a prototype, so that every key is legal. */
export interface Presences<M = PresenceMeta> {
  [key: string]: PresenceEntry<M>
}

/** A change of one topic: after it, what was visible is `before - leaves + joins`. An update is in both. */
export interface PresenceDiff {
  readonly joins: Presences
  readonly leaves: Presences
}

export function noPresences(): Presences {
  return Object.create(null)
}

/** Groups rows by key, in their order. */
export function toPresences(rows: Iterable<Row>): Presences {
  const presences = noPresences()
  for (const row of rows) {
    const entry = presences[row.key]
    if (entry === undefined) presences[row.key] = { metas: [row.meta] }
    else entry.metas.push(row.meta)
  }
  return presences
}

/** The rows that came and went since the last diff of a topic. A row that did both is in neither. */
export class Changes {
  // Made on first use: most changes are a few who come, or a few who go.
  #joins: Set<Row> | undefined
  #leaves: Set<Row> | undefined

  constructor(from?: Changes) {
    if (from === undefined) return
    this.#joins = new Set(from.#joins)
    this.#leaves = new Set(from.#leaves)
  }

  get empty(): boolean {
    return !this.#joins?.size && !this.#leaves?.size
  }

  join(row: Row): void {
    if (this.#leaves?.delete(row)) return
    this.#joins ??= new Set()
    this.#joins.add(row)
  }

  leave(row: Row): void {
    if (this.#joins?.delete(row)) return
    this.#leaves ??= new Set()
    this.#leaves.add(row)
  }

  joins(): Iterable<Row> {
    return this.#joins ?? NOBODY
  }

  leaves(): Iterable<Row> {
    return this.#leaves ?? NOBODY
  }

  /** True where this row's opposite change would make both vanish. */
  cancels(row: Row): boolean {
    return this.#joins?.has(row) === true || this.#leaves?.has(row) === true
  }

  toDiff(): PresenceDiff {
    return { joins: toPresences(this.joins()), leaves: toPresences(this.leaves()) }
  }
}

const NOBODY: readonly Row[] = []
