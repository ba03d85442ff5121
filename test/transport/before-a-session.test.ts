import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingHttpHeaders } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import Fastify, { type FastifyInstance } from 'fastify'
import { type BerylOptions, beryl, reject } from '../../src/index.ts'
import { ConnectRefused, connect } from '../../src/testing/index.ts'
import { tls } from '../support/tls.ts'

// All that is answered before there is a session, over each version of HTTP that the server may speak.

interface Refusal {
  readonly name: string
  readonly status: number
  readonly options?: BerylOptions
  readonly method?: string
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Comes before the refused one and stays. */
  readonly first?: boolean
  /** False where the testing kit cannot ask so. */
  readonly kit?: false
  /** Where what the request asks for matters. */
  readonly only?: 'plain' | 'upgrade'
}

const never = (): Promise<never> => new Promise(() => {})

const refusals: readonly Refusal[] = [
  { name: 'no upgrade', status: 426, only: 'plain' },
  { name: 'no upgrade, and a query that says nothing', status: 426, only: 'plain', query: '' },
  { name: 'a query that is not UTF-8', kit: false, status: 400, query: '?vsn=2.0.0&a=%E9' },
  {
    name: 'an authToken that is not base64',
    status: 400,
    headers: { 'sec-websocket-protocol': 'phoenix, base64url.bearer.phx.!' },
  },
  { name: 'a body', status: 400, headers: { 'content-length': '0, 0' }, only: 'upgrade' },
  { name: 'origin', status: 403, headers: { origin: 'https://evil.example' } },
  { name: 'origin null', status: 403, headers: { origin: 'null' } },
  {
    name: 'a checkOrigin that throws',
    status: 500,
    headers: { origin: 'https://a.example' },
    options: {
      checkOrigin: () => {
        throw new Error('no list')
      },
    },
  },
  {
    name: 'a checkOrigin that rejects',
    status: 403,
    headers: { origin: 'https://a.example' },
    options: {
      checkOrigin: (async () => {
        throw new Error('no list')
      }) as never,
    },
  },
  { name: 'vsn', status: 403, query: '?vsn=3.0.0' },
  {
    name: 'subprotocol',
    status: 403,
    headers: { 'sec-websocket-protocol': 'theirs' },
    options: { subprotocols: ['ours'] },
  },
  { name: 'connect', status: 403, options: { connect: () => reject() } },
  { name: 'connect, later', status: 403, options: { connect: async () => reject() } },
  { name: 'expired', status: 403, options: { connect: () => ({ assigns: {}, expiresAt: 1 }) } },
  {
    name: 'connect that throws',
    status: 500,
    options: {
      connect: () => {
        throw new Error('no database')
      },
    },
  },
  {
    name: 'connect that rejects',
    status: 500,
    options: {
      connect: async () => {
        throw new Error('no database')
      },
    },
  },
  {
    name: 'connect that throws what is no error',
    status: 500,
    options: {
      connect: () => {
        throw undefined
      },
    },
  },
  { name: 'connect that gives what it may not', status: 500, options: { connect: (() => false) as never } },
  {
    name: 'a connectionTopic that throws',
    status: 500,
    options: {
      connectionTopic: () => {
        throw new Error('no name')
      },
    },
  },
  {
    name: 'connect that takes too long',
    status: 503,
    options: { connect: never, limits: { handshakeTimeoutMs: 20 } },
  },
  {
    name: 'too many connections',
    status: 503,
    first: true,
    options: { connect: never, limits: { connections: 1, handshakeTimeoutMs: false } },
  },
  {
    name: 'too many from one address',
    status: 429,
    first: true,
    options: { connect: never, limits: { connectionsPerIp: 1, handshakeTimeoutMs: false } },
  },
  ...['POST', 'PUT', 'PATCH', 'DELETE'].map((method) => ({ name: method, method, status: 400 })),
  { name: 'HEAD', method: 'HEAD', status: 404 },
  { name: 'OPTIONS', method: 'OPTIONS', status: 404 },
]

const NO_CLIENT = /HTTP\/2 alone, over which no WebSocket opens: give Fastify https: { allowHTTP1: true }/

