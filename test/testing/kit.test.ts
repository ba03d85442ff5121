import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import beryl, { type BerylOptions, Binary, defineChannel, fail, reject } from 'fastify-beryl'
import { ConnectRefused, connect, fakeClock, JoinRefused } from 'fastify-beryl/testing'
import { Type } from 'typebox'

const Name = Type.Object({ name: Type.String() })

const room = defineChannel('room:*', {
  schema: {
    join: { payload: Name, reply: Type.Object({ topic: Type.String() }) },
    in: {
      say: { payload: Type.Object({ body: Type.String() }), reply: Type.Object({ length: Type.Integer() }) },
      quietly: Type.Object({}),
      bytes: { payload: Binary(), reply: Binary() },
      crash: Type.Object({}),
    },
    out: {
      said: Type.Object({ from: Type.String(), body: Type.String() }),
      left: Name,
      blob: Binary(),
    },
    presence: Name,
  },
  join({ topic, payload }) {
    if (payload.name === 'eve') return reject({ reason: 'banned' })
    if (payload.name === 'crash') throw new Error('join is broken')
    return { assigns: { name: payload.name }, reply: { topic } }
  },
  joined(socket) {
    socket.presence.track(socket.assigns.name, { name: socket.assigns.name })
  },
  in: {
    say({ body }, socket) {
      if (body === '') return fail({ reason: 'empty' })
      socket.broadcast('said', { from: socket.assigns.name, body })
      return { length: body.length }
    },
    quietly(_, socket) {
      socket.broadcastFrom('said', { from: socket.assigns.name, body: 'psst' })
    },
    bytes(data, socket) {
      socket.push('blob', data)
      return data
    },
    crash() {
      throw new TypeError('say is broken')
    },
  },
  terminate(_, socket) {
    socket.broadcastFrom('left', { name: socket.assigns.name })
  },
})

async function serve(t: TestContext, options: BerylOptions = {}): Promise<FastifyInstance> {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [room], ...options })
  return app
}

test('a client joins, pushes, and receives replies, pushes and broadcasts', async (t) => {
  const app = await serve(t)
  const ada = await connect(app)
  const bob = await connect(app)
  const at = await ada.join(room, 'room:1', { name: 'ada' })
  const bt = await bob.join(room, 'room:1', { name: 'bob' })

  assert.deepEqual(at.reply, { topic: 'room:1' })
  const reply = await at.push('say', { body: 'hi' }).expectReply()
  assert.equal(reply.length, 2)
  const said = await bt.expectPush('said', { body: /^h/ })
  assert.deepEqual(said, { from: 'ada', body: 'hi' })
  await at.expectPush('said')
  await at.expectBroadcast('said', { from: 'ada' })
  await at.push('say', { body: '' }).expectReply('error', { reason: 'empty' })
  await at.push('quietly').refuteReply()
  await at.refutePush('said')
  await at.expectBroadcast('said', { body: 'psst' })
  await bt.expectPush('said', { body: 'psst' })
  await at.leave()
  await bt.expectPush('left', { name: 'ada' })
  await bt.expectAbsence('ada')
})

test('a refused connection rejects with the status and the body of the answer', async (t) => {
  const app = await serve(t, {
    connect({ params }) {
      if (params.token === 'broken') throw new Error('no database')
      return params.token === 'good' ? {} : reject({ reason: 'who?' })
    },
  })
  await assert.rejects(connect(app), (error: ConnectRefused) => {
    assert.ok(error instanceof ConnectRefused)
    assert.equal(error.statusCode, 403)
    return true
  })
  await assert.rejects(connect(app, { params: { token: 'broken' } }), {
    statusCode: 500,
    message: /refused with 500: .*no database/,
  })
  await assert.rejects(connect(app, { params: { token: 'good' }, vsn: '3.0.0' }), { statusCode: 403 })
  const headers = { origin: 'https://elsewhere.example' }
  await assert.rejects(connect(app, { params: { token: 'good' }, headers }), { statusCode: 403 })
  await connect(app, { params: { token: 'good' } })
})

