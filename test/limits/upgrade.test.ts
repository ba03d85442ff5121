import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import websocket from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import { WebSocket } from 'ws'
import { type BerylOptions, beryl, type LimitName, reject } from '../../src/index.ts'
import {
  type ConnectOptions,
  ConnectRefused,
  connect,
  fakeClock,
  type TestClient,
} from '../../src/testing/index.ts'
import { until } from '../support/until.ts'
import { close, Gates, record, type Stage, stage } from './stage.ts'

// Visitors who are let in, and the words to those who are not.

/** Connects and gives the status of the refusal, with its headers. */
async function refused(app: FastifyInstance, options?: ConnectOptions): Promise<ConnectRefused> {
  const outcome: unknown = await connect(app, options).catch((error: unknown) => error)
  assert.ok(outcome instanceof ConnectRefused, 'it was let in')
  return outcome
}

/** A `connect` that waits for the test. */
function slowConnect(): { gates: Gates; connect: () => Promise<Record<string, never>> } {
  const gates = new Gates()
  return { gates, connect: () => gates.wait().then(() => ({})) }
}

for (const [statusCode, reason, options, request] of [
  [403, 'origin', {}, { headers: { host: 'example.com', origin: 'https://evil.com' } }],
  [403, 'origin', {}, { headers: { host: 'example.com', origin: 'null' } }],
  [403, 'origin', { checkOrigin: ['//*.example.com'] }, { headers: { origin: 'https://badexample.com' } }],
  [403, 'vsn', {}, { vsn: '3.0.0' }],
  [403, 'subprotocol', { subprotocols: ['mine'] }, { headers: { 'sec-websocket-protocol': 'theirs' } }],
  [403, 'connect', { connect: () => reject() }, {}],
  [403, 'expired', { connect: () => ({ assigns: {}, expiresAt: 1 }) }, {}],
] as const satisfies readonly [number, string, BerylOptions, ConnectOptions][]) {
  test(`${statusCode} for ${reason}: ${JSON.stringify(request)}`, async (t) => {
    const { app } = await stage(t, options)
    const events = record(app, 'connection.refused')
    assert.equal((await refused(app, request)).statusCode, statusCode)
    const { origin, host = 'localhost:80' } =
      'headers' in request ? (request.headers as Record<string, string>) : {}
    const names = reason === 'origin' ? { origin, host } : {}
    const [{ wanted, got, ...told } = { wanted: undefined }] = events
    assert.deepEqual(told, { ip: '127.0.0.1', reason, statusCode, ...names })
    assert.equal(typeof wanted, 'origin vsn subprotocol expired'.includes(reason) ? 'string' : 'undefined')
    // The sub-protocols may hold a token.
    assert.equal(typeof got, 'vsn expired'.includes(reason) ? 'string' : 'undefined')
  })
}

test('no Origin is no browser, and an origin of the same host or of the list is let in', async (t) => {
  const { app } = await stage(t)
  await connect(app, { headers: { host: 'example.com' } })
  await connect(app, { headers: { host: 'example.com', origin: 'https://example.com' } })
  const { app: listed } = await stage(t, { checkOrigin: ['//*.example.com', 'https://other.org'] })
  for (const origin of ['https://example.com', 'http://a.b.example.com:8080', 'https://other.org']) {
    await connect(listed, { headers: { origin } })
  }
})

test('checkOrigin switched off: every page is let in, and a warning says so at the start', async () => {
  const lines: string[] = []
  const app = Fastify({
    logger: { level: 'warn', stream: { write: (line: string) => void lines.push(line) } },
  })
  await app.register(beryl, { checkOrigin: false })
  await connect(app, { headers: { host: 'example.com', origin: 'https://evil.com' } })
  assert.match(lines.join(), /checkOrigin is false/)
  await app.close()
})

test('a throw of connect answers as the error handler of Fastify does, and gives the place back', async (t) => {
  let fails = true
  const { app } = await stage(t, {
    limits: { connections: 1 },
    connect() {
      if (fails) throw new Error('no database')
      return {}
    },
  })
  assert.equal((await refused(app)).statusCode, 500)
  fails = false
  await connect(app)
})

