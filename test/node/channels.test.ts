import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import beryl, { type BerylOptions, defineChannel, mount, reject } from 'fastify-beryl'
import { ConnectRefused, connect } from 'fastify-beryl/testing'
import { Type } from 'typebox'

// Registering the plugin, letting clients in, and what `fastify.channels` does.

const Said = Type.Object({ body: Type.String() })

function channel<P extends string>(pattern: P) {
  return defineChannel(pattern as never, {
    schema: {
      join: { payload: Type.Unknown(), reply: Type.Object({ by: Type.String() }) },
      in: { shout: Said, whisper: Said },
      out: { said: Said },
    },
    join: () => ({ assigns: {}, reply: { by: pattern } }),
    in: {
      shout: (payload, socket) => socket.broadcast('said', payload),
      whisper: (payload, socket) => socket.broadcastFrom('said', payload),
    },
  })
}

const room = channel('room:*')

async function serve(t: TestContext, options: BerylOptions = {}): Promise<FastifyInstance> {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [room], ...options })
  return app
}

async function refusedWith(connecting: Promise<unknown>): Promise<number> {
  const error = await connecting.then(
    () => undefined,
    (cause) => cause,
  )
  assert.ok(error instanceof ConnectRefused, String(error))
  return error.statusCode
}

// The plugin

test('a second registration in one scope is refused; two sibling scopes are two trees on one server', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  const scopes: FastifyInstance[] = []
  for (const path of ['/socket', '/admin']) {
    await app.register(async (scope) => {
      await scope.register(beryl, { path, channels: [room] })
      scopes.push(scope)
    })
  }
  await app.ready()
  const [one, two] = scopes as [FastifyInstance, FastifyInstance]
  const [ada, bob] = [await connect(one), await connect(two)]
  const [here, there] = [await ada.join('room:1'), await bob.join('room:1')]
  one.channels.broadcast('room:1', 'said', { body: 'here' })
  await here.expectPush('said', { body: 'here' })
  await there.refutePush('said')
  assert.notEqual(one.channels.status().node, two.channels.status().node)
  assert.deepEqual([one.channels.connections(), two.channels.connections()], [[ada.id], [bob.id]])

  const twice = Fastify()
  await twice.register(beryl)
  await assert.rejects(async () => twice.register(beryl, { path: '/other' }), {
    code: 'BERYL_ERR_ALREADY_REGISTERED',
  })
  await twice.close()
})

test('what connect gives becomes the assigns of the connection, sync or async', async (t) => {
  const grant = { assigns: { userId: '7' } }
  for (const given of [grant, Promise.resolve(grant)]) {
    const app = await serve(t, { connect: () => given })
    assert.deepEqual((await connect(app)).connection.assigns, { userId: '7' })
  }
})

test('connect sees nested params and the authToken; what it rejects is 403, what it throws 500', async (t) => {
  const seen: unknown[] = []
  const app = await serve(t, {
    connect({ params, authToken }) {
      seen.push(params, authToken)
      if (params.who === 'eve') return reject()
      if (params.who === 'bug') throw new Error('database')
      return {}
    },
  })
  await connect(app, { params: { filter: { tags: ['a', 'b'] } }, authToken: 'secret' })
  const [params, token] = seen as [Record<string, Record<string, unknown>>, string]
  assert.deepEqual([{ ...params.filter }, token], [{ tags: ['a', 'b'] }, 'secret'])
  assert.equal(await refusedWith(connect(app, { params: { who: 'eve' } })), 403)
  assert.equal(await refusedWith(connect(app, { params: { who: 'bug' } })), 500)
  assert.equal(app.channels.status().connections, 1)
})

test("Fastify's hooks run before connect, and may answer in its place", async (t) => {
  const order: string[] = []
  const app = Fastify()
  t.after(() => app.close())
  app.decorateRequest('user', '')
  for (const hook of ['onRequest', 'preValidation', 'preHandler'] as const) {
    app.addHook(hook, async (request, reply) => {
      order.push(hook)
      if (hook === 'preValidation' && request.headers.authorization === undefined)
        return reply.code(401).send()
    })
  }
  await app.register(beryl, { channels: [room], connect: () => ({ assigns: { n: order.push('connect') } }) })
  assert.equal(await refusedWith(connect(app)), 401)
  assert.deepEqual(order.splice(0), ['onRequest', 'preValidation'])
  await connect(app, { headers: { authorization: 'Bearer x' } })
  assert.deepEqual(order, ['onRequest', 'preValidation', 'preHandler', 'connect'])
})

test('presence: false and groups: false leave decorators whose use names the option', async (t) => {
  const app = await serve(t, { presence: false, groups: false })
  assert.throws(() => app.presence.list('room:1'), { code: 'BERYL_ERR_DISABLED', message: /'presence'/ })
  assert.throws(() => app.groups.create('all'), { code: 'BERYL_ERR_DISABLED', message: /'groups'/ })
})

