import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Seen } from '../../../src/pubsub/seen.ts'

const WINDOW = 4096

test('each envelope of each node is new once', () => {
  const seen = new Seen()
  assert.equal(seen.first('a', 1), true)
  assert.equal(seen.first('a', 1), false)
  assert.equal(seen.first('b', 1), true)
  assert.equal(seen.first('a', 3), true)
  assert.equal(seen.first('a', 2), true)
  assert.equal(seen.first('a', 2), false)
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
        assert.equal(seen.first('a', sequence), !met.has(sequence))
        met.add(sequence)
      }
    }),
  )
})

test('what is older than the window counts as seen', () => {
  const seen = new Seen()
  seen.first('a', 2)
  seen.first('a', 2 + WINDOW)
  assert.equal(seen.first('a', 1), false)
  assert.equal(seen.first('a', 3), true)
})

test('a jump of the sequence over more than the window takes no time and forgets no newer one', () => {
  const seen = new Seen()
  for (let sequence = 1; sequence <= 10; sequence++) seen.first('a', sequence)
  assert.equal(seen.first('a', 2 ** 40), true)
  assert.equal(seen.first('a', 2 ** 40), false)
  assert.equal(seen.first('a', 10), false)
  assert.equal(seen.first('a', 2 ** 40 - WINDOW + 1), true)
})

test('256 nodes are remembered; one more takes the place of the first that was met', () => {
  const seen = new Seen()
  for (let node = 0; node < 256; node++) seen.first(`n${node}`, 1)
  assert.equal(seen.first('n0', 1), false)
  seen.first('one more', 1)
  assert.equal(seen.first('n1', 1), false)
  assert.equal(seen.first('n0', 1), true)
})