for (const [server, options] of Object.entries({
  'HTTP/1': {},
  'HTTP/2 without TLS': { http2: true },
  'HTTP/2 alone': { http2: true, https: tls },
  'HTTP/2 and HTTP/1': { http2: true, https: { ...tls, allowHTTP1: true } },
})) {
  test(`a server of ${server} says at the start whether no client can connect`, async () => {
    const lines: string[] = []
    const stream = { write: (line: string) => void lines.push(line) }
    const app: FastifyInstance = Fastify({ ...(options as object), logger: { level: 'warn', stream } })
    await app.register(beryl)
    assert.equal(NO_CLIENT.test(lines.join()), server.startsWith('HTTP/2') && !server.endsWith('HTTP/1'))
    await app.close()
  })
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
}

type Ask = (app: FastifyInstance, refusal: Refusal) => Promise<Answer>

const servers = {
  'HTTP/1': {},
  'HTTP/2 without TLS': { http2: true },
  'HTTP/2 alone': { http2: true, https: tls },
  'HTTP/2 and HTTP/1': { http2: true, https: { ...tls, allowHTTP1: true } },
} as const

const overHttp1 = (server: string): readonly [string, Ask][] =>
  ['1.0', '1.1'].flatMap((version) => {
    const isTls = server !== 'HTTP/1'
    return [
      [`HTTP/${version}`, (app, refusal) => ask(app, refusal, version, isTls, false)],
      [`an upgrade of HTTP/${version}`, (app, refusal) => ask(app, refusal, version, isTls, true)],
    ] satisfies [string, Ask][]
  })

const ways: Record<keyof typeof servers, readonly (readonly [string, Ask])[]> = {
  'HTTP/1': [
    ...overHttp1('HTTP/1'),
    ['inject', inject],
    ['injectWS', injectWS],
    ['connect of the testing kit', testingKit],
  ],
  'HTTP/2 without TLS': [
    ['HTTP/2', askHttp2],
    ['inject', inject],
    ['injectWS', injectWS],
  ],
  'HTTP/2 alone': [
    ['HTTP/2', askHttp2],
    ['inject', inject],
  ],
  'HTTP/2 and HTTP/1': [['HTTP/2', askHttp2], ...overHttp1('HTTP/2 and HTTP/1'), ['injectWS', injectWS]],
}

for (const [server, options] of Object.entries(servers)) {
  for (const [way, askBy] of ways[server as keyof typeof servers]) {
    test(`W90 each refusal of a server of ${server} is answered as what it is: ${way}`, async (t) => {
      for (const refusal of refusals) {
        const asksUpgrade = way.startsWith('an upgrade') || way === 'injectWS' || way.startsWith('connect')
        if (refusal.only !== undefined && (refusal.only === 'upgrade') !== asksUpgrade) continue
        if (refusal.only === 'upgrade' && !way.startsWith('an')) continue
        // A client that comes by injectWS has no address.
        if (refusal.status === 429 && way === 'injectWS') continue
        if (refusal.kit === false && way.startsWith('connect')) continue
        // These ways know GET alone.
        if (refusal.method !== undefined && (way === 'injectWS' || way.startsWith('connect'))) continue
        const app = await serve(t, options, refusal.options)
        if (refusal.first) {
          const taken = once(app.server, 'taken')
          askBy(app, refusal).catch(() => {})
          await taken
        }
        const { status, headers } = await askBy(app, refusal)
        assert.equal(status, refusal.status, `${refusal.name}: ${status}`)
        if (way !== 'injectWS' && status === 503) assert.equal(headers['retry-after'], '5', refusal.name)
        const wantsUpgrade = status === 426 && way !== 'HTTP/2'
        assert.equal(headers.upgrade, wantsUpgrade ? 'websocket' : undefined, refusal.name)
        assert.equal((await inject(app, {} as Refusal)).status < 600, true)
        assert.equal(app.channels.status().state, 'running')
      }
    })
  }
}

