import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { Binary, beryl, defineChannel, later, stop } from 'fastify-beryl'
import { connect } from 'fastify-beryl/testing'
import { type TSchema, Type } from 'typebox'
import { Compile } from 'typebox/compile'

// A schema, the types made of it, and the bytes on the wire are one. Generated over kinds of schemas, over
// the places of a contract and over the ways in which one schema holds another.

interface Kind {
  readonly name: string
  readonly schema: () => TSchema
  /** Where it may stand: anywhere in JSON, as a whole payload, as a whole reply, or nowhere. */
  readonly fits: 'json' | 'bytes' | 'reply' | 'nowhere'
}

const KINDS: readonly Kind[] = [
  ...Object.entries({
    Any: Type.Any,
    Unknown: Type.Unknown,
    Null: Type.Null,
    Boolean: Type.Boolean,
    Number: Type.Number,
    Integer: Type.Integer,
    String: Type.String,
    Never: Type.Never,
  }).map(([name, schema]): Kind => ({ name, schema: () => schema(), fits: 'json' })),
  { name: 'Literal', schema: () => Type.Literal('a'), fits: 'json' },
  { name: 'Enum', schema: () => Type.Enum(['a', 1]), fits: 'json' },
  { name: 'TemplateLiteral', schema: () => Type.TemplateLiteral('a|b'), fits: 'json' },
  { name: 'a foreign JSON schema', schema: () => Type.Unsafe({ type: 'string' }), fits: 'json' },
  { name: 'Binary', schema: () => Binary(), fits: 'bytes' },
  { name: 'Binary with a limit', schema: () => Binary({ maxBytes: 7 }), fits: 'bytes' },
  { name: 'Undefined', schema: () => Type.Undefined(), fits: 'reply' },
  { name: 'Void', schema: () => Type.Void(), fits: 'reply' },
  { name: 'BigInt', schema: () => Type.BigInt(), fits: 'nowhere' },
  { name: 'a Literal of a bigint', schema: () => Type.Literal(1n), fits: 'nowhere' },
  { name: 'Symbol', schema: () => Type.Symbol(), fits: 'nowhere' },
  { name: 'Function', schema: () => Type.Function([Type.String()], Type.Null()), fits: 'nowhere' },
  { name: 'Constructor', schema: () => Type.Constructor([Type.String()], Type.Object({})), fits: 'nowhere' },
  { name: 'Date, as older versions made it', schema: () => odd('Date'), fits: 'nowhere' },
  { name: 'Promise, as older versions made it', schema: () => odd('Promise'), fits: 'nowhere' },
  { name: 'Uint8Array, as older versions made it', schema: () => odd('Uint8Array'), fits: 'nowhere' },
]

function odd(type: string): TSchema {
  return Type.Unsafe({ type } as TSchema)
}

/** The ways in which one schema holds another: as the whole of it, or as a part. */
const HOLDERS: readonly (readonly [name: string, whole: boolean, hold: (inner: TSchema) => TSchema])[] = [
  ['itself', true, (inner) => inner],
  ['Optional', true, (inner) => Type.Optional(inner)],
  ['Readonly', true, (inner) => Type.Readonly(inner)],
  ['Refine', true, (inner) => Type.Refine(inner, () => true)],
  ['a union', true, (inner) => Type.Union([Type.Object({}), inner])],
  ['a union of unions', true, (inner) => Type.Union([Type.Null(), Type.Union([Type.Null(), inner])])],
  ['an object', false, (inner) => Type.Object({ a: inner })],
  ['an object with properties named like keywords', false, (inner) => Type.Object({ const: inner })],
  ['an optional property', false, (inner) => Type.Object({ a: Type.Optional(inner) })],
  ['a partial object', false, (inner) => Type.Partial(Type.Object({ a: inner }))],
  ['an array', false, (inner) => Type.Array(inner)],
  ['a tuple', false, (inner) => Type.Tuple([Type.Null(), inner])],
  ['a record', false, (inner) => Type.Record(Type.String(), inner)],
  ['a union in an object', false, (inner) => Type.Object({ a: Type.Union([Type.Null(), inner]) })],
  ['an object in a union', false, (inner) => Type.Union([Type.Null(), Type.Object({ a: inner })])],
  ['both a whole and a part', false, (inner) => Type.Union([inner, Type.Object({ a: inner })])],
  ['an intersection', false, (inner) => Type.Intersect([Type.Object({}), Type.Object({ a: inner })])],
  ['a recursive type', false, (inner) => Type.Cyclic({ A: Type.Object({ a: inner }) }, 'A')],
  ['other properties', false, (inner) => Type.Object({}, { additionalProperties: inner })],
  ['a schema of its own', false, (inner) => Type.Unsafe({ type: 'array', items: [inner] } as never)],
]