test('connect sees the parameters, the token, the headers and the address that a test gives', async (t) => {
  const app = await serve(t, {
    connect: ({ params, authToken, request }) => ({
      assigns: { params, authToken, cookie: request.headers.cookie },
    }),
  })
  const client = await connect(app, {
    params: { a: { b: '1' }, list: ['x', 'y'] },
    authToken: 'Grüße',
    headers: { cookie: 'id=7' },
    remoteAddress: '10.1.2.3',
  })
  const { assigns, ip, transport } = client.connection
  assert.deepEqual(JSON.parse(JSON.stringify(assigns)), {
    params: { a: { b: '1' }, list: ['x', 'y'], vsn: '2.0.0' },
    authToken: 'Grüße',
    cookie: 'id=7',
  })
  assert.equal(ip, '10.1.2.3')
  assert.equal(transport, 'test')
  assert.deepEqual(app.channels.connections(), [client.id])
})

test('a refused join rejects with the response, and with the error of join where that failed', async (t) => {
  const client = await connect(await serve(t))
  await assert.rejects(client.join(room, 'room:1', { name: 'eve' }), (error: JoinRefused) => {
    assert.ok(error instanceof JoinRefused)
    assert.deepEqual(error.response, { reason: 'banned' })
    assert.equal(error.cause, undefined)
    return true
  })
  await assert.rejects(client.join(room, 'room:1', { name: 'crash' }), {
    response: { reason: 'join crashed' },
    cause: new Error('join is broken'),
  })
  await assert.rejects(client.join('nowhere'), { response: { reason: 'unmatched topic' } })
  await assert.rejects(client.join('room:1', { name: 7 }), {
    response: { reason: 'invalid_payload', errors: [{ path: '/name', message: 'must be string' }] },
  })
})

test('bytes go both ways on version 2', async (t) => {
  const client = await connect(await serve(t))
  const channel = await client.join(room, 'room:1', { name: 'ada' })
  const bytes = Buffer.from([0, 1, 255])
  assert.deepEqual(await channel.push('bytes', bytes).expectReply('ok', bytes), bytes)
  assert.deepEqual(await channel.expectPush('blob', bytes), bytes)
})

test('a client of version 1 joins, pushes and hears the end of its channel', async (t) => {
  const client = await connect(await serve(t), { vsn: '1.0.0' })
  const channel = await client.join(room, 'room:1', { name: 'ada' })
  await channel.push('say', { body: 'hi' }).expectReply('ok', { length: 2 })
  await channel.expectPush('said', { body: 'hi' })
  await channel.expectPresence('ada')
  await channel.leave()
  assert.throws(() => channel.push('bytes', Buffer.of(1)), TypeError)
})

test('a failed expectation says what came instead', async (t) => {
  const client = await connect(await serve(t), { timeoutMs: 1_000 })
  const channel = await client.join(room, 'room:1', { name: 'ada' })
  await channel.push('say', { body: 'hi' }).expectReply()
  await assert.rejects(channel.expectPush('said', { body: 'ho' }), (error: Error) => {
    assert.equal(error.name, 'AssertionError')
    assert.match(error.message, /^expected "said" { body: 'ho' } on "room:1"\nwhat came instead:\n/)
    assert.match(error.message, /\n {2}said { from: 'ada', body: 'hi' }/)
    return true
  })
  await assert.rejects(
    channel.push('say', { body: '' }).expectReply('ok'),
    /^AssertionError.*: expected a reply "ok" to "say"\nwhat came instead:\n {2}reply "error" { reason: 'empty' }$/,
  )
  await assert.rejects(
    channel.refutePush('said'),
    /expected no "said" on "room:1"\nwhat came instead:\n {2}said/,
  )
  await assert.rejects(channel.refuteBroadcast('said'), /expected no "said"/)
  const push = channel.push('say', { body: 'hi' })
  await assert.rejects(push.refuteReply(), /expected no reply to "say"\nwhat came instead:\n {2}reply "ok"/)
  await assert.rejects(channel.expectPresence('bob'), /expected a presence of "bob"[\s\S]*ada/)
  await assert.rejects(channel.expectAbsence('ada'), /expected no presence of "ada"/)
  await assert.rejects(client.expectClosed(), /expected the connection to be closed/)
})

