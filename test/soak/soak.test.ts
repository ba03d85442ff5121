import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connects, joinsAndLeaves } from './churn.ts'

// A thousandth of what `npm run soak` does: enough to see what grows with every one of them.

for (const churn of [joinsAndLeaves, connects]) {
  test(`${churn.name} leave nothing behind: no object, no timer, no file descriptor`, async (t) => {
    const findings = await churn.play('small')
    for (const { what, wanted, measured } of findings) t.diagnostic(`${what}: ${measured} (${wanted})`)
    assert.deepEqual(
      findings.filter(({ holds }) => !holds),
      [],
    )
  })
}
