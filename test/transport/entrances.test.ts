import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import beryl, { type BerylOptions, defineChannel, type MountOptions, mount, reject } from 'fastify-beryl'
import { berylMetrics } from 'fastify-beryl/metrics'
import { type ConnectOptions, ConnectRefused, connect, fakeClock } from 'fastify-beryl/testing'
import { Registry } from 'prom-client'
import { Type } from 'typebox'
import { WebSocket } from 'ws'

// Several entrances to one tree, as a Phoenix endpoint has several sockets on one pubsub.

const Body = Type.Object({ body: Type.String() })
const Meta = Type.Object({ role: Type.String() })

const room = defineChannel('room:*', {
  schema: { in: { say: Body }, out: { said: Body }, presence: Meta },
  join: ({ connection }) => ({ assigns: { role: String(connection.assigns.role ?? 'guest') } }),
  joined: (socket) => socket.presence.track(socket.id, { role: socket.assigns.role }),
  in: { say: (payload, socket) => socket.broadcast('said', payload) },
})

/** The channel of moderators on the topics of everybody. */
const moderated = defineChannel('room:*', {
  schema: { in: { warn: Body }, out: { said: Body, warned: Body }, presence: Meta },
  join: () => ({ assigns: {} }),
  joined: (socket) => socket.presence.track(socket.id, { role: 'moderator' }),
  in: { warn: (payload, socket) => socket.broadcast('warned', payload) },
})

const audit = defineChannel('audit', {
  schema: { out: { seen: Body } },
  join: () => ({ assigns: {} }),
})

interface Given {
  readonly plugin?: BerylOptions
  readonly further?: Partial<MountOptions>
  /** Runs in the scope of the further entrance, before it is opened. */
  readonly scope?: (admin: FastifyInstance) => void
}

/** Everybody comes in at `/socket`, and moderators at `/admin/socket`. */
async function serve(t: TestContext, { plugin, further, scope }: Given = {}): Promise<FastifyInstance> {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [room], connectionTopic: () => 'everybody', ...plugin })
  await app.register(
    async (admin) => {
      scope?.(admin)
      await admin.register(mount, {
        path: '/socket',
        channels: [moderated, audit],
        connect: () => ({ assigns: { role: 'moderator' } }),
        ...further,
      })
    },
    { prefix: '/admin' },
  )
  return app
}

const ADMIN = { path: '/admin/socket' }

async function refused(app: FastifyInstance, options: ConnectOptions): Promise<ConnectRefused> {
  const outcome: unknown = await connect(app, options).catch((error: unknown) => error)
  assert.ok(outcome instanceof ConnectRefused, 'it was let in')
  return outcome
}

test('W102 a broadcast, of the server or of a channel, reaches the clients of every entrance', async (t) => {
  const app = await serve(t)
  const [guest, moderator] = [await connect(app), await connect(app, ADMIN)]
  const here = await guest.join(room, 'room:1')
  const there = await moderator.join(moderated, 'room:1')
  here.push('say', { body: 'hi' })
  await there.expectPush('said', { body: 'hi' })
  app.channels.broadcast('room:1', 'said', { body: 'all' })
  await here.expectPush('said', { body: 'all' })
  await there.expectPush('said', { body: 'all' })
  there.push('warn', { body: 'quiet!' })
  await guest.expectMessage({ event: 'warned' })
  app.groups.create('rooms')
  app.groups.add('rooms', 'room:1')
  app.groups.broadcast('rooms', 'said', { body: 'group' })
  await there.expectPush('said', { body: 'group' })
  assert.equal(app.channels.subscriberCount('room:1'), 2)
})

test('W102 what the server sends fits every channel that declares it, and one at least does', async (t) => {
  const strict = defineChannel('room:*', {
    schema: { out: { said: Type.Object({ body: Type.String({ maxLength: 3 }) }), warned: Body } },
    join: () => ({ assigns: {} }),
  })
  const app = await serve(t, { further: { channels: [strict] } })
  await app.ready()
  app.channels.broadcast('room:1', 'warned', { body: 'only one declares it' })
  assert.throws(() => app.channels.broadcast('room:1', 'said', { body: 'long' }), {
    code: 'BERYL_ERR_PAYLOAD_INVALID',
  })
  assert.throws(() => app.channels.broadcast('room:1', 'nobody', {}), { code: 'BERYL_ERR_EVENT_UNDECLARED' })
  assert.throws(() => app.channels.broadcast('hall:1', 'said', {}), { code: 'BERYL_ERR_TOPIC_UNMATCHED' })
})

