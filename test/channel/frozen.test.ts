import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Binary, defineChannel } from 'fastify-beryl'
import { Type } from 'typebox'
import { Settings } from 'typebox/system'
import { PayloadSchema } from '../../src/channel/schema.ts'

// With the setting immutableTypes TypeBox freezes what it makes.

before(() => Settings.Set({ immutableTypes: true }))
after(() => Settings.Reset())

test("an async check of a frozen schema says no, and its rejection is nobody's", async () => {
  const lazy = Type.Refine(Type.String(), (async () => Promise.reject(new Error('no'))) as never)
  assert.ok(Object.isFrozen(lazy))
  for (const schema of [
    lazy,
    Type.Object({ deep: Type.Array(lazy) }),
    Type.Cyclic({ Names: Type.Union([lazy, Type.Array(Type.Ref('Names'))]) }, 'Names'),
  ]) {
    const values = ['x', { deep: ['x'] }, [['x']]]
    for (const value of values) assert.notEqual(new PayloadSchema(schema).misfit(value), undefined)
  }
})

test('frozen schemas mean what they say, and serve several channels', () => {
  const even = Type.Refine(Type.Integer(), (value) => value % 2 === 0)
  const bytes = Binary({ maxBytes: 2 })
  for (const pattern of ['a:*', 'b:*'])
    defineChannel(pattern, {
      schema: { in: { even: { payload: even }, bytes: { payload: bytes } }, out: { bytes } },
      join: () => ({ assigns: {} }),
      in: { even: () => undefined, bytes: () => undefined },
    })
  const checked = new PayloadSchema(Type.Object({ even }))
  assert.equal(checked.misfit({ even: 2 }), undefined)
  assert.notEqual(checked.misfit({ even: 1 }), undefined)
  const binary = new PayloadSchema(bytes)
  assert.equal(binary.takesBytes, true)
  assert.equal(binary.misfit(Buffer.of(1, 2)), undefined)
  assert.notEqual(binary.misfit(Buffer.of(1, 2, 3)), undefined)
})
