import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Binary } from 'fastify-beryl'
import { Type } from 'typebox'
import { PayloadSchema, showIssues } from '../../../src/channel/schema.ts'
import { TOO_DEEP } from '../../../src/protocol/message.ts'

test('a payload fits or it does not: nothing is coerced, filled in or removed', () => {
  const schema = new PayloadSchema(
    Type.Object({ age: Type.Integer(), tag: Type.Optional(Type.String({ default: 'x' })) }),
  )
  const payload = { age: 7, extra: true }
  assert.equal(schema.accepts(payload), true)
  assert.deepEqual(payload, { age: 7, extra: true })
  assert.equal(schema.accepts({ age: '7' }), false)
  assert.equal(schema.accepts({}), false)
})

test('an issue says where it is, as a JSON pointer, and what is wrong', () => {
  const Person = Type.Object({ name: Type.String({ minLength: 1 }) })
  const schema = new PayloadSchema(Type.Object({ people: Type.Array(Person) }))
  assert.deepEqual(schema.issues({ people: [{ name: 'ada' }, { name: '' }] }), [
    { path: '/people/1/name', message: 'must not have fewer than 1 characters' },
  ])
  assert.deepEqual(schema.issues([]), [{ path: '', message: 'must be object' }])
})

test('an answer lists no more than ten issues, however many there are', () => {
  const schema = new PayloadSchema(Type.Array(Type.String()))
  const { length } = schema.issues(Array.from({ length: 1000 }, (_, n) => n))
  assert.ok(length > 1 && length <= 10, String(length))
})

test('issues are shown on one line', () => {
  const issues = [
    { path: '', message: 'must be object' },
    { path: '/a', message: 'must be string' },
  ]
  assert.equal(showIssues(issues), 'must be object; /a must be string')
})

test('Binary takes any Uint8Array up to maxBytes, and nothing else', () => {
  const schema = new PayloadSchema(Binary({ maxBytes: 3 }))
  assert.equal(schema.accepts(Buffer.of(1, 2, 3)), true)
  assert.equal(schema.accepts(new Uint8Array(3)), true)
  assert.equal(schema.accepts(new Uint8Array(0)), true)
  for (const wrong of [Buffer.alloc(4), 'abc', [1, 2], { length: 1 }, new ArrayBuffer(2), null, undefined]) {
    assert.equal(schema.accepts(wrong), false)
    assert.deepEqual(schema.issues(wrong), [{ path: '', message: 'must be binary of at most 3 bytes' }])
  }
  assert.deepEqual(new PayloadSchema(Binary()).issues('x'), [{ path: '', message: 'must be binary' }])
})

test('bytes fit only a schema that speaks of bytes: the properties of a Buffer are not looked at', () => {
  for (const schema of [
    Type.Object({}),
    Type.Record(Type.String(), Type.Unknown()),
    Type.Array(Type.Number()),
  ]) {
    const compiled = new PayloadSchema(schema)
    assert.equal(compiled.accepts(Buffer.of(1)), false)
    assert.deepEqual(compiled.issues(Buffer.of(1)), [{ path: '', message: 'must be JSON, not binary' }])
  }
  for (const schema of [Type.Any(), Type.Unknown(), Type.Union([Type.Object({}), Binary()])]) {
    assert.equal(new PayloadSchema(schema).accepts(Buffer.of(1)), true)
  }
})

test('a payload that is nested too deeply fits no schema, not even Any', () => {
  const schema = new PayloadSchema(Type.Any())
  assert.equal(schema.accepts(TOO_DEEP), false)
  assert.deepEqual(schema.issues(TOO_DEEP), [{ path: '', message: 'must not be nested so deeply' }])
})