test('what a crash made impossible fails at once and names the error of the handler', async (t) => {
  const client = await connect(await serve(t), { timeoutMs: 1_000_000 })
  const channel = await client.join(room, 'room:1', { name: 'ada' })
  const crash = channel.push('crash')
  await assert.rejects(crash.expectReply(), (error: Error) => {
    assert.match(error.message, /a callback failed: TypeError: say is broken/)
    assert.deepEqual(error.cause, new TypeError('say is broken'))
    return true
  })
  await assert.rejects(channel.expectPush('said'), /say is broken/)
  assert.deepEqual(await channel.expectError(), new TypeError('say is broken'))
  assert.deepEqual(
    client.crashes.map(({ topic, event }) => ({ topic, event })),
    [{ topic: 'room:1', event: 'crash' }],
  )
  await channel.join({ name: 'ada' })
  await channel.push('say', { body: 'back' }).expectReply()
})

test('what was expected is taken: to expect it again waits for another one', async (t) => {
  const client = await connect(await serve(t), { timeoutMs: 1_000 })
  const channel = await client.join(room, 'room:1', { name: 'ada' })
  channel.push('say', { body: 'one' })
  channel.push('say', { body: 'two' })
  assert.equal((await channel.expectPush('said')).body, 'one')
  assert.equal((await channel.expectPush('said')).body, 'two')
  await assert.rejects(channel.expectPush('said'), /expected "said"/)
})

test('a channel shows who is there as its client sees it', async (t) => {
  const app = await serve(t)
  const ada = await connect(app)
  const bob = await connect(app)
  const at = await ada.join(room, 'room:1', { name: 'ada' })
  assert.deepEqual((await at.expectPresence('ada', { name: 'ada' })).name, 'ada')
  const bt = await bob.join(room, 'room:1', { name: 'bob' })
  await at.expectPresence('bob')
  await bt.expectPresence('ada')
  assert.deepEqual(Object.keys(at.presences()).sort(), ['ada', 'bob'])
  await bob.drop()
  await at.expectAbsence('bob')
})

test('a client sees with which code the server closed it, and the server with which the client did', async (t) => {
  const ends: unknown[] = []
  const watched = defineChannel('watched', {
    schema: {},
    join: () => ({ assigns: undefined }),
    terminate: (reason) => void ends.push(reason),
  })
  const app = await serve(t, { channels: [watched], connectionTopic: ({ id }) => `connection:${id}` })
  const [kicked, polite, lost] = await Promise.all([connect(app), connect(app), connect(app)])
  for (const client of [kicked, polite, lost]) await client.join(watched, 'watched')
  app.channels.disconnect(`connection:${kicked.id}`)
  assert.deepEqual(await kicked.expectClosed(1001), { code: 1001, reason: '' })
  await assert.rejects(kicked.expectClosed(1012), /expected the connection to be closed with 1012[\s\S]*1001/)
  await polite.close(4001)
  assert.equal(polite.closed?.code, 1000)
  await lost.drop()
  assert.equal(lost.closed?.code, 1006)
  assert.deepEqual(ends, [
    { kind: 'shutdown', reason: 'disconnect' },
    { kind: 'closed', code: 4001 },
    { kind: 'closed', code: 1006 },
  ])
  assert.deepEqual(app.channels.connections(), [])
})

test('a fake clock drives the application: a silent client is closed, one with heartbeats is not', async (t) => {
  const clock = fakeClock()
  const app = await serve(t, { clock })
  const silent = await connect(app)
  const living = await connect(app)
  const channel = await living.join(room, 'room:1', { name: 'ada' })
  for (let beat = 0; beat < 3; beat++) {
    await clock.advance(30_000)
    await living.heartbeat()
  }
  assert.deepEqual(await silent.expectClosed(), { code: 1001, reason: 'idle timeout' })
  assert.equal(living.closed, undefined)
  await channel.push('say', { body: 'still here' }).expectReply()
  await living.close()
  await app.close()
  assert.equal(clock.pending, 0)
})

