import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { beryl, type ChannelDefinition, defineChannel, mount } from 'fastify-beryl'
import { type AsyncApiDocument, asyncapi } from 'fastify-beryl/asyncapi'
import { Type } from 'typebox'
import { at, define, documentOf, flawsOf, info, partAt, served } from './lab.ts'

const text = Type.String()
const join = () => ({ assigns: {} })

/** A channel that says one thing, on any pattern. */
function saying(pattern: string, event = 'said'): ChannelDefinition {
  return define(pattern, { schema: { out: { [event]: text } }, join })
}

const full = defineChannel('room:*', {
  schema: {
    join: {
      payload: Type.Object({ name: text }),
      reply: Type.Object({ n: Type.Integer() }),
      error: Type.Object({ why: text }),
    },
    in: {
      say: {
        payload: Type.Object({ body: text }),
        reply: Type.Object({ id: text }),
        error: Type.Object({ code: Type.Integer() }),
      },
      typing: Type.Object({ on: Type.Boolean() }),
      ping: {},
    },
    out: { said: Type.Object({ body: text }), typing: Type.Object({ from: text }) },
    info: { secret: Type.Object({ role: text }) },
    presence: Type.Object({ name: text }, { additionalProperties: false }),
  },
  history: { events: ['said'], size: 50, ttlMs: 60_000 },
  join: () => ({ assigns: {} }),
  snapshot: () => ({ n: 1 }),
  in: { say: () => ({ id: 'a' }), typing: () => {}, ping: () => {} },
  info: { secret: () => {} },
})

const channel = (document: AsyncApiDocument, key: string) => partAt(document, 'channels', key)

test('D1 a channel has its address, its messages by name, and operations with their replies and errors', async (t) => {
  const document = await documentOf(t, [full])
  assert.deepEqual(await flawsOf(document), [])
  const { address, parameters, messages } = channel(document, 'room.id')
  assert.equal(address, 'room:{id}')
  assert.deepEqual(Object.keys(parameters ?? {}), ['id'])
  const names = Object.keys(messages ?? {}).map((key) => [
    key,
    at(document, 'channels', 'room.id', 'messages', key, 'name'),
  ])
  assert.deepEqual(names, [
    ['join', 'phx_join'],
    ['join.ok', 'phx_reply'],
    ['join.error', 'phx_reply'],
    ['phx_leave', 'phx_leave'],
    ['ok', 'phx_reply'],
    ['phx_close', 'phx_close'],
    ['phx_error', 'phx_error'],
    ['in.ping', 'ping'],
    ['push_error', 'phx_reply'],
    ['in.say', 'say'],
    ['in.say.ok', 'phx_reply'],
    ['in.say.error', 'phx_reply'],
    ['in.typing', 'typing'],
    ['out.said', 'said'],
    ['out.typing', 'typing'],
    ['presence_state', 'presence_state'],
    ['presence_diff', 'presence_diff'],
    ['resume', '$resume'],
  ])
  const operations = Object.keys(document.operations).map((key) => {
    const { action, messages: handled, reply } = partAt(document, 'operations', key)
    const keysOf = (refs: unknown) =>
      (refs as { $ref: string }[] | undefined)?.map(({ $ref }) => $ref.split('/').at(-1))
    return [key, action, keysOf(handled), keysOf((reply as { messages: unknown } | undefined)?.messages)]
  })
  assert.deepEqual(operations, [
    ['heartbeat', 'receive', ['heartbeat'], ['ok']],
    ['room.id.join', 'receive', ['join'], ['join.ok', 'join.error']],
    ['room.id.leave', 'receive', ['phx_leave'], ['ok']],
    ['room.id.end', 'send', ['phx_close', 'phx_error'], undefined],
    ['room.id.in.ping', 'receive', ['in.ping'], ['push_error']],
    ['room.id.in.say', 'receive', ['in.say'], ['in.say.ok', 'in.say.error']],
    ['room.id.in.typing', 'receive', ['in.typing'], ['push_error']],
    ['room.id.out.said', 'send', ['out.said'], undefined],
    ['room.id.out.typing', 'send', ['out.typing'], undefined],
    ['room.id.presence', 'send', ['presence_state', 'presence_diff'], undefined],
    ['room.id.resume', 'send', ['resume'], undefined],
  ])
})

