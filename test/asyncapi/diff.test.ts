import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { diff } from '@asyncapi/diff'
import { Parser } from '@asyncapi/parser'
import type { AsyncApiDocument } from 'fastify-beryl/asyncapi'
import { type TSchema, Type } from 'typebox'
import { extractSamples } from '../docs/samples.ts'
import { define, documentOf } from './lab.ts'

// The script of docs/asyncapi.md, over documents of two versions of a channel.

const run = promisify(execFile)
const { folder } = extractSamples('asyncapi')

const text = Type.String()

interface Parts {
  readonly join?: TSchema | object
  readonly in?: Record<string, TSchema | object>
  readonly out?: Record<string, TSchema>
  readonly presence?: TSchema
}

const Body = Type.Object({ body: Type.String({ maxLength: 100 }) })
const BASE: Required<Parts> = {
  join: { payload: Type.Object({ name: text }), reply: Type.Object({ n: Type.Integer() }) },
  in: {
    say: { payload: Body, reply: Type.Object({ id: text }) },
    mood: Type.Union([Type.Literal('good'), Type.Literal('bad')]),
    move: Type.Tuple([Type.Integer(), Type.Integer()]),
  },
  out: { said: Type.Object({ body: text, from: Type.Optional(text) }), tick: Type.Integer() },
  presence: Type.Object({ name: text }),
}

const contract = (t: TestContext, schema: Parts): Promise<AsyncApiDocument> =>
  documentOf(t, [
    define('room:*', {
      schema,
      join: () => ({ assigns: {} }),
      in: Object.fromEntries(Object.keys(schema.in ?? {}).map((event) => [event, () => undefined])),
    }),
  ])

const say = (exchange: object): Parts => ({ ...BASE, in: { ...BASE.in, say: exchange } })
const { say: _say, ...unsaid } = BASE.in
const { tick: _tick, ...untold } = BASE.out
const { presence: _presence, ...absent } = BASE
const Id = Type.Object({ id: text })

/** A change → what the script says. */
const CHANGES: Readonly<Record<string, readonly [after: Parts, breaks: readonly string[]]>> = {
  'no change': [BASE, []],
  'an event of `in` is removed': [{ ...BASE, in: unsaid }, ['room.id.in.say is gone']],
  'an event of `out` is removed': [{ ...BASE, out: untold }, ['room.id.out.tick is gone']],
  'presence is removed': [absent, ['room.id.presence is gone']],
  'a payload is narrowed: shorter': [
    say({ payload: Type.Object({ body: Type.String({ maxLength: 50 }) }), reply: Id }),
    ['room.id.in.say: in.say takes less than it did'],
  ],
  'a payload is narrowed: one more field is required': [
    say({ payload: Type.Intersect([Body, Type.Object({ to: text })]), reply: Id }),
    ['room.id.in.say: in.say takes less than it did'],
  ],
  'a payload is narrowed: a literal less': [
    { ...BASE, in: { ...BASE.in, mood: Type.Literal('good') } },
    ['room.id.in.mood: in.mood takes less than it did'],
  ],
  'a payload is narrowed: a tuple of other kinds': [
    { ...BASE, in: { ...BASE.in, move: Type.Tuple([Type.Integer(), text]) } },
    ['room.id.in.move: in.move takes less than it did'],
  ],
  'a join is narrowed': [
    { ...BASE, join: { ...BASE.join, payload: Type.Object({ name: text, age: Type.Integer() }) } },
    ['room.id.join: join takes less than it did'],
  ],
  'a reply is declared no more': [say({ payload: Body }), ['room.id.in.say: in.say.ok is gone']],
  'a reply loses a field': [
    say({ payload: Body, reply: Type.Object({}) }),
    ['room.id.in.say: in.say.ok may be what it never was'],
  ],
  'an event of `out` is of another kind': [
    { ...BASE, out: { ...BASE.out, tick: text } },
    ['room.id.out.tick: out.tick may be what it never was'],
  ],
  'a presence loses a field': [
    { ...BASE, presence: Type.Object({}) },
    [
      'room.id.presence: presence_state may be what it never was',
      'room.id.presence: presence_diff may be what it never was',
    ],
  ],
  'a payload gets a field that may be left out': [
    say({ payload: Type.Object({ ...Body.properties, to: Type.Optional(text) }), reply: Id }),
    [],
  ],
  'an event of `out` gets a field': [
    {
      ...BASE,
      out: { ...BASE.out, said: Type.Object({ body: text, from: Type.Optional(text), at: Type.Integer() }) },
    },
    [],
  ],
  'a payload takes more': [
    say({ payload: Type.Object({ body: Type.String({ maxLength: 200 }) }), reply: Id }),
    [],
  ],
  'a new event, and an error that is declared': [
    {
      ...say({ payload: Body, reply: Id, error: Type.Object({ code: Type.Integer() }) }),
      out: { ...BASE.out, more: text },
    },
    [],
  ],
}

test('D15 the script of the guide finds what breaks clients, and nothing else', async (t) => {
  const old = join(folder, 'before.json')
  writeFileSync(old, JSON.stringify(await contract(t, BASE)))
  for (const [change, [after, breaks]] of Object.entries(CHANGES)) {
    const now = join(folder, 'asyncapi.json')
    writeFileSync(now, JSON.stringify(await contract(t, after)))
    const { stdout, code } = await run(process.execPath, ['contract-diff.js', old, now], {
      cwd: folder,
    }).then(
      ({ stdout }) => ({ stdout, code: 0 }),
      (error: { stdout: string; code: number }) => error,
    )
    assert.deepEqual(stdout.split('\n').filter(Boolean), breaks, change)
    assert.equal(code, breaks.length === 0 ? 0 : 1, change)
  }
})

test('D15 @asyncapi/diff tells of an event that is gone, and nothing of a payload that is narrowed', async (t) => {
  const parser = new Parser()
  const read = async (schema: Parts): Promise<unknown> => {
    const { document } = await parser.parse(JSON.stringify(await contract(t, schema)))
    return document?.json()
  }
  const was = await read({ out: BASE.out })
  const kinds = (is: unknown): Set<string> =>
    new Set(
      (diff(was as object, is as object).getOutput() as { changes: { type: string }[] }).changes.map(
        ({ type }) => type,
      ),
    )
  assert.ok(kinds(await read({ out: untold })).has('breaking'))
  const narrowed = kinds(await read({ out: { ...BASE.out, tick: Type.Integer({ maximum: 10 }) } }))
  assert.equal(narrowed.has('breaking'), false)
})
