import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AgedMap } from '../../src/ground/aged-map.ts'
import { check } from '../support/property.ts'

const KEYS = ['a', 'b', 'c', 'd', 'e']
const step = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key: fc.constantFrom(...KEYS) }),
  fc.record({ kind: fc.constant('delete' as const), key: fc.constantFrom(...KEYS) }),
  fc.record({ kind: fc.constant('replace' as const), key: fc.constantFrom(...KEYS) }),
  fc.record({ kind: fc.constant('while' as const), upTo: fc.nat(60) }),
  fc.record({ kind: fc.constant('clear' as const) }),
)

test('it is a Map in which whatever is set becomes the newest, also what was there', (t) => {
  check(t, 500, fc.array(step, { maxLength: 60 }), (steps) => {
    const [map, model] = [new AgedMap<string, number>(), new Map<string, number>()]
    for (const [at, one] of steps.entries()) {
      if (one.kind === 'set') {
        map.set(one.key, at)
        model.delete(one.key)
        model.set(one.key, at)
      } else if (one.kind === 'delete') assert.equal(map.delete(one.key), model.delete(one.key))
      else if (one.kind === 'replace') {
        map.replace(one.key, at)
        if (model.has(one.key)) model.set(one.key, at)
      } else if (one.kind === 'clear') {
        map.clear()
        model.clear()
      } else {
        map.deleteWhile((setAt) => setAt < one.upTo)
        for (const [key, setAt] of [...model]) if (setAt < one.upTo) model.delete(key)
      }
      const entries = map.entries().map(({ key, value }) => [key, value])
      assert.deepEqual(entries, [...model])
      assert.deepEqual([map.oldest?.key, map.size], [[...model.keys()][0], model.size])
      for (const key of KEYS) assert.deepEqual([map.has(key), map.get(key)], [model.has(key), model.get(key)])
    }
  })
})

test('entries are those that were there: whoever walks over them may delete any, and set others', () => {
  const map = new AgedMap<string, number>()
  for (const [at, key] of KEYS.entries()) map.set(key, at)
  const seen = map.entries().map(({ key }) => {
    map.delete('b')
    map.delete(key)
    map.set(`${key}${key}`, 0)
    return key
  })
  assert.deepEqual(seen, KEYS)
  assert.deepEqual(
    map.entries().map(({ key }) => key),
    ['aa', 'bb', 'cc', 'dd', 'ee'],
  )
})