test('presence: false refuses a channel that declares a presence, whenever it is registered', async (t) => {
  const here = defineChannel('here:*', {
    schema: { presence: Type.Object({}) },
    join: () => ({ assigns: {} }),
  })
  const refused = {
    code: 'BERYL_ERR_CHANNEL_INVALID',
    message:
      "channel 'here:*': schema.presence: wanted nothing while the option 'presence' is false: leave it out, or switch presence on, got a schema",
  }
  await assert.rejects(async () => Fastify().register(beryl, { channels: [here], presence: false }), refused)
  const app = await serve(t, { presence: false })
  assert.throws(() => app.channels.register(here), refused)
  const admin = app.register(mount, { path: '/admin', channels: [here] })
  await assert.rejects(async () => admin, refused)
})

test('a topic that no channel serves is refused where it is put into a group, with what to do', async (t) => {
  const app = await serve(t)
  app.groups.create('all')
  assert.throws(() => app.groups.add('all', 'rom:1'), {
    code: 'BERYL_ERR_TOPIC_UNMATCHED',
    message:
      /^no channel is registered for topic "rom:1": check its spelling, or register a channel .* with the option 'channels' or channels\.register$/,
  })
  assert.equal(app.groups.topics('all').size, 0)
  app.groups.add('all', 'room:1')
  app.channels.register(channel('rom:*'))
  app.groups.add('all', 'rom:1')
})

test('names and topics that are no strings are refused with the argument, wanted and got', async (t) => {
  const app = await serve(t)
  app.groups.create('all')
  const owner = new AbortController().signal
  for (const [call, argument] of [
    [(name: string) => app.channels.broadcast(name, 'said', { body: '' }), 'topic'],
    [(name: string) => app.channels.push(name, 'room:1', 'said', { body: '' }), 'connectionId'],
    [(name: string) => app.channels.disconnect(name), 'connectionTopic'],
    [(name: string) => app.channels.subscribe(name, () => {}), 'topic'],
    [(name: string) => app.channels.subscriberCount(name), 'topic'],
    [(name: string) => app.groups.create(name), 'name'],
    [(name: string) => app.groups.add('all', name), 'topic'],
    [(name: string) => app.groups.broadcast('all', name, {}), 'event'],
    [(name: string) => app.presence.track(name, 'ada', {}, { owner }), 'topic'],
    [(name: string) => app.presence.track('room:1', name, {}, { owner }), 'key'],
    [(name: string) => app.presence.list(name), 'topic'],
  ] as const) {
    for (const got of [undefined, null, {}, Symbol('room')]) {
      assert.throws(() => call(got as never), {
        code: /^BERYL_ERR_(ARGUMENT|PRESENCE_INVALID)$/,
        message: new RegExp(`${argument}: wanted .+, got .+`),
      })
    }
  }
})

// fastify.channels

test('a channel may be registered later, by another plugin; the same pattern twice is refused', async (t) => {
  const app = await serve(t)
  await app.register(async (scope) => scope.channels.register(channel('user:*')))
  assert.deepEqual((await (await connect(app)).join('user:7')).reply, { by: 'user:*' })
  assert.throws(() => app.channels.register(channel('room:*')), { code: 'BERYL_ERR_CHANNEL_DUPLICATE' })
})

test('the most specific pattern gets a topic, whatever came first', async (t) => {
  const app = await serve(t, {
    channels: ['*', 'room:*', 'room:vip:*', 'room:vip:1'].map((pattern) => channel(pattern)),
  })
  const client = await connect(app)
  for (const [topic, by] of [
    ['room:vip:1', 'room:vip:1'],
    ['room:vip:2', 'room:vip:*'],
    ['room:2', 'room:*'],
    ['other', '*'],
  ] as const) {
    assert.deepEqual((await client.join(topic)).reply, { by })
  }
})

test('broadcast reaches all on the topic; broadcastFrom all but one connection; push one alone', async (t) => {
  const app = await serve(t)
  const [ada, bob] = [await connect(app), await connect(app)]
  const [a, b] = [await ada.join('room:1'), await bob.join('room:1')]
  const elsewhere = await bob.join('room:2')
  app.channels.broadcast('room:1', 'said', { body: 'all' })
  await Promise.all([a.expectPush('said', { body: 'all' }), b.expectPush('said', { body: 'all' })])
  app.channels.broadcastFrom(ada.id, 'room:1', 'said', { body: 'others' })
  await b.expectPush('said', { body: 'others' })
  app.channels.push(ada.id, 'room:1', 'said', { body: 'one' })
  await a.expectPush('said', { body: 'one' })
  app.channels.localBroadcast('room:1', 'said', { body: 'node' })
  await b.expectPush('said', { body: 'node' })
  await elsewhere.refutePush('said')
  assert.equal(ada.received.filter(({ event }) => event === 'said').length, 3)
})

