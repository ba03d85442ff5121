import type { PresenceEntry } from './diff.ts'
import type { Row } from './row.ts'

/** The rows of one key. Nearly always there is one, which then needs no collection. */
export type RowsOfKey = Row | Set<Row>

/** Adds a row; gives what now stands for the key. */
export function withRow(rows: RowsOfKey | undefined, row: Row): RowsOfKey {
  if (rows === undefined) return row
  return rows instanceof Set ? rows.add(row) : new Set([rows, row])
}

/** Takes a row away; gives what now stands for the key, `undefined` where none is left. */
export function withoutRow(rows: RowsOfKey, row: Row): RowsOfKey | undefined {
  if (!(rows instanceof Set)) return rows === row ? undefined : rows
  rows.delete(row)
  return rows.size === 0 ? undefined : rows
}

export function* eachRow(rows: RowsOfKey): Generator<Row> {
  if (rows instanceof Set) yield* rows
  else yield rows
}

/** The entry of a key, as it is told. */
export function entryOf(rows: RowsOfKey): PresenceEntry {
  return { metas: rows instanceof Set ? Array.from(rows, ({ meta }) => meta) : [rows.meta] }
}
