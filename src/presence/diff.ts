import { JsonText } from '../protocol/message.ts'
import { metaOf, type PresenceMeta, type Row } from './row.ts'
import { eachRow, hasRow, type RowList, type Rows, withoutRow, withRow } from './rows.ts'

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

/** The entry of a key, for code of the application. */
export function entryOf(rows: Rows): PresenceEntry {
  return { metas: rows instanceof Set ? Array.from(rows, metaOf) : [metaOf(rows)] }
}

/** Groups rows by key, in their order. */
function toPresences(rows: RowList): Presences {
  const presences = noPresences()
  for (const row of rows) {
    const entry = presences[row.key]
    if (entry === undefined) presences[row.key] = { metas: [metaOf(row)] }
    else entry.metas.push(metaOf(row))
  }
  return presences
}

/** The entry of a key as a field of {@link Presences}, in JSON. */
export function entryText(key: string, rows: Rows): string {
  return entryAround(key, rows instanceof Set ? Array.from(rows, ({ text }) => text).join() : rows.text)
}

function entryAround(key: string, metas: string): string {
  return `${JSON.stringify(key)}:{"metas":[${metas}]}`
}

/** {@link Presences} in JSON, grouped by key. */
function presencesText(rows: RowList): string {
  const [first, second] = rows
  if (first === undefined) return '{}'
  if (second === undefined) return `{${entryText(first.key, first)}}`
  const metas = new Map<string, string>()
  for (const { key, text } of rows) {
    const others = metas.get(key)
    metas.set(key, others === undefined ? text : `${others},${text}`)
  }
  return `{${Array.from(metas, ([key, texts]) => entryAround(key, texts)).join()}}`
}

/** A {@link PresenceDiff} in JSON, as clients are told it. */
export function diffText(joins: RowList, leaves: RowList): JsonText {
  return new JsonText(`{"joins":${presencesText(joins)},"leaves":${presencesText(leaves)}}`)
}

/** The rows that came and went since the last diff of a topic. A row that did both is in neither. */
export class Changes {
  // Most changes are one who comes, or one who goes.
  #joins: Rows | undefined
  #leaves: Rows | undefined

  constructor(from?: Changes) {
    if (from === undefined) return
    for (const row of from.joins()) this.join(row)
    for (const row of from.leaves()) this.leave(row)
  }

  get empty(): boolean {
    return this.#joins === undefined && this.#leaves === undefined
  }

  join(row: Row): void {
    if (hasRow(this.#leaves, row)) this.#leaves = withoutRow(this.#leaves, row)
    else this.#joins = withRow(this.#joins, row)
  }

  leave(row: Row): void {
    if (hasRow(this.#joins, row)) this.#joins = withoutRow(this.#joins, row)
    else this.#leaves = withRow(this.#leaves, row)
  }

  joins(): RowList {
    return eachRow(this.#joins)
  }

  leaves(): RowList {
    return eachRow(this.#leaves)
  }

  /** True where this row's opposite change would make both vanish. */
  cancels(row: Row): boolean {
    return hasRow(this.#joins, row) || hasRow(this.#leaves, row)
  }

  toDiff(): PresenceDiff {
    return { joins: toPresences(this.joins()), leaves: toPresences(this.leaves()) }
  }
}