test('W102 presence shows the clients of every entrance to all', async (t) => {
  const app = await serve(t)
  const here = await (await connect(app)).join(room, 'room:1')
  await here.expectPush('presence_state')
  const moderator = await connect(app, ADMIN)
  const there = await moderator.join(moderated, 'room:1')
  await here.expectPresence(moderator.id, { role: 'moderator' })
  await there.expectPresence(Object.keys(app.presence.list('room:1'))[0] as string, { role: 'guest' })
  assert.equal(app.presence.count('room:1'), 2)
})

test('W102 disconnect finds connections of every entrance, also where one alone names them', async (t) => {
  const app = await serve(t, { further: { connectionTopic: () => 'everybody' } })
  const clients = [await connect(app), await connect(app, ADMIN)]
  app.channels.disconnect('everybody')
  for (const client of clients) await client.expectClosed(1001)
  const other = await serve(t, {
    plugin: { connectionTopic: undefined as never },
    further: { connectionTopic: () => 'moderators' },
  })
  const [guest, moderator] = [await connect(other), await connect(other, ADMIN)]
  other.channels.disconnect('moderators')
  await moderator.expectClosed(1001)
  await guest.heartbeat()
})

test('W103 an entrance has channels of its own: others are unmatched there', async (t) => {
  const app = await serve(t)
  const [guest, moderator] = [await connect(app), await connect(app, ADMIN)]
  await assert.rejects(guest.join('audit'), { response: { reason: 'unmatched topic' } })
  await moderator.join('audit')
  app.channels.register(defineChannel('late', { schema: {}, join: () => ({ assigns: {} }) }))
  await guest.join('late')
  await assert.rejects(moderator.join('late'), { response: { reason: 'unmatched topic' } })
})

test('W103 without channels an entrance has those of the plugin, also those that are registered later', async (t) => {
  const app = await serve(t, { further: { channels: undefined as never } })
  const moderator = await connect(app, ADMIN)
  const channel = await moderator.join(room, 'room:1')
  app.channels.register(defineChannel('late', { schema: {}, join: () => ({ assigns: {} }) }))
  await moderator.join('late')
  channel.push('say', { body: 'hi' })
  await channel.expectPush('said')
})

test('W103 connect, renew, checkOrigin and sub-protocols are those of the entrance', async (t) => {
  const app = await serve(t, {
    plugin: { checkOrigin: false, renew: () => ({}) },
    further: {
      connect: ({ authToken }) => (authToken === 'good' ? { expiresAt: Date.now() + 60_000 } : reject()),
      checkOrigin: ['//admin.example'],
      subprotocols: ['mine'],
    },
  })
  const origin = 'https://elsewhere.example'
  const guest = await connect(app, { headers: { origin } })
  await guest.renew('x').expectReply('ok')
  assert.equal((await refused(app, { ...ADMIN, headers: { origin } })).reason, 'origin')
  assert.equal((await refused(app, ADMIN)).reason, 'connect')
  const moderator = await connect(app, { ...ADMIN, authToken: 'good' })
  await moderator.renew('x').expectReply('error', { reason: 'renew_unsupported' })
  assert.equal(
    (await refused(app, { ...ADMIN, headers: { 'sec-websocket-protocol': 'theirs' } })).reason,
    'subprotocol',
  )
})

test('W103 limits are those of the entrance: its connections are counted apart, its messages by its rate', async (t) => {
  const app = await serve(t, {
    plugin: { limits: { connections: 1 } },
    further: {
      limits: { connections: 2, channelsPerConnection: 1, messages: { perSecond: 0.001, burst: 3 } },
    },
  })
  const guest = await connect(app)
  assert.equal((await refused(app, {})).reason, 'limit connections')
  const moderator = await connect(app, ADMIN)
  await connect(app, ADMIN)
  assert.equal((await refused(app, ADMIN)).reason, 'limit connections')
  await moderator.join('audit')
  await assert.rejects(moderator.join('room:1'), { response: { reason: 'too many channels joined' } })
  for (const topic of ['room:1', 'room:2', 'room:3', 'room:4']) await guest.join(topic)
  await moderator.join('room:1').catch(() => {})
  const error: unknown = await moderator.join('room:1').catch((error: unknown) => error)
  assert.match(String(error), /rate_limited/)
})

