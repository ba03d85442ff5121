import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { flawsOf } from './lab.ts'
import { exampleDocument, PAGE } from './write-example.ts'

test('D14 docs/asyncapi.example.json is what the example serves at /asyncapi.json, and is valid', async () => {
  const served = await exampleDocument()
  assert.deepEqual(
    JSON.parse(readFileSync(PAGE, 'utf8')),
    JSON.parse(served),
    'write it anew: npx tsx test/asyncapi/write-example.ts',
  )
  assert.deepEqual(await flawsOf(JSON.parse(served)), [])
})
