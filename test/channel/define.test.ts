import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Binary, defineChannel } from 'fastify-beryl'
import { Type } from 'typebox'
import { compiledChannel } from '../../src/channel/definition.ts'
import { PayloadSchema } from '../../src/channel/schema.ts'

const join = (): { assigns: undefined } => ({ assigns: undefined })
const handler = (): undefined => undefined
const Empty = Type.Object({})

/** As a program without types would call it. */
function define(pattern: unknown, definition: unknown): unknown {
  return (defineChannel as (pattern: unknown, definition: unknown) => unknown)(pattern, definition)
}

const SCHEMA =
  'wanted a TypeBox schema, of the package "typebox" (Type.Unsafe makes one of any other JSON schema)'
const DEFINITION_FIELDS = 'schema, join, snapshot, joined, in, info, intercept, history, terminate'

/** The fault, the pattern, the definition, and the end of the refusal: field, wanted and got. */
const REFUSED: readonly [what: string, pattern: unknown, definition: unknown, refusal: string][] = [
  [
    'an empty pattern',
    '',
    { schema: {}, join },
    'pattern: wanted a non-empty string such as "lobby" or "room:*", got ""',
  ],
  [
    'a pattern that is no string',
    7,
    { schema: {}, join },
    'pattern: wanted a non-empty string such as "lobby" or "room:*", got 7',
  ],
  [
    'a * in the middle',
    'a*b',
    { schema: {}, join },
    'pattern: wanted a "*" only at the end, once, got "a*b"',
  ],
  ['two *', 'a**', { schema: {}, join }, 'pattern: wanted a "*" only at the end, once, got "a**"'],
  [
    'the topic of heartbeats',
    'phoenix',
    { schema: {}, join },
    'pattern: wanted another topic: "phoenix" belongs to the protocol, got "phoenix"',
  ],
  [
    'a pattern of more than 255 bytes',
    'é'.repeat(128),
    { schema: {}, join },
    `pattern: wanted at most 255 bytes, got "${'é'.repeat(60)}…"`,
  ],
  ['no definition', 'r', undefined, `definition: wanted an object with ${DEFINITION_FIELDS}, got undefined`],
  [
    'a typo in the definition',
    'r',
    { schema: {}, join, terminated: handler },
    `definition.terminated: wanted one of ${DEFINITION_FIELDS}, got "terminated"`,
  ],
  ['no schema', 'r', { join }, 'schema: wanted an object with join, in, out, info, presence, got undefined'],
  [
    'a typo in the schema',
    'r',
    { schema: { outgoing: {} }, join },
    'schema.outgoing: wanted one of join, in, out, info, presence, got "outgoing"',
  ],
  ['no join', 'r', { schema: {} }, 'join: wanted a function, got undefined'],
  [
    'a join that is no function',
    'r',
    { schema: {}, join: { assigns: 1 } },
    'join: wanted a function, got { assigns }',
  ],
  [
    'a joined that is no function',
    'r',
    { schema: {}, join, joined: 'yes' },
    'joined: wanted a function, got "yes"',
  ],
  [
    'a terminate that is no function',
    'r',
    { schema: {}, join, terminate: null },
    'terminate: wanted a function, got null',
  ],
  [
    'a handler of an undeclared event',
    'r',
    { schema: {}, join, in: { say: handler } },
    'in.say: wanted an event that schema.in declares, got function handler',
  ],
  [
    'a declared event without a handler',
    'r',
    { schema: { in: { say: Empty } }, join },
    'in.say: wanted a handler for the declared event, got undefined',
  ],
  [
    'a handler that is no function',
    'r',
    { schema: { in: { say: Empty } }, join, in: { say: true } },
    'in.say: wanted a function, got true',
  ],
  [
    'handlers that are no object',
    'r',
    { schema: {}, join, in: [] },
    'in: wanted an object, event by event, got an array of 0',
  ],
  [
    'an exchange that is no schema',
    'r',
    { schema: { in: { say: 'string' } }, join, in: { say: handler } },
    'schema.in.say: wanted a schema or { payload, reply, error }, got "string"',
  ],
  [
    'a payload that is no schema',
    'r',
    { schema: { in: { say: { payload: 5 } } }, join, in: { say: handler } },
    `schema.in.say.payload: ${SCHEMA}, got 5`,
  ],
  [
    'a reply of the join that is no schema',
    'r',
    { schema: { join: { reply: [] } }, join },
    `schema.join.reply: ${SCHEMA}, got an array of 0`,
  ],
  [
    'an outgoing event that is no schema',
    'r',
    { schema: { out: { said: null } }, join },
    `schema.out.said: ${SCHEMA}, got null`,
  ],
  [
    'a presence that is no schema',
    'r',
    { schema: { presence: true }, join },
    `schema.presence: ${SCHEMA}, got true`,
  ],
  [
    'a schema of JSON, of Zod or of an older TypeBox',
    'r',
    { schema: { in: { say: { anyOf: [{ type: 'string' }] } } }, join, in: { say: handler } },
    `schema.in.say: ${SCHEMA}, got { anyOf }`,
  ],
  [
    'a schema that does not compile',
    'r',
    { schema: { out: { said: Type.String({ pattern: '(' }) } }, join },
    'schema.out.said: wanted a schema that compiles, got "Invalid regular expression: /(/u: Unterminated group"',
  ],
  [
    'an intercept of an undeclared event',
    'r',
    { schema: {}, join, intercept: { said: handler } },
    'intercept.said: wanted an event that schema.out declares, got function handler',
  ],
  [
    'an intercept that is no function',
    'r',
    { schema: { out: { said: Empty } }, join, intercept: { said: 1 } },
    'intercept.said: wanted a function, got 1',
  ],
  [
    'an event of more than 255 bytes',
    'r',
    { schema: { out: { ['e'.repeat(256)]: Empty } }, join },
    `schema.out.${'e'.repeat(256)}: wanted a name of at most 255 bytes, got "${'e'.repeat(60)}…"`,
  ],
  [
    'a snapshot where the join declares no reply',
    'r',
    { schema: { join: Empty }, join, snapshot: join },
    'snapshot: wanted a reply for it to give, in schema.join: { reply: … }, got function join',
  ],
  ...['phx_join', 'phx_anything', 'heartbeat', 'presence_state', 'presence_diff', 'disconnect'].flatMap(
    (event): [string, unknown, unknown, string][] => [
      [
        `the incoming event ${event}`,
        'r',
        { schema: { in: { [event]: Empty } }, join, in: { [event]: handler } },
        `schema.in.${event}: wanted another name: this event belongs to the protocol, got "${event}"`,
      ],
      [
        `the outgoing event ${event}`,
        'r',
        { schema: { out: { [event]: Empty } }, join },
        `schema.out.${event}: wanted another name: this event belongs to the protocol, got "${event}"`,
      ],
    ],
  ),
]