test('W103 the size of a message is bounded by its entrance, over real sockets', async (t) => {
  const app = await serve(t, { further: { limits: { payloadBytes: 100 } } })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const say = async (path: string): Promise<unknown> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}/websocket?vsn=2.0.0`)
    t.after(() => socket.terminate())
    await once(socket, 'open')
    const heard = Promise.race([once(socket, 'message').then(() => 'answered'), once(socket, 'close')])
    socket.send(JSON.stringify([null, '1', 'phoenix', 'heartbeat', { pad: 'x'.repeat(200) }]))
    const outcome = await heard
    return Array.isArray(outcome) ? outcome[0] : outcome
  }
  assert.equal(await say('/socket'), 'answered')
  assert.equal(await say('/admin/socket'), 1009)
  assert.equal(await say('/socket'), 'answered')
})

test('W104 the hooks of its scope run before an entrance, and its prefix is part of the path', async (t) => {
  const app = await serve(t, {
    scope: (admin) =>
      admin.addHook('onRequest', async (request, reply) => {
        if (request.headers.authorization !== 'good') return reply.code(401).send()
      }),
  })
  await connect(app)
  assert.equal((await refused(app, ADMIN)).statusCode, 401)
  await connect(app, { ...ADMIN, headers: { authorization: 'good' } })
  const lost = await refused(app, { path: '/admin' })
  assert.match(lost.message, /404: no entrance has this path, but \/socket, \/admin\/socket/)
})

test('injectWS and inject reach every entrance', async (t) => {
  const app = await serve(t)
  await app.ready()
  assert.equal((await app.inject('/admin/socket/websocket')).statusCode, 426)
  const socket = await app.injectWS('/admin/socket/websocket?vsn=2.0.0')
  t.after(() => socket.terminate())
  socket.send('["1","1","audit","phx_join",{}]')
  const [data] = await once(socket, 'message')
  assert.equal(String(data), '["1","1","audit","phx_reply",{"response":{},"status":"ok"}]')
})

test('status names the entrances with their clients; load, connections and metrics count them all', async (t) => {
  let finish = (): void => {}
  const slow = defineChannel('slow', {
    schema: { in: { work: Body } },
    join: () => ({ assigns: {} }),
    in: { work: () => new Promise<void>((resolve) => (finish = resolve)) },
  })
  const app = await serve(t, { further: { channels: [slow] } })
  await app.register(berylMetrics, { register: new Registry(), path: '/metrics' })
  const [guest, moderator] = [await connect(app), await connect(app, ADMIN)]
  await connect(app, ADMIN)
  const { entrances, connections, state } = app.channels.status()
  assert.deepEqual(entrances, [
    { path: '/socket', connections: 1 },
    { path: '/admin/socket', connections: 2 },
  ])
  assert.deepEqual([connections, state, app.channels.path], [3, 'running', '/socket'])
  assert.deepEqual(app.channels.connections().slice(0, 2), [guest.id, moderator.id])
  assert.match((await app.inject('/metrics')).body, /^beryl_connections 3$/m)
  const work = await moderator.join(slow, 'slow')
  work.push('work', { body: '' })
  await moderator.settle()
  assert.equal(app.channels.load().pendingCallbacks, 1)
  finish()
  await moderator.close()
  assert.equal(app.channels.status().entrances[1]?.connections, 1)
})

test('W105 a close drains the clients of every entrance, and an entrance takes nobody meanwhile', async (t) => {
  const clock = fakeClock()
  const app = await serve(t, { plugin: { clock, drain: { pauseMs: 0 } } })
  const clients = [await connect(app), await connect(app, ADMIN)]
  const closed = app.close()
  for (const client of clients) await client.expectClosed(1012)
  await clock.advance(30_000)
  await closed
  assert.equal(app.channels.status().state, 'stopped')
})

test('W105 after a restart of the tree both entrances let in, and nobody is left of before', async (t) => {
  const app = await serve(t)
  const before = [await connect(app), await connect(app, ADMIN)]
  const sessions = app.channels.supervisor
  await sessions?.terminateChild('coordinator')
  for (const client of before) await client.expectClosed(1012)
  await sessions?.restartChild('coordinator')
  const moderator = await connect(app, ADMIN)
  await moderator.join('audit')
  assert.equal(app.channels.status().connections, 1)
})

test('an entrance to a tree that is embedded in another', async (t) => {
  const node = beryl.childSpec({ channels: [room] })
  const app = Fastify()
  t.after(() => app.close())
  await app.register(node.plugin)
  await app.register(mount, { path: '/more' })
  assert.equal((await refused(app, { path: '/more' })).reason, 'not running: starting')
})

test('seven entrances are no leak of listeners', async (t) => {
  const warnings: string[] = []
  const heard = (warning: Error): void => void warnings.push(warning.message)
  process.on('warning', heard)
  t.after(() => process.off('warning', heard))
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [room] })
  for (let n = 0; n < 7; n++) await app.register(mount, { path: `/more/${n}` })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const socket = new WebSocket(`ws://127.0.0.1:${port}/more/6/websocket?vsn=2.0.0`)
  await once(socket, 'open')
  socket.terminate()
  assert.deepEqual(warnings, [])
})