test('D2 infos are of the server alone, and in no document', async (t) => {
  const document = await documentOf(t, [full])
  assert.equal(JSON.stringify(document).includes('secret'), false)
  assert.equal(JSON.stringify(document).includes('role'), false)
})

test('D3 a history is told: what is logged, and the position in the join and its reply', async (t) => {
  const document = await documentOf(t, [full])
  assert.deepEqual(channel(document, 'room.id')['x-history'], { events: ['said'], size: 50, ttlMs: 60_000 })
  const traits = (key: string) => at(document, 'components', 'messages', `room.id.out.${key}`, 'traits')
  assert.deepEqual(traits('said'), [
    { $ref: '#/components/messageTraits/frame' },
    { $ref: '#/components/messageTraits/logged' },
  ])
  assert.deepEqual(traits('typing'), [{ $ref: '#/components/messageTraits/frame' }])
  const plain = await documentOf(t, [saying('room:*')])
  assert.equal(JSON.stringify(plain).includes('$resume'), false)
})

const ODD = [
  '*',
  'a',
  'id',
  'a:*',
  'a:id',
  'a:b:*',
  'a.b:*',
  'a b',
  'a{b}c:*',
  '{}',
  '}{*',
  'a/b?c#d~e:*',
  'a%2F',
  '__proto__',
  'ä:*',
  '$ref',
  'a:',
  'a::b',
  'constructor:*',
  '-',
]

test('D8 any pattern is an address, and has a key of its own that no other channel moves', async (t) => {
  const document = await documentOf(
    t,
    ODD.map((pattern) => saying(pattern)),
  )
  assert.deepEqual(await flawsOf(document), [])
  const keys = Object.keys(document.channels)
  assert.equal(keys.length, ODD.length + 1)
  for (const key of keys) assert.match(key, /^[\w.-]+$/)
  const addresses = keys.map((key) => channel(document, key).address)
  assert.deepEqual(
    ['room', '{id}', 'a:{id}', 'a{open}b{close}c:{id}', '{close}{open}{id}'].filter(
      (a) => !addresses.includes(a),
    ),
    ['room'],
  )
  for (const pattern of ODD) {
    const alone = Object.keys((await documentOf(t, [saying(pattern)])).channels)
    assert.ok(keys.includes(alone[1] ?? ''), pattern)
  }
})

test('D8 any event is a message, by a key that is a plain name', async (t) => {
  const events = [
    'user:joined',
    'user.joined',
    'a b',
    '',
    '__proto__',
    'ä',
    'a/b~c',
    'b',
    'b:ok',
    '$x',
  ].filter(Boolean)
  const names = Object.fromEntries(events.map((event) => [event, text]))
  const handlers = Object.fromEntries(events.map((event) => [event, () => 'a']))
  const odd = define('a', {
    schema: { in: Object.fromEntries(events.map((event) => [event, { reply: text }])), out: names },
    join,
    in: handlers,
  })
  const document = await documentOf(t, [odd, saying('a:in:b', 'x')])
  assert.deepEqual(await flawsOf(document), [])
  const messages = partAt(document, 'channels', 'a', 'messages')
  const told = Object.keys(messages).map((key) => at(document, 'channels', 'a', 'messages', key, 'name'))
  for (const event of events) assert.equal(told.filter((name) => name === event).length, 2, event)
  for (const key of Object.keys(partAt(document, 'components', 'messages'))) assert.match(key, /^[\w.-]+$/)
})

test('D9 the order of registration, and of a definition, changes nothing', async (t) => {
  const one = defineChannel('b', { schema: { out: { x: text, y: text } }, join })
  const other = defineChannel('b', { schema: { out: { y: text, x: text } }, join })
  const patterns = ['c', 'a:*', 'a']
  const first = await documentOf(t, [...patterns.map((pattern) => saying(pattern)), one])
  const second = await documentOf(t, [other, ...patterns.reverse().map((pattern) => saying(pattern))])
  assert.equal(JSON.stringify(first), JSON.stringify(second))
})

test('D9 a document is made anew each time, and has channels that were registered late', async (t) => {
  const app = await served(t, { channels: [saying('a')] })
  const before = asyncapi(app, { info })
  app.channels.register(saying('late'))
  const after = asyncapi(app, { info })
  assert.notEqual(before, after)
  assert.equal('late' in before.channels, false)
  assert.equal('late' in after.channels, true)
})