test('W135 a request that its client sent behind one that waits leaves no place taken when it is gone', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  app.get('/slow', () => never())
  await app.register(beryl, {
    longPoll: true,
    limits: { connections: 1 },
    connect: ({ params }) => (params.user === 'eve' ? reject() : {}),
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  for (const path of ['/socket/websocket', '/socket/longpoll']) {
    const served = once(app.server, 'connection') as Promise<[Socket]>
    const client = connectTcp(portOf(app), '127.0.0.1').on('error', () => {})
    const head = 'HTTP/1.1\r\nhost: a\r\n\r\n'
    const arrived = new Promise<void>((resolve) => {
      app.server.on('request', ({ url }) => void (url?.startsWith(path) && resolve()))
    })
    client.write(`GET /slow ${head}GET ${path}?vsn=2.0.0&user=eve ${head}`)
    await arrived
    const [socket] = await served
    const gone = once(socket, 'close')
    client.destroy()
    await gone
    const { statusCode } = await app.inject(`${PATH}?vsn=2.0.0`)
    assert.equal(statusCode, 426, path)
  }
})

async function serve(t: TestContext, server: object, options: BerylOptions = {}): Promise<FastifyInstance> {
  const app = Fastify({ ...server, forceCloseConnections: true }) as FastifyInstance
  app.addHook('onError', async () => {})
  const { connect: own = () => ({}) } = options
  const drain = { timeoutMs: 20 }
  await app.register(beryl, {
    drain,
    ...options,
    connect(context) {
      app.server.emit('taken')
      return own(context)
    },
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.after(() => app.close())
  return app
}

const PATH = '/socket/websocket'

function portOf(app: FastifyInstance): number {
  return (app.server.address() as AddressInfo).port
}

async function ask(
  app: FastifyInstance,
  refusal: Refusal,
  version: string,
  isTls: boolean,
  isUpgrade: boolean,
): Promise<Answer> {
  const { method = 'GET', query = '?vsn=2.0.0', headers = {} } = refusal
  const at = { port: portOf(app), host: '127.0.0.1' }
  const socket: Socket = isTls
    ? connectTls({ ...at, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
    : connectTcp(at)
  const upgrade = isUpgrade
    ? {
        connection: 'upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      }
    : { connection: 'close' }
  const lines = Object.entries({ host: `127.0.0.1:${at.port}`, ...upgrade, ...headers }).map((each) =>
    each.join(': '),
  )
  socket.write(`${[`${method} ${PATH}${query} HTTP/${version}`, ...lines].join('\r\n')}\r\n\r\n`)
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  await once(socket, 'close')
  const [statusLine = '', ...rest] = answer.split('\r\n\r\n', 1)[0]?.split('\r\n') ?? []
  const pairs = rest.map((line) => [
    line.slice(0, line.indexOf(':')).toLowerCase(),
    line.slice(line.indexOf(':') + 2),
  ])
  return { status: Number(statusLine.split(' ')[1]), headers: Object.fromEntries(pairs) }
}

async function askHttp2(app: FastifyInstance, refusal: Refusal): Promise<Answer> {
  const { method = 'GET', query = '?vsn=2.0.0', headers = {} } = refusal
  const scheme = app.initialConfig.https === undefined ? 'http' : 'https'
  const session = connectHttp2(`${scheme}://127.0.0.1:${portOf(app)}`, { rejectUnauthorized: false })
  const stream = session.request({ ...headers, ':method': method, ':path': `${PATH}${query}` })
  stream.end().resume()
  const [answered] = await once(stream, 'response')
  session.close()
  return { status: answered[':status'], headers: answered }
}

async function inject(app: FastifyInstance, refusal: Refusal): Promise<Answer> {
  const { method = 'GET', query = '?vsn=2.0.0', headers = {} } = refusal
  const url = `${PATH}${query}`
  const response = await app.inject({ method: method as 'GET', url, headers })
  return { status: response.statusCode, headers: response.headers as IncomingHttpHeaders }
}

async function injectWS(
  app: FastifyInstance,
  { query = '?vsn=2.0.0', headers = {} }: Refusal,
): Promise<Answer> {
  const refused = await app.injectWS(`${PATH}${query}`, { headers }).then(
    (ws) => {
      ws.terminate()
      return new Error('101')
    },
    (error: Error) => error,
  )
  return { status: Number(refused.message.slice(-3)), headers: {} }
}

async function testingKit(
  app: FastifyInstance,
  { query = '?vsn=2.0.0', headers = {} }: Refusal,
): Promise<Answer> {
  const [path, vsn = '2.0.0'] = query.split('?vsn=')
  const refused: unknown = await connect(app, {
    vsn: vsn,
    headers,
  }).catch((error: unknown) => error)
  assert.ok(refused instanceof ConnectRefused, `let in, ${path}`)
  return { status: refused.statusCode, headers: refused.headers as IncomingHttpHeaders }
}