for (const [title, options, code, message] of [
  [
    'no path',
    {},
    'BERYL_ERR_OPTION_INVALID',
    /'path': wanted a path of its own, such as "\/admin", got undefined/,
  ],
  [
    'the path of another',
    { path: '/socket' },
    'BERYL_ERR_OPTION_INVALID',
    /'path': wanted a path, with the prefix of its scope, that no other entrance has \(\/socket\), got "\/socket"/,
  ],
  [
    'no channels at all',
    { path: '/a', channels: [] },
    'BERYL_ERR_OPTION_INVALID',
    /'channels': wanted at least one/,
  ],
  [
    'what is of the node',
    { path: '/a', presence: false },
    'BERYL_ERR_OPTION_INVALID',
    /'presence': wanted nothing here: it holds for all entrances, so give it to the plugin, got false/,
  ],
  [
    'compression, which the server has for all',
    { path: '/a', compression: true },
    'BERYL_ERR_OPTION_INVALID',
    /'compression': wanted nothing here/,
  ],
  [
    'a prefix',
    { path: '/a', prefix: '/b' },
    'BERYL_ERR_OPTION_INVALID',
    /'prefix': wanted nothing here: the plugin belongs/,
  ],
  ['a typo', { path: '/a', chanels: [] }, 'BERYL_ERR_OPTION_INVALID', /'chanels': wanted one of path, /],
  [
    'a wrong limit',
    { path: '/a', limits: { messages: -1 } },
    'BERYL_ERR_OPTION_INVALID',
    /'limits.messages'/,
  ],
  [
    'one pattern twice',
    { path: '/a', channels: [room, moderated] },
    'BERYL_ERR_CHANNEL_DUPLICATE',
    /'room:\*' is registered already/,
  ],
] as const) {
  test(`mount with ${title} is refused`, async (t) => {
    const app = Fastify()
    t.after(() => app.close())
    await app.register(beryl, { channels: [room] })
    await assert.rejects(async () => app.register(mount, options as never), { code, message })
  })
}

test('mount without the plugin around it says what to do', async () => {
  const app = Fastify()
  app.register(async (scope) => scope.register(beryl))
  await assert.rejects(async () => app.register(mount, { path: '/admin' }), {
    code: 'BERYL_ERR_NOT_REGISTERED',
    message:
      /mount '\/admin': fastify-beryl is not registered in this scope, nor around it: await app\.register\(beryl/,
  })
})

test('the whole plugin a second time below its own scope is refused, with the call that does it', async () => {
  const app = Fastify()
  await app.register(beryl)
  await assert.rejects(async () => app.register(async (scope) => scope.register(beryl, { path: '/admin' })), {
    code: 'BERYL_ERR_ALREADY_REGISTERED',
    message: /await app\.register\(mount, \{ path: '\/admin' \}\), with mount from 'fastify-beryl'/,
  })
})

test('an entrance that comes after ready is refused by Fastify', async (t) => {
  const app = await serve(t)
  await app.ready()
  await assert.rejects(async () => app.register(mount, { path: '/late' }), {
    code: 'AVV_ERR_ROOT_PLG_BOOTED',
  })
})
