import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import compress from '@fastify/compress'
import cookie from '@fastify/cookie'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import proxy from '@fastify/http-proxy'
import rateLimit from '@fastify/rate-limit'
import session from '@fastify/session'
import underPressure from '@fastify/under-pressure'
import websocket from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import mercurius from 'mercurius'
import { Socket } from 'phoenix'
import { Type } from 'typebox'
import { WebSocket } from 'ws'
import { beryl, defineChannel, mount } from '../../src/index.ts'
import { until } from '../support/until.ts'

// The plugin beside others that live on the same server, in every order.

const room = defineChannel('room:*', {
  schema: {
    in: { echo: { payload: Type.Object({ n: Type.Number() }), reply: Type.Object({ n: Type.Number() }) } },
  },
  join: () => ({ assigns: {} }),
  in: { echo: (payload) => payload },
})

interface Served {
  readonly app: FastifyInstance
  readonly port: number
  /** Times that `connect` was asked. */
  asked: number
}

interface Neighbour {
  readonly register: (app: FastifyInstance, upstream: number) => Promise<void>
  /** Its own work, beside ours. */
  readonly works?: (port: number, t: TestContext) => Promise<void>
}

const neighbours: Readonly<Record<string, Neighbour>> = {
  mercurius: {
    async register(app) {
      await app.register(mercurius, {
        schema: 'type Query { two: Int } type Subscription { counted: Int }',
        resolvers: {
          Query: { two: () => 2 },
          Subscription: { counted: { subscribe: (_, __, { pubsub }) => pubsub.subscribe('COUNTED') } },
        },
        subscription: true,
      })
    },
    async works(port, t) {
      const query = await fetch(`http://127.0.0.1:${port}/graphql?query={two}`)
      assert.deepEqual(await query.json(), { data: { two: 2 } })
      const ws = open(t, port, '/graphql', ['graphql-transport-ws'])
      await once(ws, 'open')
      assert.equal(ws.protocol, 'graphql-transport-ws')
      ws.send('{"type":"connection_init"}')
      const [answer] = await once(ws, 'message')
      assert.match(String(answer), /connection_ack/)
    },
  },
  'a WebSocket of the application': {
    async register(app) {
      // In a scope of its own, as it has to be where the plugin that it needs may come behind.
      await app.register(async (scope) => {
        if (!scope.hasDecorator('websocketServer')) await scope.register(websocket)
        scope.get('/own', { websocket: true }, (ws) => {
          ws.on('message', (data) => ws.send(`heard ${String(data).length}`))
        })
      })
    },
    async works(port, t) {
      const ws = open(t, port, '/own', ['first', 'second'])
      await once(ws, 'open')
      assert.equal(ws.protocol, 'first')
      ws.send('x'.repeat(100_000))
      const [answer] = await once(ws, 'message')
      assert.equal(String(answer), 'heard 100000')
    },
  },
  '@fastify/websocket': {
    register: async (app) => {
      await app.register(websocket)
    },
  },
  '@fastify/session': {
    async register(app) {
      await app.register(cookie)
      await app.register(session, { secret: 'x'.repeat(32), cookie: { secure: false } })
    },
  },
  '@fastify/cors': {
    register: async (app) => {
      await app.register(cors)
    },
  },
  '@fastify/helmet': {
    register: async (app) => {
      await app.register(helmet)
    },
  },
  '@fastify/rate-limit': {
    register: async (app) => {
      await app.register(rateLimit, { max: 100 })
    },
  },
  '@fastify/under-pressure': {
    register: async (app) => {
      await app.register(underPressure, { maxEventLoopDelay: 60_000 })
    },
  },
  '@fastify/compress': {
    register: async (app) => {
      await app.register(compress)
    },
  },
  '@fastify/http-proxy': {
    async register(app, upstream) {
      const to = `http://127.0.0.1:${upstream}`
      await app.register(proxy, { upstream: to, prefix: '/up', websocket: true })
    },
    async works(port, t) {
      assert.equal(await (await fetch(`http://127.0.0.1:${port}/up/hello`)).text(), 'hello from upstream')
      const ws = open(t, port, '/up/own')
      await once(ws, 'open')
      ws.send('abc')
      const [answer] = await once(ws, 'message')
      assert.equal(String(answer), 'heard 3')
    },
  },
}

/** @fastify/websocket can be registered but once in one scope: it comes before the plugin, or not at all. */
const NEEDED_FIRST = new Set(['@fastify/websocket'])