test('raw messages and frames show what the wire carries', async (t) => {
  const app = await serve(t)
  const client = await connect(app)
  client.send({ joinRef: null, ref: '9', topic: 'room:1', event: 'say', payload: {} })
  await client.expectMessage({
    ref: '9',
    joinRef: null,
    payload: { response: { reason: 'unmatched topic' } },
  })
  await client.refuteMessage({ ref: '9' })
  await assert.rejects(
    client.refuteMessage({ ref: '9' }).then(() => client.expectMessage({ ref: '10' })),
    {
      name: 'AssertionError',
    },
  )
})

test('a message that is none closes the connection with 1007', async (t) => {
  const client = await connect(await serve(t))
  client.sendRaw('{"no":')
  await client.expectClosed(1007)
})

test('what leaves in one turn of the event loop comes in one write', async (t) => {
  const app = await serve(t)
  const client = await connect(app)
  const channel = await client.join(room, 'room:1', { name: 'ada' })
  await channel.expectPresence('ada')
  const before = client.writes.length
  for (const body of ['a', 'b', 'c']) app.channels.broadcast('room:1', 'said', { from: 'server', body })
  await channel.expectPush('said', { body: 'c' })
  assert.deepEqual(
    client.writes.slice(before).map((frames) => frames.length),
    [3],
  )
})

test('a mount in a scope with a prefix is found by its own instance', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  let admin: FastifyInstance | undefined
  await app.register(
    async (scope) => {
      admin = scope
      await scope.register(beryl, { path: '/live', channels: [room] })
    },
    { prefix: '/admin' },
  )
  const client = await connect(admin as FastifyInstance)
  assert.equal(admin?.channels.path, '/admin/live')
  await client.join(room, 'room:1', { name: 'ada' })
})

test('a mount is found from the application around its scope; where there are several, the path says which', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(async (scope) => scope.register(beryl, { path: '/live', channels: [room] }))
  const client = await connect(app)
  const channel = await client.join(room, 'room:1', { name: 'ada' })
  await channel.push('say', { body: 'hi' }).expectReply()
  await channel.expectBroadcast('said')

  const both = Fastify()
  t.after(() => both.close())
  let admin: FastifyInstance | undefined
  await both.register(async (scope) => scope.register(beryl, { path: '/live', channels: [room] }))
  await both.register(
    async (scope) => {
      admin = scope
      await scope.register(beryl, { channels: [room] })
    },
    { prefix: '/admin' },
  )
  await assert.rejects(connect(both), {
    code: 'BERYL_ERR_OPTION_INVALID',
    message: "option 'path': wanted one of the mounts: /live, /admin/socket, got undefined",
  })
  await assert.rejects(connect(both, { path: '/socket' }), {
    message: 'the connection was refused with 404: no entrance has this path, but /live, /admin/socket',
  })
  await (await connect(both, { path: '/admin/socket' })).join(room, 'room:1', { name: 'ada' })
  assert.equal(admin?.channels.connections().length, 1)
  await connect(admin)
  assert.equal(admin.channels.connections().length, 2)
})

test('an instance without fastify-beryl, in it or in its scopes, is refused with what to do', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  let beside: FastifyInstance | undefined
  await app.register(async (scope) => scope.register(beryl, { channels: [room] }))
  await app.register(async (scope) => {
    beside = scope
  })
  const refused = {
    code: 'BERYL_ERR_ARGUMENT',
    message:
      /^connect: app: wanted a Fastify instance that has fastify-beryl.*await app\.register\(beryl, .*got /,
  }
  await assert.rejects(connect(beside as FastifyInstance), refused)
  await assert.rejects(connect(Fastify()), refused)
})