const PLACES: readonly (readonly [field: string, schema: (inner: TSchema) => object])[] = [
  ['schema.join', (inner) => ({ join: inner })],
  ['schema.join.payload', (inner) => ({ join: { payload: inner } })],
  ['schema.join.reply', (inner) => ({ join: { reply: inner } })],
  ['schema.join.error', (inner) => ({ join: { error: inner } })],
  ['schema.in.x', (inner) => ({ in: { x: inner } })],
  ['schema.in.x.payload', (inner) => ({ in: { x: { payload: inner } } })],
  ['schema.in.x.reply', (inner) => ({ in: { x: { reply: inner } } })],
  ['schema.in.x.error', (inner) => ({ in: { x: { error: inner } } })],
  ['schema.out.x', (inner) => ({ out: { x: inner } })],
  ['schema.presence', (inner) => ({ presence: inner })],
]

function mayStand({ fits }: Kind, isWhole: boolean, field: string): boolean {
  if (fits === 'json') return true
  if (fits === 'nowhere' || !isWhole) return false
  return fits === 'reply' ? field.endsWith('.reply') : field !== 'schema.presence'
}

function define(schema: object): void {
  const handlers = 'in' in schema ? { in: { x() {} } } : {}
  defineChannel('a', { schema, join: () => ({ assigns: {} }), ...handlers } as never)
}

for (const kind of KINDS) {
  test(`${kind.name} is taken where the wire can carry it and refused elsewhere, with the place and what to take`, () => {
    for (const [field, schema] of PLACES) {
      for (const [holder, isWhole, hold] of HOLDERS) {
        const what = `${kind.name} in ${holder} at ${field}`
        const make = (): void => define(schema(hold(kind.schema())))
        if (mayStand(kind, isWhole, field)) assert.doesNotThrow(make, what)
        else assert.throws(make, refusalAt(field), what)
      }
    }
  })
}

/** Values that stand where a schema is wanted, and that TypeBox takes for one which allows everything. */
const STRANGERS: Readonly<Record<string, unknown>> = {
  'a builder that was not called': Type.String,
  'the name of a type': 'string',
  'properties without Type.Object': { name: Type.String() },
  'a schema of JSON, or of an older TypeBox': { type: 'string' },
  'a schema of JSON with a typo': { type: 'strnig' },
  'a copy of a schema': { ...Type.String() },
  'an array': [Type.String()],
  nothing: undefined,
}

/** Where a schema of JSON may stand, and where what is held is the exchange itself. */
const NOT_WITHIN = ['other properties', 'a schema of its own', 'itself', 'Optional', 'Readonly', 'Refine']

for (const [name, value] of Object.entries(STRANGERS)) {
  test(`W132 what TypeBox has not made is no schema, wherever one stands in another: ${name}`, () => {
    for (const [field, schema] of PLACES) {
      for (const [holder, , hold] of HOLDERS.filter(([holder]) => !NOT_WITHIN.includes(holder))) {
        let inner: object
        try {
          inner = schema(hold(value as TSchema))
        } catch {
          continue // TypeBox itself says no.
        }
        assert.throws(() => define(inner), refusalAt(field), `${name} in ${holder} at ${field}`)
      }
    }
  })
}

test('a property that is no schema is named, with what came, and with the way for schemas from elsewhere', () => {
  const Say = Type.Object({ to: Type.Array(Type.Object({ name: Type.String as never })) })
  assert.throws(() => define({ in: { x: Say } }), {
    message:
      'channel \'a\': schema.in.x/properties/to/items/properties/name: wanted a TypeBox schema, of the package "typebox" (Type.Unsafe makes one of any other JSON schema), got function String',
  })
})

function refusalAt(field: string): (error: Error & { code?: string }) => boolean {
  return ({ code, message }) =>
    code === 'BERYL_ERR_CHANNEL_INVALID' &&
    message.startsWith(`channel 'a': ${field}`) &&
    / wanted .+, got /.test(message)
}

// Replies of nothing

const REPLIES = KINDS.filter(({ fits }) => fits !== 'nowhere').flatMap((kind) => [
  kind,
  {
    ...kind,
    name: `a union with ${kind.name}`,
    schema: () => Type.Union([Type.Object({ a: Type.Null() }), kind.schema()]),
  },
])

/** The ways in which a handler gives nothing. */
const NOTHINGS: Readonly<Record<string, () => unknown>> = {
  now: () => undefined,
  async: async () => {},
  later: () => later(Promise.resolve(undefined)),
}

