import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { measure, tableOf } from './table.ts'

const page = readFileSync(new URL('../../docs/compare.md', import.meta.url), 'utf8')

const cellsOf = (table: string): string[][] =>
  table.split('\n').map((line) => line.split('|').map((cell) => cell.trim()))

test('the table of docs/compare.md is what a run of the same chat on each side gives', async () => {
  const now = cellsOf(tableOf(await measure()))
  const [name = ''] = (now[0] ?? []).filter(Boolean)
  const first = page.split('\n').findIndex((line) => line.startsWith(`| ${name} |`))
  const told = cellsOf(
    page
      .split('\n')
      .slice(first, first + now.length)
      .join('\n'),
  )
  const KB = 3
  const withoutBytes = (rows: string[][]): string[][] =>
    rows.map((row) => row.filter((_, index) => index !== KB))
  assert.deepEqual(withoutBytes(told), withoutBytes(now))
  // A library's next version may weigh a little more, or less.
  for (const [index, row] of now.slice(2).entries()) {
    const [is, was] = [Number(row[KB]), Number(told[index + 2]?.[KB])]
    assert.ok(Math.abs(is - was) <= was * 0.05, `${row[1]}: ${is} KB, and the page says ${was}`)
  }
})
