import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { closeCodes, errorTable, replyReasons, upgradeStatuses } from 'fastify-beryl'
import { root } from './samples.ts'

const page = readFileSync(join(root, 'docs/errors.md'), 'utf8')
const yesNo = (retryable: boolean): string => (retryable ? 'yes' : 'no')

const ROW = /^\| `(BERYL_ERR_\w+)` \| (\d+) \| (\d*) \| (yes|no) \| \S.* \|$/gm

test('docs/errors.md has a row for each error, with its status, close code and whether to try again', () => {
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

test('docs/errors.md has a row for each reason of an answer, with what it answers and whether to try again', () => {
  const documented = [
    ...page.matchAll(/^\| `([a-z_ ]+)` \| (join|push|both|renew) \| (yes|no) \| \S.* \|$/gm),
  ]
  assert.deepEqual(
    documented.map(([, reason, to, again]) => [reason, to, again]),
    Object.entries(replyReasons).map(([reason, { to, retryable }]) => [reason, to, yesNo(retryable)]),
  )
})

test('docs/errors.md has a row for each close code and each status of a refusal, and whether to try again', () => {
  const documented = [...page.matchAll(/^\| (\d+) \| (yes|no) \| \S.* \|$/gm)].map(([, code, again]) => [
    code,
    again,
  ])
  const sent = [...Object.entries(closeCodes), ...Object.entries(upgradeStatuses)]
  assert.deepEqual(
    documented,
    sent.map(([code, { retryable }]) => [code, yesNo(retryable)]),
  )
})
