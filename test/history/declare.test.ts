import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { compiledChannel } from '../../src/channel/definition.ts'
import { Binary, defineChannel } from '../../src/index.ts'
import { local } from '../../src/pubsub/local.ts'
import { fakeClock } from '../../src/testing/index.ts'
import { Node, room, told } from './lab.ts'

// H1 and H4: what a definition may say of a history, and what it is refused for.

const out = { said: Type.Object({}), bytes: Binary(), either: Type.Union([Binary(), Type.Object({})]) }

function define(history: unknown, join: unknown = undefined): unknown {
  return defineChannel('room:*', {
    schema: { join, out } as never,
    history: history as never,
    join: () => ({ assigns: {} }) as never,
  } as never)
}

test('H1 the defaults are 100 entries and 5 minutes', () => {
  const { history } = compiledChannel(define({ events: ['said'] }) as never) ?? {}
  assert.deepEqual(history, { events: new Set(['said']), size: 100, ttlMs: 300_000 })
})

for (const [field, history] of [
  ['history', 'yes'],
  ['history.events', {}],
  ['history.events', { events: [] }],
  ['history.events', { events: 'said' }],
  ['history.events[0]', { events: ['unknown'] }],
  ['history.events[1]', { events: ['said', 'bytes'] }],
  ['history.events[0]', { events: ['either'] }],
  ['history.size', { events: ['said'], size: 0 }],
  ['history.size', { events: ['said'], size: 10_001 }],
  ['history.size', { events: ['said'], size: 1.5 }],
  ['history.ttlMs', { events: ['said'], ttlMs: -1 }],
  ['history.ttlMs', { events: ['said'], ttlMs: '5m' }],
  ['history.ttl', { events: ['said'], ttl: 1 }],
] as const) {
  test(`H1 ${field} is refused: ${JSON.stringify(history)}`, () => {
    assert.throws(() => define(history), {
      code: 'BERYL_ERR_CHANNEL_INVALID',
      message: new RegExp(`: ${field.replace(/[[\]$.]/g, '\\$&')}: `),
    })
  })
}

for (const [what, reply] of [
  ['a string', Type.String()],
  ['an array', Type.Array(Type.Object({}))],
  ['bytes', Binary()],
  ['a literal', Type.Literal('ok')],
  ['an object or null', Type.Union([Type.Object({}), Type.Null()])],
] as const) {
  test(`H1 a reply to the join that is ${what} is refused where there is a history`, () => {
    assert.throws(() => define({ events: ['said'] }, { reply }), { code: 'BERYL_ERR_CHANNEL_INVALID' })
    assert.doesNotThrow(() => define(undefined, { reply }))
  })
}

test('H1 a reply that may be anything is looked at when it is given', async () => {
  const clock = fakeClock()
  const node = await Node.start(clock, {
    pubsub: local({ clock, maxBytes: 1e6 }),
    channels: [room({ snapshot: () => 'text' })],
  })
  const [client, plain] = [node.connect(), node.connect()]
  client.join()
  plain.joinPlainly()
  await clock.settle()
  assert.deepEqual(told(client.lines), ['error {"reason":"join crashed"}'])
  assert.deepEqual(told(plain.lines), ['ok "text"'])
})

test('H4 no payload and no reply of a join may declare the key', () => {
  const key = Type.Object({ $resume: Type.Optional(Type.Boolean()) })
  for (const join of [key, { payload: key }, { reply: key }])
    assert.throws(() => define(undefined, join), { code: 'BERYL_ERR_CHANNEL_INVALID', message: /\$resume/ })
})

test('a channel with a history is refused, by name, where the adapter keeps no log', async () => {
  const { log: _, ...without } = local()
  const pubsub = { ...without, name: 'nats' }
  await assert.rejects(Node.start(fakeClock(), { pubsub, channels: [room()] }), {
    code: 'BERYL_ERR_HISTORY_UNSUPPORTED',
    message: /'room:\*'.*'nats'/,
  })
})
