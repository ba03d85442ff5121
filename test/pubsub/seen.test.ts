import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Seen } from '../../src/pubsub/seen.ts'

const WINDOW = 2 ** 20
const CHUNK = 4096

test('each envelope of each run is new once', () => {
  const seen = new Seen()
  assert.equal(seen.first(1, 1), true)
  assert.equal(seen.first(1, 1), false)
  assert.equal(seen.first(2, 1), true)
  assert.equal(seen.first(1, 3), true)
  assert.equal(seen.first(1, 2), true)
  assert.equal(seen.first(1, 2), false)
})

test('in any order within the window, each is new once', () => {
  const order = fc
    .uniqueArray(fc.integer({ min: 1, max: WINDOW }), { maxLength: 60 })
    .chain((numbers) => fc.shuffledSubarray([...numbers, ...numbers], { minLength: numbers.length * 2 }))
  fc.assert(
    fc.property(order, (sequences) => {
      const seen = new Seen()
      const met = new Set<number>()
      for (const sequence of sequences) {
        assert.equal(seen.first(1, sequence), !met.has(sequence))
        met.add(sequence)
      }
    }),
  )
})

test('what is older than the window counts as seen', () => {
  const seen = new Seen()
  for (let sequence = 2; sequence <= 2 + WINDOW + CHUNK; sequence += CHUNK) seen.first(1, sequence)
  for (const old of [1, 2, 3, CHUNK - 1]) assert.equal(seen.first(1, old), false)
  assert.equal(seen.first(1, CHUNK), true)
  assert.equal(seen.first(1, CHUNK + 2), false)
})

test('a jump of the sequence over more than the window takes no time and forgets no newer one', () => {
  const seen = new Seen()
  for (let sequence = 1; sequence <= 10; sequence++) seen.first(1, sequence)
  assert.equal(seen.first(1, 2 ** 40), true)
  assert.equal(seen.first(1, 2 ** 40), false)
  assert.equal(seen.first(1, 10), false)
  assert.equal(seen.first(1, 2 ** 40 - WINDOW + 1), true)
})

test('X11 a number far ahead, which nobody has sent, takes nothing from those that come, nor from what was seen', () => {
  const seen = new Seen()
  for (let sequence = 1; sequence <= 10; sequence++) seen.first(1, sequence)
  for (const broken of [2 ** 48 - 1, 2 ** 40, 2 ** 31]) assert.equal(seen.first(1, broken), true)
  for (let sequence = 11; sequence <= 10_000; sequence++) assert.equal(seen.first(1, sequence), true)
  for (const sequence of [1, 10, 11, 10_000, 2 ** 40]) assert.equal(seen.first(1, sequence), false)
})

test('256 runs are remembered; one more takes the place of the one that was silent for longest', () => {
  const seen = new Seen()
  for (let run = 0; run < 256; run++) seen.first(run, 1)
  assert.equal(seen.first(0, 1), false)
  seen.first(256, 1)
  assert.equal(seen.first(0, 1), false)
  assert.equal(seen.first(1, 1), true)
})

test('X11 what comes behind hundreds of thousands of others, over a server that stood still, is new once', () => {
  const seen = new Seen()
  const late = [2, 3, 4_097, 70_000]
  for (let sequence = 1; sequence <= 600_000; sequence++)
    if (!late.includes(sequence)) assert.equal(seen.first(1, sequence), true)
  for (const sequence of late) assert.equal(seen.first(1, sequence), true)
  for (const sequence of [...late, 1, 599_999]) assert.equal(seen.first(1, sequence), false)
})