test('a socket broadcasts to all, itself included; broadcastFrom leaves out its channel alone', async (t) => {
  const app = await serve(t)
  const [first, second] = [await connect(app), await connect(app)]
  const [one, two] = [await first.join('room:1'), await second.join('room:1')]
  one.push('shout', { body: 'loud' })
  await Promise.all([one.expectPush('said'), two.expectPush('said')])
  one.push('whisper', { body: 'soft' })
  await two.expectPush('said', { body: 'soft' })
  await one.refutePush('said', { body: 'soft' })
})

test('a wrong topic, event or payload throws at the caller, and nobody hears anything', async (t) => {
  const app = await serve(t)
  const topic = await (await connect(app)).join('room:1')
  const { channels } = app
  for (const send of ['broadcast', 'localBroadcast'] as const) {
    assert.throws(() => channels[send]('nowhere', 'said', { body: '' }), {
      code: 'BERYL_ERR_TOPIC_UNMATCHED',
    })
    assert.throws(() => channels[send]('room:1', 'shouted', {}), {
      code: 'BERYL_ERR_EVENT_UNDECLARED',
      message: /said/,
    })
    assert.throws(() => channels[send]('room:1', 'said', { body: 1 }), {
      code: 'BERYL_ERR_PAYLOAD_INVALID',
      message: /\/body must be string/,
    })
  }
  await topic.refutePush('said')
})

test('subscribe hears a topic until it is ended; a listener that throws harms nobody', async (t) => {
  const app = await serve(t)
  const topic = await (await connect(app)).join('room:1')
  const heard: unknown[] = []
  const failures: unknown[] = []
  app.channels.onTelemetry('listener.failed', (_, { error }) => failures.push(error))
  const broken = app.channels.subscribe('room:1', () => {
    throw new Error('listener')
  })
  const off = app.channels.subscribe('room:1', ({ event, payload }) => heard.push([event, payload]))
  topic.push('shout', { body: 'hi' })
  await topic.expectPush('said')
  assert.deepEqual(heard, [['said', { body: 'hi' }]])
  assert.equal((failures[0] as Error).message, 'listener')
  off()
  broken()
  topic.push('shout', { body: 'again' })
  await topic.expectPush('said', { body: 'again' })
  assert.equal(heard.length, 1)
})

test('disconnect closes every connection of a user with 1001, and no other', async (t) => {
  const app = await serve(t, {
    connect: ({ params }) => ({ assigns: { userId: String(params.user) } }),
    connectionTopic: ({ assigns }) => `user:${assigns.userId}`,
  })
  const [one, two, other] = [
    await connect(app, { params: { user: 1 } }),
    await connect(app, { params: { user: 1 } }),
    await connect(app, { params: { user: 2 } }),
  ]
  app.channels.disconnect('user:1')
  assert.equal((await one.expectClosed()).code, 1001)
  assert.equal((await two.expectClosed()).code, 1001)
  await other.heartbeat()
  assert.deepEqual(app.channels.connections(), [other.id])
})

test('status, topics, connections and subscriberCount tell what is there, and nothing when all have gone', async (t) => {
  const app = await serve(t)
  const clients = [await connect(app), await connect(app)]
  for (const client of clients) await client.join('room:1')
  await clients[0]?.join('room:2')
  const { state, connections, channels, topics, tree } = app.channels.status()
  assert.deepEqual(
    { state, connections, channels, topics },
    { state: 'running', connections: 2, channels: 3, topics: 2 },
  )
  assert.deepEqual(
    tree?.children.map(({ id }) => id),
    ['pubsub', 'coordinator', 'presence', 'groups', 'app'],
  )
  assert.deepEqual(app.channels.topics().sort(), ['room:1', 'room:2'])
  assert.deepEqual([app.channels.subscriberCount('room:1'), app.channels.subscriberCount('nowhere')], [2, 0])
  for (const client of clients) await client.close()
  const after = app.channels.status()
  assert.deepEqual([after.connections, after.channels, after.topics, app.channels.topics()], [0, 0, 0, []])
})

test('several broadcasts of one turn leave in one write to each client', async (t) => {
  const app = await serve(t)
  const clients = [await connect(app), await connect(app)]
  const topics = await Promise.all(clients.map((client) => client.join('room:1')))
  const before = clients.map(({ writes }) => writes.length)
  for (let n = 0; n < 5; n++) app.channels.broadcast('room:1', 'said', { body: String(n) })
  await Promise.all(topics.map((topic) => topic.expectPush('said', { body: '4' })))
  assert.deepEqual(
    clients.map(({ writes }, index) => writes.length - (before[index] as number)),
    [1, 1],
  )
  assert.equal(clients[0]?.writes.at(-1)?.length, 5)
})

test('a function that is taken out of the decorators still works', async (t) => {
  const app = await serve(t)
  const client = await connect(app)
  const joined = await client.join('room:1')
  const { broadcast, subscriberCount } = app.channels
  const { count } = app.presence
  const { create, list } = app.groups
  broadcast('room:1', 'said', { body: 'hi' })
  await joined.expectPush('said', { body: 'hi' })
  create('rooms')
  assert.deepEqual([subscriberCount('room:1'), count('room:1'), list()], [1, 0, ['rooms']])
})
