import assert from 'node:assert/strict'
import { test } from 'node:test'
import { need } from '../../support/need.ts'
import { clusterFaults } from './scenarios.ts'

// Three nodes, one Redis and users of phoenix.js on a small scale. `npm run soak -- --cluster` plays the same on the promised one.

for (const fault of clusterFaults) {
  test(`X24: ${fault.name}: every criterion holds`, need('redis-server'), async (t) => {
    const findings = await fault.play('small')
    for (const { what, wanted, measured } of findings) t.diagnostic(`${what}: ${measured} (${wanted})`)
    assert.deepEqual(
      findings.filter(({ holds }) => !holds),
      [],
    )
  })
}