test('D10 each entrance is a server, and a channel names those at which it can be joined', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [saying('room:*'), saying('lobby')], connect: () => ({}) })
  await app.register(
    async (admin) => {
      await admin.register(mount, {
        path: '/socket',
        channels: [saying('room:*', 'audited'), saying('audit')],
      })
    },
    { prefix: '/admin' },
  )
  await app.register(mount, { path: '/kiosk' })
  await app.ready()
  const document = asyncapi(app, { info })
  assert.deepEqual(await flawsOf(document), [])
  const pathnames = Object.entries(document.servers).map(([key]) => [
    key,
    at(document, 'servers', key, 'pathname'),
    at(document, 'servers', key, 'security') !== undefined,
  ])
  assert.deepEqual(pathnames, [
    ['socket', '/socket/websocket', true],
    ['admin.socket', '/admin/socket/websocket', false],
    ['kiosk', '/kiosk/websocket', false],
  ])
  const refs = (...keys: string[]) => keys.map((key) => ({ $ref: `#/servers/${key}` }))
  assert.deepEqual(channel(document, 'room.id').servers, refs('socket', 'kiosk'))
  assert.deepEqual(channel(document, 'admin.socket.room.id').servers, refs('admin.socket'))
  assert.deepEqual(channel(document, 'audit').servers, refs('admin.socket'))
  assert.equal(channel(document, 'phoenix').servers, undefined)
  assert.ok('out.audited' in Object(channel(document, 'admin.socket.room.id').messages))

  const production = {
    host: 'chat.example.com',
    pathname: '/api',
    security: [{ type: 'http', scheme: 'basic' }],
  }
  const named = asyncapi(app, {
    info,
    servers: { production, local: { host: 'localhost:3000', protocol: 'ws' } },
  })
  assert.deepEqual(await flawsOf(named), [])
  assert.deepEqual(Object.keys(named.servers), [
    'production',
    'local',
    'production.admin.socket',
    'local.admin.socket',
    'production.kiosk',
    'local.kiosk',
  ])
  assert.deepEqual(at(named, 'servers', 'production'), {
    host: 'chat.example.com',
    security: [{ type: 'http', scheme: 'basic' }],
    protocol: 'wss',
    pathname: '/api/socket/websocket',
  })
})

test('D10 long polling is a server of its own, where an entrance offers it', async (t) => {
  const document = await documentOf(t, [saying('a')], { longPoll: true, connect: () => ({}) })
  assert.deepEqual(await flawsOf(document), [])
  const servers = Object.keys(document.servers).map((key) => [
    key,
    at(document, 'servers', key, 'protocol'),
    at(document, 'servers', key, 'pathname'),
  ])
  assert.deepEqual(servers, [
    ['socket', 'ws', '/socket/websocket'],
    ['socket.longpoll', 'http', '/socket/longpoll'],
  ])
  assert.deepEqual(Object.keys(partAt(document, 'components', 'securitySchemes')), [
    'authToken',
    'authTokenHeader',
    'params',
  ])
})

test('D11 the connection is described once: its version, its token, its heartbeat, its renewal', async (t) => {
  const bare = await documentOf(t, [saying('a')])
  assert.deepEqual(Object.keys(bare.operations).slice(0, 2), ['heartbeat', 'a.join'])
  assert.equal(bare.components.securitySchemes, undefined)
  const guarded = await documentOf(t, [saying('a'), saying('b')], {
    connect: () => ({}),
    renew: () => ({}),
    heartbeat: { timeoutMs: 45_000 },
  })
  assert.deepEqual(await flawsOf(guarded), [])
  assert.deepEqual(Object.keys(guarded.operations).slice(0, 3), ['heartbeat', 'expiring', 'renew'])
  assert.match(String(at(guarded, 'operations', 'heartbeat', 'description')), /45000 ms/)
  assert.deepEqual(Object.keys(partAt(guarded, 'components', 'securitySchemes')), ['authToken', 'params'])
  const written = JSON.stringify(guarded)
  assert.equal(written.split('[join_ref, ref, topic, event, payload]').length, 2, 'the frame is told once')
})
