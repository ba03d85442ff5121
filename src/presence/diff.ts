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
  readonly #joins: Set<Row>
  readonly #leaves: Set<Row>

  constructor(from?: Changes) {
    this.#joins = new Set(from === undefined ? [] : from.#joins)
    this.#leaves = new Set(from === undefined ? [] : from.#leaves)
  }

  get empty(): boolean {
    return this.#joins.size === 0 && this.#leaves.size === 0
  }

  join(row: Row): void {
    if (!this.#leaves.delete(row)) this.#joins.add(row)
  }

  leave(row: Row): void {
    if (!this.#joins.delete(row)) this.#leaves.add(row)
  }

  joins(): Iterable<Row> {
    return this.#joins
  }

  leaves(): Iterable<Row> {
    return this.#leaves
  }

  /** True where this row's opposite change would make both vanish. */
  cancels(row: Row): boolean {
    return this.#joins.has(row) || this.#leaves.has(row)
  }

  toDiff(): PresenceDiff {
    return { joins: toPresences(this.#joins), leaves: toPresences(this.#leaves) }
  }
}
