import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Binary } from 'fastify-beryl'
import { Type } from 'typebox'
import { type PayloadIssue, PayloadSchema, showIssues } from '../../src/channel/schema.ts'
import { TOO_DEEP } from '../../src/protocol/message.ts'

const issuesOf = (schema: PayloadSchema, value: unknown): readonly PayloadIssue[] =>
  schema.misfit(value)?.issues ?? []

test('a payload fits or it does not: nothing is coerced, filled in or removed', () => {
  const schema = new PayloadSchema(
    Type.Object({ age: Type.Integer(), tag: Type.Optional(Type.String({ default: 'x' })) }),
  )
  const payload = { age: 7, extra: true }
  assert.equal(schema.misfit(payload), undefined)
  assert.deepEqual(payload, { age: 7, extra: true })
  assert.notEqual(schema.misfit({ age: '7' }), undefined)
  assert.notEqual(schema.misfit({}), undefined)
})

test('an issue says where it is, as a JSON pointer, and what is wrong', () => {
  const Person = Type.Object({ name: Type.String({ minLength: 1 }) })
  const schema = new PayloadSchema(Type.Object({ people: Type.Array(Person) }))
  assert.deepEqual(issuesOf(schema, { people: [{ name: 'ada' }, { name: '' }] }), [
    { path: '/people/1/name', message: 'must not have fewer than 1 characters' },
  ])
  assert.deepEqual(issuesOf(schema, []), [{ path: '', message: 'must be object' }])
})

test('an answer lists no more than ten issues, however many there are', () => {
  const schema = new PayloadSchema(Type.Array(Type.String()))
  const { length } = issuesOf(
    schema,
    Array.from({ length: 1000 }, (_, n) => n),
  )
  assert.ok(length > 1 && length <= 10, String(length))
})

test('a check that throws says no, whatever it throws, and hands over what it threw', () => {
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  for (const thrown of [new Error('no'), undefined, null, 'no', Symbol('no'), revoked.proxy]) {
    const schema = new PayloadSchema(
      Type.Refine(Type.String(), () => {
        throw thrown
      }),
    )
    const misfit = schema.misfit('x')
    assert.deepEqual(misfit?.issues, [{ path: '', message: 'must pass its check' }])
    assert.ok(Object.is(misfit?.thrown?.error, thrown))
  }
})

test('a message of a check that throws, or is no string, harms nobody', () => {
  const broken = (message: () => unknown): PayloadSchema =>
    new PayloadSchema(Type.Refine(Type.String(), () => false, message as () => string))
  assert.deepEqual(
    issuesOf(
      broken(() => 7n),
      'x',
    ),
    [{ path: '', message: '7' }],
  )
  const thrown = broken(() => {
    throw new Error('no')
  }).misfit('x')
  assert.deepEqual(thrown?.issues, [{ path: '', message: 'must pass its check' }])
  assert.ok(thrown?.thrown)
})

test('issues are shown on one line, with what came, but for strings, which may be secrets', () => {
  const issues = [
    { path: '', message: 'must be object' },
    { path: '/a', message: 'must be string' },
  ]
  assert.equal(showIssues(issues, { a: 1 }), 'must be object, got { a }; /a must be string, got 1')
  assert.equal(
    showIssues([{ path: '/a/b~1c', message: 'must be x' }], { a: { 'b/c': 'y' } }),
    '/a/b~1c must be x, got a string',
  )
  const unreadable = {
    get a() {
      throw new Error('no')
    },
  }
  assert.equal(showIssues([{ path: '/a', message: 'must be x' }], unreadable), '/a must be x, got undefined')
})

test('Binary takes any Uint8Array up to maxBytes, and nothing else', () => {
  const schema = new PayloadSchema(Binary({ maxBytes: 3 }))
  assert.equal(schema.misfit(Buffer.of(1, 2, 3)), undefined)
  assert.equal(schema.misfit(new Uint8Array(3)), undefined)
  assert.equal(schema.misfit(new Uint8Array(0)), undefined)
  for (const wrong of [Buffer.alloc(4), 'abc', [1, 2], { length: 1 }, new ArrayBuffer(2), null, undefined]) {
    assert.notEqual(schema.misfit(wrong), undefined)
    assert.deepEqual(issuesOf(schema, wrong), [{ path: '', message: 'must be binary of at most 3 bytes' }])
  }
  assert.deepEqual(issuesOf(new PayloadSchema(Binary()), 'x'), [{ path: '', message: 'must be binary' }])
})

test('bytes fit only a schema that speaks of bytes: the properties of a Buffer are not looked at', () => {
  for (const schema of [
    Type.Object({}),
    Type.Record(Type.String(), Type.Unknown()),
    Type.Array(Type.Number()),
  ]) {
    const compiled = new PayloadSchema(schema)
    assert.notEqual(compiled.misfit(Buffer.of(1)), undefined)
    assert.deepEqual(issuesOf(compiled, Buffer.of(1)), [{ path: '', message: 'must be JSON, not binary' }])
  }
  for (const schema of [Type.Any(), Type.Unknown(), Type.Union([Type.Object({}), Binary()])]) {
    assert.equal(new PayloadSchema(schema).misfit(Buffer.of(1)), undefined)
  }
})

test('a payload that is nested too deeply fits no schema, not even Any', () => {
  const schema = new PayloadSchema(Type.Any())
  assert.notEqual(schema.misfit(TOO_DEEP), undefined)
  assert.deepEqual(issuesOf(schema, TOO_DEEP), [{ path: '', message: 'must not be nested so deeply' }])
})
