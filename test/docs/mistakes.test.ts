import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { mistakes } from '../package/mistakes/mistakes.ts'
import { tables } from '../package/mistakes/table.ts'
import { root } from './samples.ts'
import '../package/mistakes/mistakes.spec.ts'

test('docs/mistakes.md shows each mistake that is played, with its message, and no other', () => {
  const page = readFileSync(join(root, 'docs/mistakes.md'), 'utf8')
  assert.equal(page.slice(page.indexOf('\n## ') + 1), tables(mistakes))
  const rows = Object.values(mistakes).flat()
  assert.ok(rows.length >= 60, `${rows.length} mistakes`)
  assert.equal(new Set(rows.map(({ code }) => code)).size, rows.length)
})