async function serveUpstream(t: TestContext): Promise<number> {
  const app = Fastify()
  await app.register(websocket)
  app.get('/hello', async () => 'hello from upstream')
  app.get('/own', { websocket: true }, (ws) => {
    ws.on('message', (data) => ws.send(`heard ${String(data).length}`))
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.after(() => app.close())
  return (app.server.address() as AddressInfo).port
}

async function serve(t: TestContext, names: readonly string[], oursAt: number): Promise<Served> {
  const upstream = names.includes('@fastify/http-proxy') ? await serveUpstream(t) : 0
  const app = Fastify()
  const served = { app, port: 0, asked: 0 }
  const ours = async () => {
    await app.register(beryl, {
      channels: [room],
      drain: { closeMs: 200 },
      connect() {
        served.asked++
        return {}
      },
    })
  }
  for (const [at, name] of names.entries()) {
    if (at === oursAt) await ours()
    await neighbours[name]?.register(app, upstream)
  }
  if (oursAt >= names.length) await ours()
  app.get('/plain', async () => ({ plain: 'x'.repeat(2_000) }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  served.port = (app.server.address() as AddressInfo).port
  return served
}

function open(t: TestContext, port: number, path: string, protocols: string[] = []): WebSocket {
  const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols)
  t.after(() => ws.terminate())
  return ws
}

/** Joins, pushes, and gives the code of the close that is to come. */
async function takePart({ port }: Served): Promise<{ closed: Promise<number> }> {
  const socket = new Socket(`ws://127.0.0.1:${port}/socket`, { transport: WebSocket })
  const closed = new Promise<number>((resolve) =>
    socket.onClose((event) => {
      // It would come back again and again, and keep the process alive.
      socket.disconnect()
      resolve((event as { code: number }).code)
    }),
  )
  socket.connect()
  const channel = socket.channel('room:1')
  await new Promise((resolve, reject) => channel.join().receive('ok', resolve).receive('error', reject))
  const answer = await new Promise((resolve) => channel.push('echo', { n: 7 }).receive('ok', resolve))
  assert.deepEqual(answer, { n: 7 })
  return { closed }
}

async function check(t: TestContext, names: readonly string[], oursAt: number): Promise<void> {
  const served = await serve(t, names, oursAt)
  const { app, port } = served
  const { closed } = await takePart(served)
  assert.equal(served.asked, 1, 'connect is asked once')
  assert.equal(app.channels.status().connections, 1)
  for (const name of names) await neighbours[name]?.works?.(port, t)
  const plain = await fetch(`http://127.0.0.1:${port}/plain`)
  assert.equal(((await plain.json()) as { plain: string }).plain.length, 2_000)
  if (!names.slice(0, oursAt).includes('@fastify/websocket'))
    assert.ok(app.websocketServer.clients instanceof Set)
  await app.close()
  assert.equal(await closed, 1012)
  assert.equal(app.channels.status().connections, 0)
}

for (const name of Object.keys(neighbours)) {
  for (const oursAt of NEEDED_FIRST.has(name) ? [1] : [0, 1]) {
    test(
      `W91 ${name}, registered ${oursAt === 0 ? 'behind' : 'before'} the plugin: both work, and both close`,
      {
        timeout: 20_000,
      },
      (t) => check(t, [name], oursAt),
    )
  }
}

// An application with several that need it registers it once, first. @fastify/http-proxy, whose routes know no other
// WebSockets, comes before even that.
const PROXY = '@fastify/http-proxy'
const all = Object.keys(neighbours).filter((name) => !NEEDED_FIRST.has(name) && name !== PROXY)
for (let before = 0; before <= all.length; before++) {
  const names = [PROXY, ...(before === 0 ? all : ['@fastify/websocket', ...rotate(all, before)])]
  test(
    `W91 all neighbours, ${before} of them registered before the plugin: all work, and all close`,
    {
      timeout: 20_000,
    },
    (t) => check(t, names, before === 0 ? 1 : before + 2),
  )
}

const TWICE: Readonly<Record<string, (app: FastifyInstance) => Promise<void>>> = {
  'two scopes beside the plugin': async (app) => {
    for (let scope = 0; scope < 2; scope++) app.register(async (own) => void (await own.register(websocket)))
    await app.register(beryl)
  },
  'two scopes behind that of the plugin': async (app) => {
    app.register(async (own) => void (await own.register(beryl)))
    for (let scope = 0; scope < 2; scope++) app.register(async (own) => void (await own.register(websocket)))
  },
  'the scope of the plugin and one beside it': async (app) => {
    app.register(async (own) => void (await own.register(websocket)))
    app.register(async (own) => {
      await own.register(websocket)
      await own.register(beryl)
    })
  },
}

for (const [name, register] of Object.entries(TWICE)) {
  test(`W91 @fastify/websocket twice on one server is refused at the start: ${name}`, async (t) => {
    const app = Fastify()
    t.after(() => app.close())
    await register(app)
    await assert.rejects(async () => app.ready(), { code: 'BERYL_ERR_WEBSOCKET_TWICE' })
  })
}

test('W91 a listener of the application for upgrades is called for upgrades alone, whatever its name', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  const urls: unknown[] = []
  app.server.on('upgrade', async function onUpgrade({ url }) {
    urls.push(url)
    await null
    if (url?.startsWith('/theirs') === undefined) throw new Error('no request')
  })
  await app.register(beryl, { channels: [room] })
  await app.register(mount, { path: '/other', channels: [room] })
  await app.listen({ port: 0, host: '127.0.0.1' })
  assert.deepEqual(urls, [])
  const { port } = app.server.address() as AddressInfo
  const ws = open(t, port, '/socket/websocket?vsn=2.0.0')
  await once(ws, 'open')
  assert.deepEqual(urls, ['/socket/websocket?vsn=2.0.0'])
})

test('W91 where a listener of others fails in the middle of an upgrade of ours, they get their server back', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(websocket, { options: { maxPayload: 4_321 } })
  await app.register(beryl, { channels: [room] })
  await app.register(mount, { path: '/other', channels: [room] })
  let failed = 0
  app.websocketServer.on('headers', (_, { url = '' }) => {
    if (!url.includes('fails')) return
    failed++
    throw new Error('of others')
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const { clients } = app.websocketServer
  for (const path of ['/socket', '/other']) {
    const before = failed
    const failing = new WebSocket(`ws://127.0.0.1:${port}${path}/websocket?vsn=2.0.0&fails`)
    failing.on('error', () => {})
    await until('it fails', () => failed > before)
    failing.terminate()
    assert.equal(app.websocketServer.clients, clients)
    assert.equal(app.websocketServer.options.maxPayload, 4_321)
  }
})

function rotate<T>(items: readonly T[], by: number): readonly T[] {
  return [...items.slice(by), ...items.slice(0, by)]
}
