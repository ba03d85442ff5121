import assert from 'node:assert/strict'
import { test } from 'node:test'
import { need } from '../../support/need.ts'
import { historyFaults, workers } from './scenarios.ts'

// Three nodes over a Redis, or three workers, and clients of phoenix.js with the lines of docs/history.md: each entry once and in
// order, or a mark. `npm run soak -- --history` plays the same with ten times as many clients, three times.

for (const fault of historyFaults) {
  const needs = fault === workers ? { skip: false } : need('redis-server')
  test(`H3, H6, H8, H9, H10 ${fault.name}: nothing is lost, doubled or out of order`, needs, async (t) => {
    const findings = await fault.play('small')
    for (const { what, wanted, measured } of findings) t.diagnostic(`${what}: ${measured} (${wanted})`)
    assert.deepEqual(
      findings.filter(({ holds }) => !holds),
      [],
    )
  })
}