for (const granted of [
  false,
  true,
  'user',
  42,
  null,
  [],
  { assigns: 1, expiresAt: 1 },
  { assigns: {}, expiresAt: 'soon' },
]) {
  test(`connect that gives ${JSON.stringify(granted)} lets nobody in`, async (t) => {
    const { app } = await stage(t, { connect: (() => granted) as never })
    const { statusCode, body } = await refused(app)
    assert.equal(statusCode, 500)
    assert.equal(JSON.parse(body).code, 'BERYL_ERR_CONNECT_INVALID')
  })
}

test('426 for a request on the path of the socket that asks for no upgrade', async (t) => {
  const { app } = await stage(t)
  const { statusCode, headers } = await app.inject('/socket/websocket')
  assert.deepEqual([statusCode, headers.upgrade], [426, 'websocket'])
})

interface Row {
  readonly limit: LimitName
  readonly low: NonNullable<BerylOptions['limits']>
  readonly off: NonNullable<BerylOptions['limits']>
  readonly statusCode: number
  /** Fills what is limited to one. */
  fill(staged: Stage & { gates: Gates }): Promise<{ free(): Promise<void> }>
}

const rows: readonly Row[] = [
  {
    limit: 'limits.connections',
    low: { connections: 1 },
    off: { connections: 0 },
    statusCode: 503,
    fill: ({ app, gates }) => letIn(app, gates),
  },
  {
    limit: 'limits.connectionsPerIp',
    low: { connectionsPerIp: 1 },
    off: { connectionsPerIp: false },
    statusCode: 429,
    fill: ({ app, gates }) => letIn(app, gates),
  },
  {
    limit: 'limits.pendingUpgrades',
    low: { pendingUpgrades: 1 },
    off: { pendingUpgrades: false },
    statusCode: 503,
    async fill({ app, gates }) {
      const client = connect(app)
      await until('it is on its way', () => gates.size === 1)
      return {
        async free() {
          gates.open()
          await client
        },
      }
    },
  },
]

async function letIn(app: FastifyInstance, gates: Gates): Promise<{ free(): Promise<void> }> {
  const client = await go(connect(app), gates)
  return { free: () => client.close() }
}

/** Lets everybody in who comes to the door until this one is. */
async function go(client: Promise<TestClient>, gates: Gates): Promise<TestClient> {
  let isIn = false
  const done = (): void => {
    isIn = true
  }
  client.then(done, done)
  await until('it is in, or is not', () => {
    gates.open()
    return isIn
  })
  return client
}

for (const { limit, low, off, statusCode, fill } of rows) {
  test(`${limit} at the limit: ${statusCode}, until one is gone`, async (t) => {
    const { gates, connect: slow } = slowConnect()
    const staged = await stage(t, { limits: low, connect: slow })
    const first = await fill({ ...staged, gates })
    const { statusCode: status, headers } = await refused(staged.app)
    assert.equal(status, statusCode)
    assert.equal(headers['retry-after'], statusCode === 503 ? '5' : undefined)
    assert.deepEqual(staged.reached, [limit])
    await first.free()
    await go(connect(staged.app), gates)
  })

  test(`${limit} switched off`, async (t) => {
    const { gates, connect: slow } = slowConnect()
    const staged = await stage(t, { limits: off, connect: slow })
    await fill({ ...staged, gates })
    await go(connect(staged.app), gates)
    assert.deepEqual(staged.reached, [])
  })
}

test('limits.connectionsPerIp counts addresses apart', async (t) => {
  const { app } = await stage(t, { limits: { connectionsPerIp: 1 } })
  for (const remoteAddress of ['10.0.0.1', '10.0.0.2']) await connect(app, { remoteAddress })
  assert.equal((await refused(app, { remoteAddress: '10.0.0.2' })).statusCode, 429)
})

test('limits.handshakeTimeoutMs at the limit: 503, and the place is free again', async (t) => {
  const { gates, connect: slow } = slowConnect()
  const { app, clock, reached } = await stage(t, { connect: slow, limits: { connections: 1 } })
  const client = refused(app)
  await until('it is on its way', () => gates.size === 1)
  await clock.advance(9_999)
  assert.deepEqual(reached, [])
  await clock.advance(1)
  assert.equal((await client).statusCode, 503)
  assert.deepEqual(reached, ['limits.handshakeTimeoutMs'])
  await go(connect(app), gates)
})