for (const [what, pattern, definition, refusal] of REFUSED) {
  test(`defineChannel refuses ${what}, naming field, wanted and got`, () => {
    assert.throws(() => define(pattern, definition), {
      code: 'BERYL_ERR_CHANNEL_INVALID',
      message: `channel '${pattern}': ${refusal}`,
    })
  })
}

test('a definition shows its pattern and its schema, and cannot be changed', () => {
  const schema = { out: { said: Empty } }
  const channel = defineChannel('room:*', { schema, join })
  assert.deepEqual({ ...channel }, { pattern: 'room:*', schema })
  assert.throws(() => Object.assign(channel, { pattern: 'x' }), TypeError)
})

test('the short form of an event is its payload, the long form names payload, reply and error', () => {
  const channel = defineChannel('r', {
    schema: {
      join: { payload: Empty, reply: Empty, error: Empty },
      in: { short: Empty, long: { payload: Empty, reply: Empty }, payload: Type.Object({ payload: Empty }) },
    },
    join: () => ({ assigns: undefined, reply: {} }),
    in: { short: handler, long: () => ({}), payload: handler },
  })
  const compiled = compiledChannel(channel)
  const parts = (event: string): string[] =>
    Object.entries(compiled?.in.get(event) ?? {})
      .filter(([, part]) => part instanceof PayloadSchema)
      .map(([name]) => name)
  assert.deepEqual(parts('short'), ['payload'])
  assert.deepEqual(parts('long'), ['payload', 'reply'])
  assert.deepEqual(parts('payload'), ['payload'])
  assert.deepEqual(Object.keys(compiled?.joinExchange ?? {}), ['payload', 'reply', 'error'])
})

test('events may be named like the properties of every object', () => {
  const channel = defineChannel('r', {
    schema: { in: { constructor: Empty, toString: Binary() }, out: { hasOwnProperty: Empty } },
    join,
    in: { constructor: handler, toString: handler as never },
  })
  const compiled = compiledChannel(channel)
  assert.deepEqual([...(compiled?.in.keys() ?? [])], ['constructor', 'toString'])
  assert.throws(
    () => define('r', { schema: { in: { valueOf: Empty } }, join, in: {} }),
    /in\.valueOf: wanted a handler for the declared event, got undefined/,
  )
  assert.throws(
    () => define('r', { schema: {}, join, intercept: { toString: handler } }),
    /intercept\.toString: wanted an event that schema\.out declares/,
  )
})
