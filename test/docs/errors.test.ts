import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { errorTable } from 'fastify-beryl'
import { root } from './samples.ts'

const ROW = /^\| `(BERYL_ERR_\w+)` \| (\d+) \| (\d*) \| (yes|no) \| \S.* \|$/gm

test('docs/errors.md has a row for each error, with its status, close code and whether to try again', () => {
  const page = readFileSync(join(root, 'docs/errors.md'), 'utf8')
  const documented = [...page.matchAll(ROW)].map(([, code, status, close, retry]) => [
    code,
    status,
    close,
    retry,
  ])
  const thrown = Object.entries(errorTable).map(([code, row]) => [
    code,
    String(row.statusCode),
    'closeCode' in row ? String(row.closeCode) : '',
    row.retryable ? 'yes' : 'no',
  ])
  assert.deepEqual(documented, thrown)
})
