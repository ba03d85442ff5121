import type { Row } from './row.ts'

/** One row or several. Nearly always there is one, which then needs no collection. */
export type Rows = Row | Set<Row>

/** Adds a row; gives what there is now. */
export function withRow(rows: Rows | undefined, row: Row): Rows {
  if (rows === undefined) return row
  return rows instanceof Set ? rows.add(row) : new Set([rows, row])
}

/** Takes a row away; gives what there is now, `undefined` where none is left. */
export function withoutRow(rows: Rows, row: Row): Rows | undefined {
  if (!(rows instanceof Set)) return rows === row ? undefined : rows
  rows.delete(row)
  return rows.size === 0 ? undefined : rows
}

export function hasRow(rows: Rows | undefined, row: Row): rows is Rows {
  return rows === row || (rows instanceof Set && rows.has(row))
}

/** Rows to go through, more than once. */
export type RowList = readonly Row[] | ReadonlySet<Row>

export function eachRow(rows: Rows | undefined): RowList {
  if (rows === undefined) return NONE
  return rows instanceof Set ? rows : [rows]
}

const NONE: readonly Row[] = []
