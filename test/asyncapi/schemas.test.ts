import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Binary, defineChannel } from 'fastify-beryl'
import { type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { at, define, documentOf, flawsOf, partAt, validatorAt } from './lab.ts'

// The schemas of a document mean what TypeBox means by them.

const text = Type.String()

/** A schema of each kind that JSON can carry. */
const KINDS: Readonly<Record<string, TSchema>> = {
  Any: Type.Any(),
  Array: Type.Array(text, { minItems: 1, maxItems: 2, uniqueItems: true }),
  Boolean: Type.Boolean(),
  Cyclic: Type.Cyclic({ Node: Type.Object({ text, next: Type.Optional(Type.Ref('Node')) }) }, 'Node'),
  Enum: Type.Enum(['a', 'b']),
  Integer: Type.Integer({ minimum: 0, multipleOf: 2 }),
  Intersect: Type.Intersect([Type.Object({ a: text }), Type.Object({ b: text })]),
  Literal: Type.Literal('a'),
  Never: Type.Never(),
  Null: Type.Null(),
  Number: Type.Number({ exclusiveMaximum: 10 }),
  Object: Type.Object({ a: text, 'b/~ c': Type.Optional(text) }, { additionalProperties: false }),
  Optional: Type.Object({ a: Type.Optional(text) }),
  Partial: Type.Partial(Type.Object({ a: text })),
  Readonly: Type.Readonly(text),
  Record: Type.Record(text, Type.Integer()),
  Ref: Type.Cyclic(
    { A: Type.Object({ b: Type.Ref('B') }), B: Type.Object({ a: Type.Optional(Type.Ref('A')) }) },
    'A',
  ),
  String: Type.String({ minLength: 1, maxLength: 3, pattern: '^a' }),
  TemplateLiteral: Type.TemplateLiteral('a|b'),
  Tuple: Type.Tuple([text, Type.Integer()]),
  Union: Type.Union([text, Type.Null()]),
  Unknown: Type.Unknown(),
  Unsafe: Type.Unsafe<unknown>({
    type: 'object',
    properties: { const: { const: { $ref: '#' } } },
    required: ['const'],
  }),
  'a definition of its own': Type.Unsafe<unknown>({
    $defs: { 'a b': { type: 'string' } },
    properties: { a: { $ref: '#/$defs/a%20b' }, again: { $ref: '#' }, b: { $ref: '#/properties/a' } },
  }),
  'keywords of later drafts': Type.Unsafe<unknown>({
    prefixItems: [{ type: 'string' }],
    items: { type: 'integer' },
    dependentRequired: { a: ['b'] },
    dependentSchemas: { b: { properties: { c: { type: 'string' } } } },
  }),
  'a reference with company': Type.Unsafe<unknown>({
    $defs: { A: { type: 'string' } },
    properties: { a: { $ref: '#/$defs/A', maxLength: 1 } },
  }),
}

/** Values of many shapes, some of which fit. */
const VALUES: readonly unknown[] = [
  'a',
  'b',
  'abcd',
  '',
  0,
  1,
  2,
  1.5,
  -2,
  10,
  true,
  null,
  [],
  ['a'],
  ['a', 'a'],
  ['a', 1],
  ['a', 1, 2],
  ['a', 'b', 'c'],
  {},
  { a: 'a' },
  { a: 1 },
  { a: 'ab' },
  { b: 'b' },
  { b: 1 },
  { a: 'a', b: 'b' },
  { a: 'a', b: 'b', c: 'c' },
  { a: 'a', b: 'b', c: 1 },
  { a: 'a', 'b/~ c': 'b' },
  { a: 'a', 'b/~ c': 1 },
  { n: 1 },
  { text: 'a' },
  { text: 'a', next: { text: 'b' } },
  { text: 'a', next: { text: 1 } },
  { b: { a: { b: {} } } },
  { b: { a: { b: 1 } } },
  { again: { a: 1 } },
  { again: { a: 'a' } },
  { const: { $ref: '#' } },
  { const: 1 },
]

test('D4 a schema of each kind is valid in a document, and takes what TypeBox takes', async (t) => {
  const kinds = Object.entries(KINDS).map(([kind, schema], index) => ({ kind, schema, event: `e${index}` }))
  const out = Object.fromEntries(kinds.map(({ event, schema }) => [event, schema]))
  const document = await documentOf(t, [define('a', { schema: { out }, join: () => ({ assigns: {} }) })])
  assert.deepEqual(await flawsOf(document), [])
  for (const { kind, schema, event } of kinds) {
    const validate = validatorAt(document, 'components', 'schemas', `a.out.${event}`)
    for (const value of VALUES)
      assert.equal(validate(value), Value.Check(schema, value), `${JSON.stringify(value)} as ${kind}`)
    // A kind that takes nothing, or all of them, would show nothing by that.
    const fits = VALUES.filter((value) => Value.Check(schema, value)).length
    if (!['Any', 'Unknown', 'Never'].includes(kind))
      assert.ok(fits > 0 && fits < VALUES.length, `${kind}: ${fits} fit`)
  }
})

test('D4 no test, example or page uses a kind of schema that is missing here', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const used = new Set<string>()
  for (const folder of ['test', 'example-app', 'docs'])
    for (const file of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!/\.(ts|md)$/.test(file)) continue
      for (const [, kind = ''] of readFileSync(join(root, folder, file), 'utf8').matchAll(
        /\bType\.([A-Z]\w+)\(/g,
      ))
        used.add(kind)
    }
  const refused = [
    'BigInt',
    'Symbol',
    'Function',
    'Constructor',
    'Promise',
    'Date',
    'Uint8Array',
    'Iterator',
    'AsyncIterator',
  ]
  const elsewhere = ['Refine', 'Void', 'Undefined']
  const known = [...Object.keys(KINDS), ...refused, ...elsewhere]
  assert.deepEqual(
    [...used].filter((kind) => !known.includes(kind)),
    [],
  )
})

