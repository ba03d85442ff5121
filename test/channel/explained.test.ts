import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type TSchema, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { PayloadSchema } from '../../src/channel/schema.ts'

// TypeBox looks for the reasons why a value does not fit in every part of it and in all alternatives of a union, at each level anew. One
// message of a client could keep the whole node at that for ever.

const UNEXPLAINED = [
  { path: '', message: 'must fit its schema: it is too large for a search for the part that does not' },
]

/** A string of which it is counted how often anybody looked at it. A search without an end is cut short. */
function counted(): { readonly schema: TSchema; readonly looks: () => number } {
  let looks = 0
  const schema = Type.Refine(Type.Unknown(), (value) => {
    if (++looks > 20_000) throw new Error('looked at too often')
    return typeof value === 'string'
  })
  return { schema, looks: () => looks }
}

const nested = (levels: number, inmost: unknown, around: (inner: unknown) => unknown): unknown => {
  let value = inmost
  for (let level = 0; level < levels; level++) value = around(value)
  return value
}

/** Each is a schema of an application that means well, and a payload of so many levels, or items, that has one fault. */
const SHAPES: readonly [
  name: string,
  make: (leaf: TSchema) => TSchema,
  payload: (size: number) => unknown,
][] = [
  [
    'an expression',
    (leaf) =>
      Type.Cyclic(
        {
          Expression: Type.Union([
            Type.Object({ op: Type.Literal('not'), of: Type.Ref('Expression') }),
            Type.Object({ op: Type.Literal('minus'), of: Type.Ref('Expression') }),
            Type.Object({ op: Type.Literal('value'), value: leaf }),
          ]),
        },
        'Expression',
      ),
    (size) => nested(size, { op: 'value', value: 1 }, (of) => ({ op: 'not', of })),
  ],
  [
    'lists of lists',
    (leaf) => Type.Cyclic({ Lists: Type.Union([Type.Array(Type.Ref('Lists')), leaf]) }, 'Lists'),
    (size) => nested(size, 1, (inner) => [inner]),
  ],
  [
    'names of names',
    (leaf) =>
      Type.Cyclic(
        {
          Names: Type.Union([
            Type.Object({ of: Type.Literal('a'), in: Type.Ref('Names') }),
            Type.Object({ of: Type.Literal('b'), in: Type.Record(Type.String(), Type.Ref('Names')) }),
            Type.Object({ of: Type.Literal('c'), in: leaf }),
          ]),
        },
        'Names',
      ),
    (size) => nested(size, { of: 'c', in: 1 }, (inner) => ({ of: 'b', in: { inner } })),
  ],
  [
    'a tree',
    (leaf) => Type.Cyclic({ Node: Type.Object({ id: leaf, kids: Type.Array(Type.Ref('Node')) }) }, 'Node'),
    (size) => nested(size, { id: 1, kids: [] }, (kid) => ({ id: 'x', kids: [kid] })),
  ],
  [
    'a list of a union',
    (leaf) =>
      Type.Array(
        Type.Union(
          Array.from({ length: 10 }, (_, index) => Type.Object({ kind: Type.Literal(`k${index}`), a: leaf })),
        ),
      ),
    (size) => Array.from({ length: size }, (_, index) => ({ kind: 'k9', a: index === size - 1 ? 1 : 'x' })),
  ],
  [
    'a table',
    (leaf) => Type.Array(Type.Object({ a: leaf, b: Type.Number() })),
    (size) => Array.from({ length: size }, (_, index) => ({ a: index === size - 1 ? 1 : 'x', b: 1 })),
  ],
]

for (const [name, make, payload] of SHAPES)
  test(`W134 it takes bounded work to say why a payload does not fit: ${name}`, () => {
    for (const size of [1, 2, 4, 8, 16, 64, 240, 800]) {
      const leaf = counted()
      const misfit = new PayloadSchema(make(leaf.schema)).misfit(payload(size))
      assert.equal(misfit?.thrown, undefined, `size ${size}: nothing of the application threw`)
      assert.ok((misfit?.issues.length ?? 0) > 0)
      assert.ok(leaf.looks() <= 3_000, `size ${size}: ${leaf.looks()} looks`)
    }
  })

test('W134 of a small payload the reasons are those that TypeBox finds, and of a large one that it is large', () => {
  for (const [name, make, payload] of SHAPES) {
    const schema = make(Type.String())
    const found = Compile(schema).Errors(payload(2))
    const issues = found.map(({ instancePath, message }) => ({ path: instancePath, message }))
    assert.deepEqual(new PayloadSchema(schema).misfit(payload(2))?.issues, issues, name)
    assert.deepEqual(new PayloadSchema(schema).misfit(payload(800))?.issues, UNEXPLAINED, name)
    assert.equal(issues.length > 0, true)
  }
})

test('W134 nothing that a schema may hold escapes the count', () => {
  const wide = Type.Union(Array.from({ length: 60 }, (_, index) => Type.Literal(`k${index}`)))
  const list = Array.from({ length: 40 }, () => 0)
  const many = Object.fromEntries(Array.from({ length: 3_000 }, (_, index) => [`x${index}`, 0]))
  const named = Object.fromEntries(list.map((zero, index) => [`x${index}`, zero]))
  const parts: readonly [TSchema, unknown][] = [
    [Type.Array(wide), list],
    [Type.Tuple(list.map(() => wide)), list],
    [Type.Record(Type.String(), wide), named],
    [Type.Object({}, { additionalProperties: wide }), named],
    [Type.Object({}, { additionalProperties: false }), many],
    [Type.Object({ a: Type.Any() }, { unevaluatedProperties: false }), many],
    [Type.Unsafe({ items: false }), Object.keys(many)],
    [Type.Object(Object.fromEntries(Object.keys(named).map((key) => [key, wide]))), named],
    [Type.Array(Type.Any(), { contains: wide }), list],
    [Type.Intersect([Type.Object({}), Type.Record(Type.String(), wide)]), named],
    [Type.Unsafe({ items: wide }), list],
    [Type.Unsafe({ allOf: [{ prefixItems: list.map(() => wide) }] }), list],
    [Type.Unsafe({ not: { not: { items: wide } } }), list],
    [Type.Unsafe({ if: true, else: false, dependentSchemas: {}, oneOf: [{ items: wide }] }), list],
    [Type.Unsafe({ definitions: { wide }, items: { $ref: '#/definitions/wide' } }), list],
    [Type.Unsafe({ propertyNames: wide }), named],
  ]
  for (const [schema, value] of parts)
    assert.deepEqual(new PayloadSchema(schema).misfit(value)?.issues, UNEXPLAINED, JSON.stringify(schema))
})
