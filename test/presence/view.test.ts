import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { makeRow, type Row } from '../../src/presence/row.ts'
import { View } from '../../src/presence/view.ts'
import { check } from '../support/property.ts'

const TOPIC = 'room:1'
/** None that JavaScript would put in front of others, as it does with numbers. */
const KEYS = ['ann', 'bob', 'cem', 'dot', 'eve', 'fay']

const step = fc.record({
  kind: fc.constantFrom('join' as const, 'leave' as const, 'update' as const),
  key: fc.constantFrom(...KEYS),
})

const cases = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 60 }))

test('clients are shown the oldest keys of a topic, and each diff leads from what they were shown to what they are', (t) => {
  check(t, 500, cases, ([shownKeys, steps]) => {
    const view = new View(shownKeys, { changed: () => {}, looked: () => {} })
    const keys = new Map<string, Row[]>()
    const told = new Set<string>()
    for (const [at, { kind, key }] of steps.entries()) {
      const rows = keys.get(key) ?? []
      const row = makeRow({ topic: TOPIC, key, owner: at, ref: String(at), json: '{}' })
      const old = kind === 'join' ? undefined : rows.shift()
      if (kind === 'join' || (kind === 'update' && old !== undefined)) {
        view.add(row)
        keys.set(key, rows)
        rows.push(row)
      }
      if (old !== undefined) view.remove(old)
      if (rows.length === 0) keys.delete(key)

      for (const { shown } of view.take()) {
        for (const { ref } of shown.leaves()) assert.ok(told.delete(ref))
        for (const { ref } of shown.joins()) assert.ok(!told.has(ref) && told.add(ref))
      }
      const refs = [...keys].map(([name, [...all]]) => [name, all.map(({ ref }) => ref)] as const)
      assert.deepEqual(
        [...told].sort(),
        refs
          .slice(0, shownKeys)
          .flatMap(([, all]) => all)
          .sort(),
      )
      assert.deepEqual(refsOf(JSON.parse(view.shown(TOPIC))), refs.slice(0, shownKeys))
      for (const limit of [0, shownKeys, shownKeys + 1, KEYS.length])
        assert.deepEqual(refsOf(view.list(TOPIC, limit)), refs.slice(0, limit))
      assert.deepEqual([view.count(TOPIC), [...view.topics()].length], [keys.size, Math.min(keys.size, 1)])
      for (const name of KEYS)
        assert.deepEqual(
          view.get(TOPIC, name).map(({ ref }) => ref),
          (keys.get(name) ?? []).map(({ ref }) => ref),
        )
    }
  })
})

function refsOf(presences: Record<string, { readonly metas: readonly { readonly phx_ref: string }[] }>) {
  return Object.entries(presences).map(([key, { metas }]) => [key, metas.map(({ phx_ref }) => phx_ref)])
}
