import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faults } from './scenarios.ts'

// Each fault on a small scale. `npm run soak` plays the same ones on the scale that is promised.

for (const fault of faults) {
  test(`${fault.name}: every criterion holds`, async (t) => {
    const findings = await fault.play('small')
    for (const { what, wanted, measured } of findings) t.diagnostic(`${what}: ${measured} (${wanted})`)
    assert.deepEqual(
      findings.filter(({ holds }) => !holds),
      [],
    )
  })
}