test('D5 a reply that may be nothing is an empty object on the wire', async (t) => {
  const schema = {
    in: {
      a: { reply: Type.Void() },
      b: { reply: Type.Union([Type.Undefined(), Type.Object({ n: Type.Integer() })]) },
    },
  }
  const channel = defineChannel('a', {
    schema,
    join: () => ({ assigns: {} }),
    in: { a: () => {}, b: () => {} },
  })
  const document = await documentOf(t, [channel])
  assert.deepEqual(await flawsOf(document), [])
  const a = validatorAt(document, 'components', 'messages', 'a.in.a.ok', 'payload')
  assert.equal(a({ status: 'ok', response: {} }), true)
  assert.equal(a({ status: 'ok', response: { n: 1 } }), false)
  const b = validatorAt(document, 'components', 'messages', 'a.in.b.ok', 'payload')
  assert.equal(b({ status: 'ok', response: {} }), true)
  assert.equal(b({ status: 'ok', response: { n: 1 } }), true)
  assert.equal(b({ status: 'ok', response: { n: 'a' } }), false)
})

test('D6 bytes are a message of their own, also where JSON may come in their place', async (t) => {
  const schema = {
    in: { up: { payload: Binary({ maxBytes: 10 }), reply: Binary(), error: Binary() } },
    out: { image: Type.Union([Binary({ maxBytes: 5 }), Type.Object({ url: Type.String() }), Type.Null()]) },
  }
  const channel = defineChannel('a', {
    schema,
    join: () => ({ assigns: {} }),
    in: { up: (bytes) => bytes },
  })
  const document = await documentOf(t, [channel])
  assert.deepEqual(await flawsOf(document), [])
  const message = (key: string) => partAt(document, 'components', 'messages', `a.${key}`)
  const payload = (key: string) => at(document, 'components', 'messages', `a.${key}`, 'payload')
  const bytes = (maxLength?: number) => ({
    type: 'string',
    format: 'binary',
    ...(maxLength && { maxLength }),
  })
  for (const [key, expected] of [
    ['in.up', bytes(10)],
    ['in.up.ok', bytes()],
    ['in.up.error.bytes', bytes()],
    ['out.image.bytes', bytes(5)],
  ] as const) {
    assert.equal(message(key).contentType, 'application/octet-stream', key)
    assert.deepEqual(payload(key), expected, key)
  }
  assert.equal(message('out.image').contentType, undefined)
  const image = validatorAt(document, 'components', 'messages', 'a.out.image', 'payload')
  assert.equal(image({ url: 'a' }), true)
  assert.equal(image('a'), false)
  const sends = partAt(document, 'operations', 'a.out.image').messages
  assert.deepEqual(sends, [
    { $ref: '#/channels/a/messages/out.image' },
    { $ref: '#/channels/a/messages/out.image.bytes' },
  ])
})

test('D7 a schema that the application checks further says so', async (t) => {
  const even = Type.Refine(Type.Integer(), (value) => value % 2 === 0)
  const channel = defineChannel('a', {
    schema: { out: { n: even, m: Type.Integer() } },
    join: () => ({ assigns: {} }),
  })
  const document = await documentOf(t, [channel])
  assert.deepEqual(await flawsOf(document), [])
  assert.deepEqual(at(document, 'components', 'schemas', 'a.out.n'), { type: 'integer', 'x-refined': true })
  assert.deepEqual(at(document, 'components', 'schemas', 'a.out.m'), { type: 'integer' })
})