test('an ok of an event that declares no reply is not waited for', async (t) => {
  const client = await connect(await serve(t), { timeoutMs: 1_000_000 })
  for (const channel of [
    await client.join(room, 'room:1', { name: 'ada' }),
    await client.join('room:2', { name: 'bob' }),
  ]) {
    await assert.rejects(channel.push('quietly', {}).expectReply(), {
      name: 'AssertionError',
      message:
        /^expected a reply "ok" to "quietly", which declares no reply: add one to its schema, or use refuteReply\n/,
    })
    await channel.push('quietly', {}).refuteReply()
    await assert.rejects(
      channel.push('quietly', 'no object' as never).expectReply(),
      /reply "error" { reason: 'invalid_payload'/,
    )
    await channel.push('quietly', 'no object' as never).expectReply('error', { reason: 'invalid_payload' })
  }
})

test('the kit and the server go on while the timers of the globals are mocked', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'], now: 5_000 })
  for (const clock of [undefined, fakeClock()]) {
    const app = await serve(t, { clock })
    const client = await connect(app, { timeoutMs: 1_000 })
    assert.ok(client.connection.connectedAt >= 5_000)
    const channel = await client.join(room, 'room:1', { name: 'ada' })
    await channel.push('say', { body: 'hi' }).expectReply()
    await channel.expectPresence('ada')
    await channel.refutePush('left')
    await assert.rejects(client.expectMessage({ event: 'never' }), /expected a message/)
    await client.close()
    await assert.rejects(connect(app, { headers: { origin: 'https://elsewhere.example' } }), ConnectRefused)
    await app.close()
  }
})

test('a fake clock begins now, or when it is told to', () => {
  const before = Date.now()
  const clock = fakeClock()
  assert.ok(clock.date() >= before && clock.date() <= Date.now())
  assert.equal(clock.now(), 0)
  assert.equal(fakeClock(5).date(), 5)
})

test('a ticket opens one connection, and one of another process none', async (t) => {
  const app = await serve(t)
  const url = '/socket/websocket?vsn=2.0.0'
  const tickets: string[] = []
  app.addHook('onRequest', async (request) => {
    const ticket = request.headers['x-beryl-ticket']
    if (typeof ticket === 'string') tickets.push(ticket)
  })
  await connect(app)
  assert.equal(tickets.length, 1)
  for (const ticket of [...tickets, 'made-up']) {
    const again = await app.inject({ url, headers: { 'x-beryl-ticket': ticket } })
    assert.equal(again.statusCode, 426)
  }
  assert.equal(app.channels.connections().length, 1)
})

test('a client that is gone leaves nothing: no place taken, no topic heard', async (t) => {
  const app = await serve(t, { limits: { connections: 1 } })
  const first = await connect(app)
  await first.join(room, 'room:1', { name: 'ada' })
  await assert.rejects(connect(app), { statusCode: 503 })
  await first.close()
  assert.deepEqual(app.channels.topics(), [])
  await (await connect(app)).join(room, 'room:1', { name: 'bob' })
})

for (const vsn of ['2.0.0', '1.0.0'])
  test(`W106 an info of the kit reaches the channel of one client alone, whose answer it can expect (version ${vsn})`, async (t) => {
    const told = defineChannel('told:*', {
      schema: { info: { roleChanged: Name }, out: { role: Name } },
      join: () => ({ assigns: {} }),
      info: { roleChanged: (role, socket) => socket.push('role', role) },
    })
    const app = Fastify()
    t.after(() => app.close())
    await app.register(beryl, { channels: [told] })
    const [ada, bob] = [await connect(app, { vsn }), await connect(app, { vsn })]
    const [hers, his] = [await ada.join(told, 'told:1'), await bob.join(told, 'told:1')]
    hers.info('roleChanged', { name: 'host' })
    assert.deepEqual(await hers.expectPush('role'), { name: 'host' })
    await his.refutePush('role')
    assert.throws(() => hers.info('roleChanged', { name: 7 } as never), { code: 'BERYL_ERR_PAYLOAD_INVALID' })
    assert.throws(() => hers.info('other' as never, {} as never), { code: 'BERYL_ERR_INFO_UNDECLARED' })
    assert.throws(() => hers.info(7 as never, {} as never), /info: event: wanted a string/)
    const loose = await ada.join('told:2')
    loose.info('roleChanged', { name: 'guest' })
    assert.deepEqual(await loose.expectPush('role'), { name: 'guest' })
  })
