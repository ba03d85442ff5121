import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { BOUNDS } from './bounds.ts'
import { findGrowth } from './growth.ts'

const found = findGrowth()

/** A row speaks for what its name begins. */
const speaksFor = (row: string, place: string): boolean =>
  place === row || place.startsWith(row.endsWith('/') ? row : `${row} `)

test('everything in the source that can grow has a bound with a name', () => {
  const rows = Object.keys(BOUNDS)
  assert.deepEqual(
    found.filter((place) => !rows.some((row) => speaksFor(row, place))),
    [],
    'who bounds it? Say so in bounds.ts, or give it a bound',
  )
})

test('every bound that is named bounds something', () => {
  assert.deepEqual(
    Object.keys(BOUNDS).filter((row) => !found.some((place) => speaksFor(row, place))),
    [],
  )
})

test('a bound that is an option of limits, backpressure or presence is a row of docs/limits.md', () => {
  const page = readFileSync(new URL('../docs/limits.md', import.meta.url), 'utf8')
  const options = Object.values(BOUNDS).flatMap(
    (bound) => bound.match(/\b(?:limits|backpressure|presence\.limits)\.\w+/g) ?? [],
  )
  assert.ok(options.length > 20)
  assert.deepEqual(
    [...new Set(options)].filter((option) => !page.includes(`| \`${option}\` |`)),
    [],
  )
})

test('the look for what can grow finds it as it is written', () => {
  const kinds = new Set(found.map((place) => place.split(' ')[1]))
  assert.deepEqual([...kinds].sort(), ['bytes', 'const', 'field', 'listener', 'local', 'timer'])
  assert.ok(found.length > 100, `${found.length}`)
})