test('limits.handshakeTimeoutMs switched off', async (t) => {
  const { gates, connect: slow } = slowConnect()
  const { app, clock } = await stage(t, { connect: slow, limits: { handshakeTimeoutMs: 0 } })
  const client = connect(app)
  await until('it is on its way', () => gates.size === 1)
  await clock.advance(3_600_000)
  gates.open()
  await client
})

// Over a socket

async function listen(t: TestContext, app: FastifyInstance): Promise<number> {
  t.after(() => app.close())
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

function upgrade(port: number, headers: readonly string[] = []): Socket {
  const socket = connectTcp(port, '127.0.0.1')
  const head = [
    'GET /socket/websocket?vsn=2.0.0 HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  return socket
}

const TOKEN = Buffer.from('hunter2').toString('base64url')

for (const [whose, own] of [
  ['ours', false],
  ['of the application', true],
] as const) {
  for (const offered of [
    `phoenix, base64url.bearer.phx.${TOKEN}`,
    `base64url.bearer.phx.${TOKEN}, phoenix`,
  ]) {
    test(`the secret of authToken does not come back in the 101: ${offered}, @fastify/websocket ${whose}`, async (t) => {
      const app = Fastify()
      if (own) await app.register(websocket)
      const tokens: (string | undefined)[] = []
      await app.register(beryl, {
        connect({ authToken }) {
          tokens.push(authToken)
          return {}
        },
      })
      const socket = upgrade(await listen(t, app), [`Sec-WebSocket-Protocol: ${offered}`])
      const [head] = await once(socket, 'data')
      socket.destroy()
      assert.match(String(head), /^HTTP\/1.1 101 /)
      assert.equal(String(head).includes(TOKEN), false)
      assert.deepEqual(tokens, ['hunter2'])
    })
  }
}

test('a client that resets its connection while connect is at work harms nobody, and its place is free', async (t) => {
  const { gates, connect: slow } = slowConnect()
  const app = Fastify()
  await app.register(beryl, { connect: slow, limits: { connections: 1 } })
  const port = await listen(t, app)
  const sockets: Socket[] = []
  app.server.on('connection', (socket: Socket) => sockets.push(socket))
  const client = upgrade(port)
  await until('connect is at work', () => gates.size === 1)
  client.resetAndDestroy()
  await until('the server has seen the reset', () => sockets[0]?.destroyed === true)
  gates.open()
  const next = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`)
  await until('connect is at work for the next', () => gates.size === 1)
  gates.open()
  await once(next, 'open')
  next.terminate()
  assert.equal(app.channels.status().state, 'running')
})

test('an upgrade that is refused by a hook of the application leaves no connection behind', async (t) => {
  const app = Fastify()
  await app.register(async (scope) => {
    scope.addHook('onRequest', async (_, reply) => reply.code(401).send())
    // Without the timeout that would end it in the end.
    await scope.register(beryl, { limits: { handshakeTimeoutMs: false } })
  })
  const port = await listen(t, app)
  const sockets: Socket[] = []
  app.server.on('connection', (socket: Socket) => sockets.push(socket))
  const client = upgrade(port)
  const [head] = await once(client, 'data')
  assert.match(String(head), /^HTTP\/1.1 401 /)
  // The client itself does not end it.
  await until('the server has ended it', () => sockets[0]?.destroyed === true)
  client.destroy()
})

test('a deaf client is cut 5 s after it was told to go, and holds up nobody longer', async () => {
  const clock = fakeClock()
  const app = Fastify()
  await app.register(beryl, { clock })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const deaf = upgrade(port)
  const normal = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`)
  const codes: number[] = []
  normal.on('close', (code) => codes.push(code))
  await once(normal, 'open')
  await until('both are in', () => app.channels.status().connections === 2)
  const started = clock.now()
  await close(app, clock)
  assert.deepEqual(codes, [1012])
  assert.ok(clock.now() - started <= 6_000, `it took ${clock.now() - started} ms`)
  deaf.destroy()
})
