import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mistakes } from './mistakes.ts'
import { play } from './play.ts'

for (const [area, rows] of Object.entries(mistakes)) {
  for (const { code, says } of rows) {
    test(`a mistake in ${area} is told what to do: ${code}`, async () => {
      assert.equal(await play(code), says)
    })
  }
}