test('a handler that gives nothing answers ok {} where the declared reply takes undefined, and crashes elsewhere', async (t) => {
  for (const { name, schema } of REPLIES) {
    const takesNothing = Compile(schema()).Check(undefined)
    for (const [way, handle] of Object.entries(NOTHINGS)) {
      const app = await appWith(t, {
        schema: { in: { x: { reply: schema() } } },
        join: () => ({ assigns: {} }),
        in: { x: handle },
      })
      const channel = await (await connect(app)).join('a')
      const push = channel.push('x')
      if (takesNothing) assert.deepEqual(await push.expectReply('ok'), {}, `${name}, ${way}`)
      else
        assert.equal(
          ((await channel.expectError()) as { code: string }).code,
          'BERYL_ERR_RESULT_INVALID',
          name,
        )
      await app.close()
    }
  }
})

test('a join that gives no reply answers ok {} where the declared reply takes undefined, and is refused elsewhere', async (t) => {
  for (const { name, schema } of REPLIES) {
    const takesNothing = Compile(schema()).Check(undefined)
    const app = await appWith(t, { schema: { join: { reply: schema() } }, join: () => ({ assigns: {} }) })
    const client = await connect(app)
    if (takesNothing) assert.deepEqual((await client.join('a')).reply, {}, name)
    else await assert.rejects(client.join('a'), { name: 'JoinRefused' }, name)
    await app.close()
  }
})

test('stop without a response ends a channel without a reply, also where the declared reply takes undefined', async (t) => {
  const app = await appWith(t, {
    schema: { in: { x: { reply: Type.Void() } } },
    join: () => ({ assigns: {} }),
    in: { x: () => stop('normal', undefined) },
  })
  const channel = await (await connect(app)).join('a')
  const push = channel.push('x')
  await channel.expectClose()
  await push.refuteReply()
})

// Values of open schemas

const OPEN: Readonly<Record<string, TSchema>> = {
  Any: Type.Any(),
  Unknown: Type.Unknown(),
  Unsafe: Type.Unsafe({}),
  'a property of Any': Type.Object({ a: Type.Any() }),
  'an array of Unknown': Type.Array(Type.Unknown()),
  'a union with Any': Type.Union([Type.String(), Type.Any()]),
}

const circular: Record<string, unknown> = {}
circular.self = circular

const UNCARRIED: Readonly<Record<string, unknown>> = {
  bytes: Buffer.from('x'),
  'a typed array': new Float64Array(2),
  'an ArrayBuffer': new ArrayBuffer(2),
  'a bigint': 1n,
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  'a Map': new Map([[1, 2]]),
  'a Set': new Set([1]),
  'a promise': Promise.resolve(),
  'a circle': circular,
  'a getter that throws': {
    get a(): never {
      throw new Error('no')
    },
  },
}

test('an open schema lets no value out that JSON does not have, and everything that it has', async (t) => {
  for (const [name, schema] of Object.entries(OPEN)) {
    const app = await appWith(t, {
      schema: { out: { x: schema } },
      join: () => ({ assigns: {} }),
    })
    const client = await connect(app)
    const channel = await client.join('a')
    const send = (inner: unknown): void => {
      const payload = name.startsWith('an array') ? [inner] : { a: inner }
      app.channels.broadcast('a', 'x', payload)
    }
    for (const [what, value] of Object.entries(UNCARRIED)) {
      for (const inner of [value, [value], { b: [{ c: value }] }]) {
        assert.throws(() => send(inner), { code: 'BERYL_ERR_PAYLOAD_INVALID' }, `${what} in ${name}`)
      }
    }
    await channel.refutePush('x')
    for (const value of [null, 1, 'ü', [[]], { b: { c: [true] } }, new Date(0), Object.create(null)])
      send(value)
    for (let count = 0; count < 7; count++) await channel.expectPush('x')
    await app.close()
  }
})

test('a payload that fits a closed schema and cannot be written is refused with its event, and nobody got anything', async (t) => {
  const app = await appWith(t, {
    schema: { out: { x: Type.Object({ a: Type.Number() }) } },
    join: () => ({ assigns: {} }),
  })
  const channel = await (await connect(app)).join('a')
  for (const more of [1n, circular, UNCARRIED['a getter that throws']]) {
    assert.throws(() => app.channels.broadcast('a', 'x', { a: 1, more }), {
      code: 'BERYL_ERR_PAYLOAD_INVALID',
      message: /^channel 'a', the event "x": /,
    })
  }
  await channel.refutePush('x')
})

async function appWith(t: { after(run: () => unknown): void }, definition: object): Promise<FastifyInstance> {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [defineChannel('a', definition as never)] })
  await app.ready()
  return app
}
