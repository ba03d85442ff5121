import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  Agent,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
  type ServerResponse,
} from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import beryl, {
  type BerylOptions,
  Binary,
  type Connection,
  defineChannel,
  later,
  mount,
  reject,
} from 'fastify-beryl'
import { type FakeClock, fakeClock } from 'fastify-beryl/testing'
import { Type } from 'typebox'
import { systemClock } from '../../src/ground/clock.ts'
import { Pollers } from '../../src/transport/longpoll/pollers.ts'
import { Tokens, tokenOf } from '../../src/transport/longpoll/token.ts'
import { Poller } from '../support/poller.ts'
import { check } from '../support/property.ts'
import { tls } from '../support/tls.ts'
import { until } from '../support/until.ts'

// Long polling on one node. The answers of a real Phoenix are replayed in test/replay, the way over other nodes is in
// longpoll-nodes.test.ts.

const WINDOW_MS = 10_000
const GONE_MS = 15_000
const Body = Type.Object({ body: Type.String() })

interface Stage {
  readonly app: FastifyInstance
  readonly clock: FakeClock
  readonly seen: Connection[]
  /** Lets the handlers that wait go on. */
  release(): void
}

async function serve(
  t: TestContext,
  options: BerylOptions = {},
  { server = {}, scope }: { server?: FastifyServerOptions; scope?: (app: FastifyInstance) => void } = {},
): Promise<Stage> {
  const clock: FakeClock = { ...fakeClock(), setImmediate: systemClock.setImmediate }
  const app = Fastify(server)
  t.after(() => app.close())
  const seen: Connection[] = []
  const held: (() => void)[] = []
  const room = defineChannel('room:*', {
    schema: {
      join: { payload: Type.Unknown(), reply: Type.Unknown() },
      in: {
        say: { payload: Body, reply: Body },
        bytes: { payload: Binary(), reply: Binary() },
        wait: { payload: Body, reply: Body },
        slow: { payload: Body, reply: Body },
      },
      out: { said: Body, raw: Binary() },
    },
    join: ({ connection }) => {
      seen.push(connection)
      return { assigns: {}, reply: {} }
    },
    in: {
      say: (payload, socket) => {
        socket.broadcast('said', payload)
        return payload
      },
      bytes: (bytes) => bytes.toReversed(),
      wait: (payload) => new Promise((resolve) => held.push(() => resolve(payload))),
      slow: (payload) => later(new Promise((resolve) => held.push(() => resolve(payload)))),
    },
  })
  scope?.(app)
  await app.register(beryl, { channels: [room], longPoll: true, clock, ...options })
  await app.ready()
  const release = (): void => {
    for (const go of held.splice(0)) go()
  }
  return { app, clock, seen, release }
}

async function joined(app: FastifyInstance, topic = 'room:1', poller = new Poller(app)): Promise<Poller> {
  assert.equal((await poller.poll()).status, 410)
  assert.equal(await poller.send(['1', '1', topic, 'phx_join', {}]), 200)
  const { status, messages } = await poller.poll()
  assert.deepEqual(
    [status, messages],
    [200, [['1', '1', topic, 'phx_reply', { response: {}, status: 'ok' }]]],
  )
  return poller
}

const said = (body: string): unknown[] => [null, null, 'room:1', 'said', { body }]
const say = (app: FastifyInstance, body: string): void =>
  app.channels.broadcast('room:1' as never, 'said' as never, { body } as never)

/** As many turns of the event loop as a broadcast takes at the most. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

test('W109 clients poll at <path>/longpoll, where the option is on', async (t) => {
  const { app, seen } = await serve(t)
  const transports: string[] = []
  app.channels.onTelemetry('connection.open', (_, { transport }) => transports.push(transport))
  await joined(app)
  assert.deepEqual(transports, ['longpoll'])
  assert.equal(seen[0]?.transport, 'longpoll')
  assert.match(seen[0]?.ip ?? '', /^127/)
  assert.equal(app.channels.status().connections, 1)
  assert.equal(app.channels.status().entrances[0]?.connections, 1)
  const slashed = await app.inject('/socket/longpoll/?vsn=2.0.0')
  assert.equal(slashed.json<{ status: number }>().status, 410)
  const { app: without } = await serve(t, { longPoll: false })
  assert.equal((await without.inject('/socket/longpoll?vsn=2.0.0')).statusCode, 404)
})

test('W109 a WebSocket that is asked for at the path of polls is refused, and begins no session', async (t) => {
  const { app } = await serve(t)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { url } = await joined(app)
  for (const path of ['/socket/longpoll?vsn=2.0.0', url]) {
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
    t.after(() => socket.destroy())
    const asked = ['connection: upgrade', 'upgrade: websocket', 'sec-websocket-version: 13']
    const key = `sec-websocket-key: ${Buffer.alloc(16).toString('base64')}`
    socket.write([`GET ${path} HTTP/1.1`, 'host: a', ...asked, key, '', ''].join('\r\n'))
    const text = Buffer.concat(await socket.toArray()).toString()
    assert.match(text, /^HTTP\/1.1 400 .*\r\n\r\n\{"status":500\}$/s)
  }
  assert.equal(app.channels.status().connections, 1)
})

test('W109 connect sees the parameters and the authToken, and what it refuses is 403 in the body', async (t) => {
  const asked: unknown[] = []
  const { app } = await serve(t, {
    connect: ({ params, authToken }) => {
      asked.push({ ...params, authToken })
      return params.user === 'eve' ? reject() : {}
    },
  })
  const headers = { 'x-phoenix-authtoken': 'sesame' }
  await new Poller(app, { query: 'vsn=2.0.0&user=ada', headers }).poll()
  assert.deepEqual(asked, [{ vsn: '2.0.0', user: 'ada', authToken: 'sesame' }])
  const eve = await new Poller(app, { query: 'vsn=2.0.0&user=eve' }).get()
  assert.deepEqual([eve.statusCode, eve.json()], [200, { status: 403 }])
  const old = await new Poller(app, { query: 'vsn=9.0.0' }).get()
  assert.deepEqual([old.statusCode, old.json()], [200, { status: 403 }])
  assert.equal(app.channels.status().connections, 1)
})

test('W109 a full server answers 503, and in the body the word upon which phoenix.js comes back', async (t) => {
  const { app, clock } = await serve(t, { limits: { connections: 1 } })
  const first = new Poller(app)
  await first.poll()
  const second = await new Poller(app).get()
  assert.deepEqual([second.statusCode, second.headers['retry-after']], [503, '5'])
  assert.deepEqual(second.json(), { status: 500 })
  await clock.advance(GONE_MS)
  assert.equal((await new Poller(app).poll()).status, 410)
})

test('W110 a poll waits for what comes, and is answered 204 where nothing does', async (t) => {
  const { app, clock } = await serve(t)
  const poller = await joined(app)
  const woken = poller.poll()
  await turns()
  say(app, 'wake')
  assert.deepEqual((await woken).messages, [said('wake')])
  const empty = poller.poll()
  await turns()
  await clock.advance(WINDOW_MS - 1)
  const after = await Promise.race([empty, Promise.resolve('waits')])
  assert.equal(after, 'waits')
  await clock.advance(1)
  assert.deepEqual([(await empty).status, (await empty).messages], [204, []])
})

test('W110 the second of two polls gets the messages, the first ends with 204', async (t) => {
  const { app } = await serve(t)
  const poller = await joined(app)
  const first = poller.get()
  await turns()
  const second = poller.get()
  assert.equal((await first).json<{ status: number }>().status, 204)
  say(app, 'one')
  assert.deepEqual((await second).json<{ messages: string[] }>().messages, [JSON.stringify(said('one'))])
})

test('W135 what is sent on a connection behind a poll that waits is refused, and holds nothing', async (t) => {
  const { app } = await serve(t)
  const poller = await joined(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  t.after(() => socket.destroy())
  const asked = (line: string, header = 'a: b'): string => `${line} HTTP/1.1\r\nhost: a\r\n${header}\r\n\r\n`
  const poll = asked(`GET ${poller.url}`)
  const arrived = once(app.server, 'request')
  const post = `${asked(`POST ${poller.url}`, 'connection: close\r\ncontent-length: 2')}[]`
  socket.write(`${poll}${poll}${asked('GET /socket/longpoll?vsn=2.0.0')}${post}`)
  await arrived
  await turns()
  say(app, 'kept')
  const text = Buffer.concat(await socket.toArray()).toString()
  assert.deepEqual(text.match(/HTTP\/1.1 \d+|"status":\d+/g), [
    ...['HTTP/1.1 200', '"status":200'],
    ...Array.from({ length: 3 }, () => ['HTTP/1.1 400', '"status":500']).flat(),
  ])
  assert.equal(app.channels.status().connections, 1)
  // The session lives: neither the POST nor the second poll came to it.
  assert.deepEqual((await poller.poll()).messages, [said('kept')])
})

interface TlsClient {
  readonly app: FastifyInstance
  /** Resolves when its first request has come. */
  readonly asked: Promise<void>
  /** The words that its first connection was told, one for each answer, and its end. */
  readonly told: Promise<readonly string[]>
}

/** The requests of a client, made of the URL of its session. */
type Requests = (url: string) => {
  /** Asked on the first connection. */
  readonly first: string
  /** Asked on each of both when the answer is there, where TOKEN stands for its token. */
  readonly next: readonly string[]
}

/**
 * A client in a thread of its own, with two connections. Over TLS Node hears of the end of an answer in a later turn of the event loop than
 * its client: the server gives the first answer, and stands still until the client has it and has asked anew.
 */
async function tlsClient(t: TestContext, requests: Requests): Promise<TlsClient> {
  const { app } = await serve(t, {}, { server: { https: tls } as FastifyServerOptions })
  const { url } = await joined(app)
  const isAsked = new Int32Array(new SharedArrayBuffer(4))
  const asked = holdBehindAnswer(app, () => assert.equal(Atomics.wait(isAsked, 0, 0, 10_000), 'ok'))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const worker = new Worker(TLS_CLIENT, {
    eval: true,
    workerData: { port, asked: isAsked, ...requests(url) },
  })
  t.after(() => worker.terminate())
  return { app, asked, told: once(worker, 'message').then(([told]) => told as string[]) }
}

const TLS_CLIENT = `
const { once } = require('node:events')
const { connect } = require('node:tls')
const { parentPort, workerData } = require('node:worker_threads')
const { port, asked, first, next } = workerData
const sockets = [0, 1].map(() => connect({ port, host: '127.0.0.1', rejectUnauthorized: false }).on('error', () => {}))
const words = () => text.match(/"status":\\d+/g) ?? []
let text = ''
let isAsked = false
Promise.all(sockets.map((socket) => once(socket, 'secureConnect'))).then(() => {
  sockets[0].on('data', async (data) => {
    text += data
    if (words().length === 1 && !isAsked) {
      isAsked = true
      const token = /"token":"([^"]+)"/.exec(text)?.[1]
      await Promise.all(next.map((request, at) => request && new Promise((done) => sockets[at].write(request.replace('TOKEN', token), done))))
      Atomics.store(asked, 0, 1)
      Atomics.notify(asked, 0)
    } else if (words().length === 2) parentPort.postMessage(words())
  })
  sockets[0].on('close', () => parentPort.postMessage([...words(), 'closed']))
  sockets[0].write(first)
})
`

/** Calls `hold` when the next request has been answered, before the event loop goes on. */
function holdBehindAnswer(app: FastifyInstance, hold: () => void): Promise<void> {
  return new Promise((resolve) => {
    app.server.once('request', (_request: IncomingMessage, response: ServerResponse) => {
      response.end = new Proxy(response.end, {
        apply(target, self, args) {
          Reflect.apply(target, self, args)
          hold()
        },
      })
      resolve()
    })
  })
}

const HEARTBEAT = JSON.stringify([null, '9', 'phoenix', 'heartbeat', {}])
const pollOf = (url: string): string => `GET ${url} HTTP/1.1\r\nhost: a\r\n\r\n`
const heartbeatOf = (url: string): string =>
  `POST ${url} HTTP/1.1\r\nhost: a\r\ncontent-length: ${HEARTBEAT.length}\r\n\r\n${HEARTBEAT}`

test('W135 over TLS, too, a client that has its answer may ask anew at once', {
  timeout: 30_000,
}, async (t) => {
  const { told } = await tlsClient(t, (url) => ({ first: heartbeatOf(url), next: [heartbeatOf(url)] }))
  assert.deepEqual(await told, ['"status":200', '"status":200'])
})

test('W130 over TLS, too, a client that has its answer and polls on another connection keeps both', {
  timeout: 30_000,
}, async (t) => {
  const { app, asked, told } = await tlsClient(t, (url) => ({
    first: pollOf(url),
    next: [heartbeatOf(url), pollOf(url.replace(/(?<=[?&]token=)[^&]+/, 'TOKEN'))],
  }))
  await asked
  await turns()
  setImmediate(() => say(app, 'a'))
  assert.deepEqual(await told, ['"status":200', '"status":200'])
})

test('W110 a POST is one frame, or one a line, and is answered when they are taken', async (t) => {
  const { app, release } = await serve(t)
  const poller = await joined(app)
  const heartbeat = '[null,"7","phoenix","heartbeat",{}]'
  for (const type of ['application/json', 'text/plain', 'application/x-ndjson; charset=utf-8'])
    assert.deepEqual((await poller.post(heartbeat, { 'content-type': type })).json(), { status: 200 })
  await turns()
  assert.equal((await poller.poll()).messages.length, 3)
  // It waits for nothing that a handler does.
  assert.equal(
    await poller.send(
      ['1', '2', 'room:1', 'slow', { body: 'a' }],
      ['1', '3', 'room:1', 'say', { body: 'b' }],
    ),
    200,
  )
  assert.equal((await poller.post(`${heartbeat}\r\n${heartbeat}\n`)).json<{ status: number }>().status, 200)
  await turns()
  const { messages } = await poller.poll()
  assert.equal(messages.length, 4)
  release()
  await turns()
  const late = await poller.poll()
  assert.deepEqual(late.messages, [
    ['1', '2', 'room:1', 'phx_reply', { response: { body: 'a' }, status: 'ok' }],
  ])
})

test('W110 a POST is read whatever its head says that it is, be that no type at all', async (t) => {
  const { app } = await serve(t)
  const poller = await joined(app)
  const types = ['', 'json', 'a/b/c', 'undefined', 'application/json, text/plain', 'text/plain; charset']
  for (const type of types) {
    const { statusCode, body } = await poller.post('[null,"7","phoenix","heartbeat",{}]', {
      'content-type': type,
    })
    assert.deepEqual([statusCode, body], [200, '{"status":200}'], type)
  }
  await turns()
  assert.equal((await poller.poll()).messages.length, types.length)
})

test('W110 a client that is not read for want of room has its POST answered when it is read again', async (t) => {
  const { app, release } = await serve(t, { limits: { pendingHandlers: 1 } })
  const poller = await joined(app)
  assert.equal(await poller.send(['1', '1', 'room:2', 'phx_join', {}]), 200)
  let isAnswered = false
  const batch = poller
    .send(
      ['1', '2', 'room:1', 'wait', { body: 'a' }],
      ['1', '3', 'room:2', 'wait', { body: 'b' }],
      [null, '4', 'phoenix', 'heartbeat', {}],
    )
    .then((status) => {
      isAnswered = true
      return status
    })
  await turns()
  assert.equal(isAnswered, false)
  release()
  await turns()
  release()
  assert.equal(await batch, 200)
})

test('W111 a binary frame travels in base64 both ways', async (t) => {
  const { app } = await serve(t)
  const poller = await joined(app)
  const push = Buffer.concat([
    Buffer.from([0, 1, 1, 6, 5]),
    Buffer.from('12room:1bytes'),
    Buffer.from([1, 2, 255]),
  ])
  assert.equal((await poller.post(push.toString('base64'))).json<{ status: number }>().status, 200)
  const [reply] = (await poller.poll()).messages
  const expected = Buffer.concat([
    Buffer.from([1, 1, 1, 6, 2]),
    Buffer.from('12room:1ok'),
    Buffer.from([255, 2, 1]),
  ])
  assert.deepEqual(Buffer.from(reply as string, 'base64'), expected)
  // Bytes that are no UTF-8 take nothing along that stands beside them.
  app.channels.broadcast('room:1' as never, 'raw' as never, Buffer.from([0xff, 0xfe]) as never)
  say(app, 'beside')
  await turns()
  const { messages } = await poller.poll()
  assert.deepEqual([typeof messages[0], messages[1]], ['string', said('beside')])
})

test('W112 messages are given again until a poll shows that they have arrived', async (t) => {
  const { app } = await serve(t)
  const poller = await joined(app)
  const before = poller.token
  say(app, 'one')
  await turns()
  // Two answers are lost on the way: the client polls with the token that it has.
  for (const wanted of [[said('one')], [said('one'), said('two')]]) {
    poller.token = before
    assert.deepEqual((await poller.poll()).messages, wanted)
    say(app, 'two')
    await turns()
  }
  assert.deepEqual((await poller.poll()).messages, [said('two')])
  // A confirmed message is not kept: an older token gives nothing again.
  poller.token = before
  assert.deepEqual((await poller.poll()).messages, [said('two')])
})

test('W112 messages that nobody fetches are bounded as those of any slow reader', async (t) => {
  const limits: string[] = []
  const { app, clock } = await serve(t, { backpressure: { maxBufferedBytes: 1_000, stallMs: 5_000 } })
  app.channels.onTelemetry('limit.reached', (_, { limit }) => limits.push(limit))
  const poller = await joined(app)
  for (let n = 0; n < 3; n++) {
    say(app, 'x'.repeat(900))
    await turns()
  }
  assert.deepEqual(limits, ['backpressure.maxBufferedBytes'])
  assert.equal((await poller.poll()).status, 410)
  const stalled = await joined(app)
  say(app, 'one')
  await turns()
  await clock.advance(7_000)
  assert.deepEqual(limits, ['backpressure.maxBufferedBytes', 'backpressure.stallMs'])
  assert.equal((await stalled.poll()).status, 410)
})

test('W112 a client that asks for the same again and again is bounded as one that asks for nothing', async (t) => {
  const limits: string[] = []
  const { app } = await serve(t, { backpressure: { maxBufferedBytes: 5_000 } })
  app.channels.onTelemetry('limit.reached', (_, { limit }) => limits.push(limit))
  const poller = await joined(app)
  const before = poller.token
  let given = 0
  for (let n = 0; n < 20 && limits.length === 0; n++) {
    say(app, 'x'.repeat(900))
    await turns()
    poller.token = before
    given = Math.max(given, (await poller.poll()).messages.length)
  }
  assert.deepEqual(limits, ['backpressure.maxBufferedBytes'])
  assert.ok(given < 10, String(given))
  poller.token = before
  assert.equal((await poller.poll()).status, 410)
})

test('W112 a client that confirms at last has nothing waiting any more', async (t) => {
  const { app, clock } = await serve(t, { backpressure: { maxBufferedBytes: 5_000 } })
  const poller = await joined(app)
  const before = poller.token
  for (let n = 0; n < 4; n++) {
    say(app, 'x'.repeat(900))
    await turns()
    poller.token = before
    assert.equal((await poller.poll()).messages.length, n + 1)
  }
  assert.ok(app.channels.load().bufferedBytes > 3_600)
  const poll = poller.poll()
  await turns()
  assert.equal(app.channels.load().bufferedBytes, 0)
  await clock.advance(WINDOW_MS)
  assert.equal((await poll).status, 204)
})

test('W130 bodies that do not come hold up neither others nor a close', { timeout: 30_000 }, async (t) => {
  const { app, clock } = await serve(t, { limits: { payloadBytes: 1_048_576 } })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const cut: Promise<unknown>[] = []
  const hold = async (bytes: number): Promise<void> => {
    const { url } = await joined(app)
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
    t.after(() => socket.destroy())
    cut.push(once(socket.resume(), 'close'))
    const arrived = once(app.server, 'request')
    socket.write(`POST ${url} HTTP/1.1\r\nhost: a\r\ncontent-length: ${bytes}\r\n\r\n[`)
    await arrived
  }
  // All the room that there is, for a byte each.
  for (let left = 268_435_456; left > 0; left -= 104_857_600) await hold(Math.min(left, 104_857_600))
  await turns()
  const poller = await joined(app).catch((error: Error) => error)
  assert.ok(poller instanceof Error, 'for a while they are let alone')
  await clock.advance(6_000)
  await joined(app)
  await cut[0]
  const closed = app.close()
  await until('the server closes', () => !app.server.listening)
  await clock.advance(6_000)
  await closed
  await Promise.all(cut)
})

test('W130 a close does not wait for bodies in front of which their requests were answered', {
  timeout: 30_000,
}, async (t) => {
  const { app } = await serve(t, { limits: { payloadBytes: 1_000 } })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const { url } = await joined(app)
  const heads: readonly [string, string][] = [
    [`POST ${url}`, 'content-length: 200000'],
    [`POST ${url}`, 'origin: https://evil.example\r\ncontent-length: 9'],
    ['POST /socket/longpoll?token=none', 'transfer-encoding: chunked'],
    ['OPTIONS /socket/longpoll', 'content-length: 9'],
    ['PUT /socket/longpoll', 'content-length: 9'],
  ]
  const answer = async ([line, header]: readonly [string, string]): Promise<string> => {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    t.after(() => socket.destroy())
    socket.write(`${line} HTTP/1.1\r\nhost: a\r\n${header}\r\n\r\n1`)
    return Buffer.concat(await socket.toArray()).toString()
  }
  for (const head of heads) assert.match(await answer(head), /^HTTP\/1.1 [24]/, head[0])
  // A poll is answered as if it had none, and so is one that begins a session.
  say(app, 'kept')
  await turns()
  assert.match(await answer([`GET ${url}`, 'content-length: 9']), /"status":200/)
  assert.match(await answer(['GET /socket/longpoll', 'transfer-encoding: chunked']), /"status":410/)
  // One without a body keeps its connection.
  const preflight = await fetch(`http://127.0.0.1:${port}/socket/longpoll`, { method: 'OPTIONS' })
  assert.equal(preflight.headers.get('connection'), 'keep-alive')
  await app.close()
})

test('W130 a client that takes nothing of its answer is cut when it counts as gone', {
  timeout: 30_000,
}, async (t) => {
  const { app } = await serve(t, {
    clock: systemClock,
    longPoll: { windowMs: 1_500 },
    backpressure: { maxBufferedBytes: false },
    limits: { payloadBytes: false },
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const poller = await joined(app)
  for (let n = 0; n < 32; n++) say(app, 'x'.repeat(1_000_000))
  await turns()
  const accepted = once(app.server, 'connection')
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
  t.after(() => socket.destroy())
  socket.pause().write(`GET ${poller.url} HTTP/1.1\r\nhost: a\r\n\r\n`)
  const [served] = (await accepted) as [Socket]
  await once(served, 'close')
})

test('W130 a client that asks again without having taken its answer has one answer under way', {
  timeout: 10_000,
}, async (t) => {
  const { app } = await serve(t, {
    backpressure: { maxBufferedBytes: false },
    limits: { payloadBytes: false },
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const poller = await joined(app)
  for (let n = 0; n < 32; n++) say(app, 'x'.repeat(1_000_000))
  await turns()
  const accepted = once(app.server, 'connection')
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
  t.after(() => socket.destroy())
  socket.pause().write(`GET ${poller.url} HTTP/1.1\r\nhost: a\r\n\r\n`)
  const [served] = (await accepted) as [Socket]
  const cut = once(served, 'close')
  await once(app.server, 'request')
  await turns()
  assert.equal((await poller.poll()).messages.length, 32)
  await cut
})

/** A push whose text is cut within a character. */
const NOT_UTF8 = Buffer.concat([
  Buffer.from('["1","3","room:1","say",{"body":"'),
  Buffer.of(0xc3),
  Buffer.from('"}]'),
])

test('W113 what cannot be taken is answered at once, with 400 or 413', async (t) => {
  const { app } = await serve(t, { limits: { payloadBytes: 200 } })
  const poller = await joined(app)
  const answer = async (body: string | Buffer): Promise<unknown[]> => {
    const { statusCode, body: text } = await poller.post(body)
    return [statusCode, JSON.parse(text)]
  }
  const heartbeat = '[null,"7","phoenix","heartbeat",{}]'
  assert.deepEqual(await answer(''), [400, { status: 400 }])
  assert.deepEqual(await answer('!!!'), [400, { status: 400 }])
  assert.deepEqual(await answer(`${heartbeat}\n\n${heartbeat}`), [400, { status: 400 }])
  for (const type of ['application/x-ndjson', 'application/json']) {
    const { statusCode } = await poller.post(NOT_UTF8, { 'content-type': type })
    assert.equal(statusCode, 400)
  }
  assert.deepEqual(await answer(`${heartbeat}\n["1","2","room:1","say",{"body":"${'x'.repeat(200)}"}]`), [
    413,
    { status: 413 },
  ])
  assert.deepEqual(await answer('x'.repeat(200 * 100 + 1)), [413, { status: 413 }])
  // Nothing of these was taken, and the session lives.
  say(app, 'alive')
  assert.deepEqual((await poller.poll()).messages, [said('alive')])
  const many = Array.from({ length: 101 }, () => heartbeat).join('\n')
  assert.deepEqual(await answer(many), [413, { status: 413, taken: 100 }])
  // A frame that is none ends it, as on a WebSocket.
  assert.deepEqual(await answer('["1"'), [400, { status: 400 }])
  assert.equal((await poller.poll()).messages.length, 100)
  assert.equal((await poller.poll()).status, 410)
})

test('W130 bodies that wait for their session count, also where their client has gone away', async (t) => {
  const { app, release } = await serve(t, { limits: { payloadBytes: 1_000, pendingHandlers: 1 } })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const poller = await joined(app)
  await poller.send(['2', '2', 'room:2', 'phx_join', {}], ['1', '3', 'room:1', 'wait', { body: 'a' }])
  // The second waits for room, and its client is not read.
  const stops = poller.send(['2', '4', 'room:2', 'wait', { body: 'b' }])
  await turns()
  const line = JSON.stringify(['1', '5', 'room:1', 'say', { body: 'x'.repeat(800) }])
  const body = Array.from({ length: 50 }, () => line).join('\n')
  const headers = { 'content-type': 'application/x-ndjson', 'content-length': body.length }
  for (let round = 0; round < 2; round++) {
    const sent = request({ port, host: '127.0.0.1', path: poller.url, method: 'POST', headers })
    sent.on('error', () => {})
    const [, response] = await new Promise<[IncomingMessage, ServerResponse]>((resolve) => {
      app.server.once('request', (...both: [IncomingMessage, ServerResponse]) => resolve(both))
      sent.end(body)
    })
    const gone = once(response, 'close')
    await until('the body is there', () => response.req.complete)
    await turns()
    sent.destroy()
    await gone
  }
  const refused = poller.post(body)
  await turns()
  for (let round = 0; round < 2; round++) {
    release()
    await turns()
  }
  await stops
  assert.equal((await refused).statusCode, 429)
})

test('W130 a request whose client goes while a hook of the application thinks takes no room, and is no poll', async (t) => {
  for (const http2 of [false, true]) {
    let think = Promise.resolve()
    const { app, clock } = await serve(
      t,
      { limits: { payloadBytes: 1_000 } },
      { server: { http2 } as object, scope: (app) => app.addHook('onRequest', () => think) },
    )
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    const poller = await joined(app)
    const origin = `http://127.0.0.1:${port}`
    for (const method of ['POST', 'POST', 'GET']) {
      let decide = (): void => {}
      think = new Promise((resolve) => {
        decide = resolve
      })
      const arrived = once(app.server, 'request') as Promise<[IncomingMessage, ServerResponse]>
      const headers = method === 'POST' ? { 'content-length': 60_000 } : {}
      const leave = http2
        ? sendOverHttp2(origin, poller.url, method, headers)
        : send(origin, poller.url, method, headers)
      const gone = arrived.then(([, response]) => once(response, 'close'))
      await arrived
      leave()
      await gone
      decide()
      await turns()
    }
    think = Promise.resolve()
    assert.equal((await poller.post('x'.repeat(60_000))).statusCode, 413)
    await clock.advance(GONE_MS)
    await turns()
    assert.equal(app.channels.status().connections, 0)
  }
})

/** The head of a request, and the first byte of its body. @returns a function that breaks it off */
function send(origin: string, path: string, method: string, headers: OutgoingHttpHeaders): () => void {
  const sent = request(`${origin}${path}`, { method, headers }).on('error', () => {})
  if (method === 'GET') sent.end()
  else sent.write('x')
  return () => void sent.destroy()
}

function sendOverHttp2(
  origin: string,
  path: string,
  method: string,
  headers: OutgoingHttpHeaders,
): () => void {
  const session = connectHttp2(origin)
  const sent = session.request({ ':path': path, ':method': method, ...headers }).on('error', () => {})
  if (method === 'GET') sent.end()
  else sent.write('x')
  return () => {
    sent.close(8)
    session.close()
  }
}

test('W130 bodies count also where their client goes before a hook of the application has looked at them', async (t) => {
  let think = Promise.resolve()
  const { app, release } = await serve(
    t,
    { limits: { payloadBytes: 1_000, pendingHandlers: 1 } },
    { scope: (app) => app.addHook('preHandler', () => think) },
  )
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const poller = await joined(app)
  await poller.send(['2', '2', 'room:2', 'phx_join', {}], ['1', '3', 'room:1', 'wait', { body: 'a' }])
  // The second waits for room, and its client is not read.
  const stops = poller.send(['2', '4', 'room:2', 'wait', { body: 'b' }])
  await turns()
  const line = JSON.stringify(['1', '5', 'room:1', 'say', { body: 'x'.repeat(800) }])
  const body = Array.from({ length: 50 }, () => line).join('\n')
  const headers = { 'content-type': 'application/x-ndjson', 'content-length': body.length }
  for (let round = 0; round < 2; round++) {
    let decide = (): void => {}
    think = new Promise((resolve) => {
      decide = resolve
    })
    const arrived = once(app.server, 'request') as Promise<[IncomingMessage, ServerResponse]>
    const sent = request({ port, host: '127.0.0.1', path: poller.url, method: 'POST', headers })
    sent.on('error', () => {}).end(body)
    const [asked, response] = await arrived
    const gone = once(response, 'close')
    await until('the body is there', () => asked.complete)
    await turns()
    sent.destroy()
    await gone
    decide()
    await turns()
  }
  think = Promise.resolve()
  const refused = poller.post(body)
  await turns()
  for (let round = 0; round < 2; round++) {
    release()
    await turns()
  }
  await stops
  assert.equal((await refused).statusCode, 429)
  const echoed = (await poller.poll()).messages.filter((message) => (message as unknown[])[3] === 'said')
  assert.equal(echoed.length, 100)
})

test('W113 a client that floods is told 429, and its session is over', async (t) => {
  const { app, clock } = await serve(t, { limits: { messages: { perSecond: 1, burst: 1 } } })
  const poller = await joined(app)
  const push = ['1', '2', 'room:1', 'say', { body: 'x' }]
  let status = 200
  for (let second = 0; second < 20 && status === 200; second++) {
    status = await poller.send(push, push, push)
    if (second % 4 === 3) await poller.poll()
    await clock.advance(500)
  }
  assert.equal(status, 429)
})

test('W114 a client that does not poll for one and a half windows is gone', async (t) => {
  const { app, clock } = await serve(t)
  const codes: number[] = []
  app.channels.onTelemetry('connection.close', (_, { code }) => codes.push(code))
  const poller = await joined(app)
  await clock.advance(GONE_MS - 1)
  assert.equal(app.channels.status().connections, 1)
  await poller.send([null, '1', 'phoenix', 'heartbeat', {}])
  await clock.advance(1)
  await until('it is gone', () => app.channels.status().connections === 0)
  assert.deepEqual(codes, [1006])
  assert.deepEqual((await poller.post('[]')).json(), { status: 410 })
  assert.equal((await poller.poll()).status, 410)
})

test('W114 a client over HTTP/2 that polls no more is gone, too', async (t) => {
  const { app, clock } = await serve(t, {}, { server: { http2: true } as object })
  const poller = await joined(app)
  say(app, 'last')
  await turns()
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  const polled = session.request({ ':path': poller.url })
  const text = Buffer.concat(await polled.toArray()).toString()
  assert.equal(JSON.parse(text).status, 200)
  session.close()
  await once(session, 'close')
  await turns()
  await clock.advance(GONE_MS)
  await turns()
  assert.equal(app.channels.status().connections, 0)
})

test('W114 a client is gone as soon where a hook of the application takes its time with each answer', async (t) => {
  const { app, clock } = await serve(
    t,
    {},
    {
      scope: (app) =>
        app.addHook('onSend', async (_request, _reply, payload) => await turns().then(() => payload)),
    },
  )
  const poller = await joined(app)
  say(app, 'last')
  await turns()
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  // The second answer on a connection: it has carried bytes before.
  for (const path of ['/nowhere', poller.url]) {
    const sent = request({ port, host: '127.0.0.1', agent, path }).end()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    await response.toArray()
    await turns()
  }
  await clock.advance(GONE_MS)
  await turns()
  assert.equal(app.channels.status().connections, 0)
})

test('W114 a poll is told at once of an end that came with the answer to the one before it', async (t) => {
  let ends = false
  const { app, clock } = await serve(
    t,
    { connectionTopic: () => 'user:1' },
    {
      scope: (app) =>
        app.addHook('onSend', (_request, _reply, payload, done) => {
          if (ends) app.channels.disconnect('user:1')
          done(null, payload)
        }),
    },
  )
  const poller = await joined(app)
  const first = poller.get()
  await turns()
  ends = true
  const second = poller.get()
  assert.equal((await first).json<{ status: number }>().status, 204)
  await clock.advance(WINDOW_MS)
  assert.equal((await second).json<{ status: number }>().status, 410)
})

test('W114 a poll that breaks off is no poll', async (t) => {
  const { app, clock } = await serve(t)
  const poller = await joined(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as { port: number }
  const abort = new AbortController()
  const broken = fetch(`http://127.0.0.1:${port}${poller.url}`, { signal: abort.signal }).catch(() => {})
  const [socket] = (await once(app.server, 'connection')) as [Socket]
  await once(app.server, 'request')
  await turns()
  abort.abort()
  await Promise.all([broken, once(socket, 'close')])
  await turns()
  say(app, 'unheard')
  await turns()
  // It is given to the poll that comes, and nothing to the one that went.
  assert.deepEqual((await poller.poll()).messages, [said('unheard')])
  await clock.advance(GONE_MS)
  await until('it is gone', () => app.channels.status().connections === 0)
})

test('W114 a session that the server ends gives what it has, and then 410', async (t) => {
  const { app } = await serve(t, { connectionTopic: () => 'user:1' })
  const waiting = await joined(app)
  const poll = waiting.poll()
  await turns()
  app.channels.disconnect('user:1')
  assert.equal((await poll).status, 410)
  const between = await joined(app)
  say(app, 'last')
  await turns()
  app.channels.disconnect('user:1')
  const last = await between.poll()
  assert.deepEqual([last.status, last.messages], [200, [said('last')]])
  assert.equal((await between.poll()).status, 410)
})

test('W114 a close tells the polls that wait, keeps no client that does not, and lets handlers finish', async (t) => {
  const { app, release } = await serve(t)
  const [waiting, away, busy] = [await joined(app), await joined(app), await joined(app)]
  await busy.send(['1', '9', 'room:1', 'wait', { body: 'done' }])
  say(app, 'unfetched')
  await turns()
  const polls = [waiting, busy].map((poller) => poller.poll())
  assert.deepEqual(
    (await Promise.all(polls)).map(({ messages }) => messages),
    [[said('unfetched')], [said('unfetched')]],
  )
  const [ended, finished] = [waiting.poll(), busy.poll()]
  await turns()
  const closed = app.close()
  assert.equal((await ended).status, 410)
  release()
  const { status, messages } = await finished
  assert.deepEqual(
    [status, messages],
    [200, [['1', '9', 'room:1', 'phx_reply', { response: { body: 'done' }, status: 'ok' }]]],
  )
  assert.ok(away.token)
  await closed
})

test('W114 while a server closes, a poll over a kept connection is answered in the words of the client', async (t) => {
  const { app, release } = await serve(t)
  const poller = await joined(app)
  await poller.send(['1', '9', 'room:1', 'wait', { body: 'done' }])
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as { port: number }
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  const get = async (path: string): Promise<[number | undefined, string]> => {
    const sent = request({ port, host: '127.0.0.1', agent, path })
    sent.end()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    return [response.statusCode, Buffer.concat(await response.toArray()).toString()]
  }
  assert.equal((await get('/nowhere'))[0], 404)
  const closed = app.close()
  await turns()
  // Fastify's own answer has no status that phoenix.js knows, and would end it.
  assert.deepEqual(await get(poller.url), [503, '{"status":500}'])
  release()
  await closed
})

test('W114 a message whose end comes while the server closes keeps no connection, for which close would wait', async (t) => {
  const { app } = await serve(t, {}, { server: { keepAliveTimeout: 600_000 } })
  const poller = await joined(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as { port: number }
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  const arrived = once(app.server, 'request')
  const body = JSON.stringify(['1', '9', 'room:1', 'say', { body: 'late' }])
  const headers = { 'content-type': 'application/x-ndjson', 'content-length': body.length }
  const sent = request({ port, host: '127.0.0.1', agent, path: poller.url, method: 'POST', headers })
  sent.write(body.slice(0, 5))
  await arrived
  await turns()
  const closed = app.close()
  await until('the server closes', () => !app.server.listening)
  sent.end(body.slice(5))
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  response.resume()
  assert.equal(response.headers.connection, 'close')
  await closed
})

test('W115 CORS is as checkOrigin says, and never a star where credentials travel', async (t) => {
  const listed = await serve(t, { checkOrigin: ['https://example.com'] })
  const ask = (app: FastifyInstance, origin: string, method: 'GET' | 'OPTIONS' | 'PUT' = 'GET') =>
    app.inject({
      method,
      url: '/socket/longpoll?vsn=2.0.0',
      headers: { origin, 'access-control-request-headers': 'content-type' },
    })
  const good = await ask(listed.app, 'https://example.com')
  assert.equal(good.headers['access-control-allow-origin'], 'https://example.com')
  assert.equal(good.headers['access-control-allow-credentials'], 'true')
  assert.equal(good.headers.vary, 'origin')
  const preflight = await ask(listed.app, 'https://example.com', 'OPTIONS')
  assert.deepEqual(
    [
      preflight.statusCode,
      preflight.headers['access-control-allow-headers'],
      preflight.headers['access-control-max-age'],
    ],
    [200, 'content-type', '3600'],
  )
  const evil = await ask(listed.app, 'https://evil.example')
  assert.deepEqual([evil.statusCode, evil.json()], [200, { status: 403 }])
  assert.equal(evil.headers['access-control-allow-origin'], undefined)
  // Methods that are not taken are no exception.
  const put = await ask(listed.app, 'https://example.com', 'PUT')
  assert.deepEqual([put.statusCode, put.headers['access-control-allow-origin']], [400, 'https://example.com'])
  assert.deepEqual((await ask(listed.app, 'https://evil.example', 'PUT')).json(), { status: 403 })
  const poller = await joined(listed.app)
  const stolen = await poller.post('[]', { origin: 'https://evil.example' })
  assert.deepEqual(stolen.json(), { status: 403 })
  const open = await serve(t, { checkOrigin: false })
  const any = await ask(open.app, 'https://evil.example')
  assert.equal(any.headers['access-control-allow-origin'], '*')
  assert.equal(any.headers['access-control-allow-credentials'], undefined)
})

test('W116 a token is good for its entrance, until it is too old, and in nobody else’s hand', async (t) => {
  const { app } = await serve(t)
  const poller = await joined(app)
  const token = poller.token as string
  const [head, number] = [token.slice(0, token.lastIndexOf('.')), token.slice(token.lastIndexOf('.'))]
  const spoilt = `${head.slice(0, -1)}${head.endsWith('A') ? 'B' : 'A'}${number}`
  for (const wrong of [
    spoilt,
    token.replace('.', '..'),
    'undefined',
    '2.a.b.c.d.e',
    head,
    `${token}!`,
    '%',
    'x'.repeat(5_000),
  ]) {
    poller.token = wrong
    assert.deepEqual((await poller.post('[]')).json(), { status: 410 }, wrong)
  }
  poller.token = undefined
  say(app, 'to whom it belongs')
  await turns()
  const inHeader = await poller.get({ 'x-phoenix-longpoll-token': token })
  assert.equal(inHeader.json<{ status: number }>().status, 200)
  const beat = JSON.stringify([null, '1', 'phoenix', 'heartbeat', {}])
  const posted = await poller.post(beat, { 'x-phoenix-longpoll-token': token })
  assert.deepEqual(posted.json(), { status: 200 })
  const tokens = new Tokens(undefined, '/socket', 1_000)
  const own = { node: 'node', session: 'node.1', last: 7, owner: undefined }
  const first = tokens.head('node.1', 0)
  const young = tokenOf(first, 7)
  const nobody = (): undefined => undefined
  assert.deepEqual(
    tokens.read(young, () => 1_000, nobody),
    own,
  )
  // The clocks of two nodes may differ by a minute.
  assert.deepEqual(
    tokens.read(young, () => 61_000, nobody),
    own,
  )
  assert.equal(
    tokens.read(young, () => 61_001, nobody),
    undefined,
  )
  const others = new Tokens(undefined, '/socket', 1_000)
  assert.equal(
    others.read(young, () => 0, nobody),
    undefined,
  )
  // The head that a session has is known by sight.
  const owner = { head: first }
  const ownerOf = (session: string): typeof owner | undefined => (session === 'node.1' ? owner : undefined)
  assert.deepEqual(
    others.read(young, () => 61_001, ownerOf),
    { ...own, owner },
  )
  for (const forged of [
    young.replace('node.1', 'node.2'),
    young.replace('.7', '.-7'),
    `${young}.7`,
    `x${young}`,
  ])
    assert.equal(
      tokens.read(forged, () => 0, ownerOf),
      undefined,
      forged,
    )
})

test('W116 any change to the head of a token spoils it', (t) => {
  const tokens = new Tokens(undefined, '/socket', 1_000)
  const head = tokens.head('node.1', 0)
  const ownerOf = (session: string): { head: string } | undefined =>
    session === 'node.1' ? { head } : undefined
  const letter = fc.constantFrom(...'aZ09_-.~é \u0141')
  check(t, 2_000, fc.tuple(fc.nat(head.length - 1), letter), ([at, other]) => {
    const changed = `${head.slice(0, at)}${other}${head.slice(at + 1)}`
    const claims = tokens.read(tokenOf(changed, 7), () => 0, ownerOf)
    assert.equal(claims !== undefined, changed === head, changed)
  })
})

test('W116 a token that is given after the date has jumped is good elsewhere, too', () => {
  let date = 0
  const clock = { ...fakeClock(), date: () => date }
  const secret = Buffer.alloc(32)
  const options = {
    windowMs: 1_000,
    pubsubTimeoutMs: 1_000,
    secret,
    path: '/socket',
    payloadBytes: 1_000,
    clock,
  }
  const [here, elsewhere] = [new Pollers(options), new Pollers(options)]
  const wire = here.make('node.1', false, () => {})
  for (const jumpMs of [0, 3_600_000, -7_200_000]) {
    date += jumpMs
    assert.equal(elsewhere.read(wire.issue())?.session, 'node.1', `${jumpMs}`)
  }
  wire.terminate()
})

test('W116 who shows the number of a message that was never given is given all that come', async (t) => {
  const { app } = await serve(t)
  const poller = await joined(app)
  for (const said of ['first', 'second']) {
    poller.token = poller.token?.replace(/[^.]*$/, '999999999999999')
    const held = poller.poll()
    await turns()
    say(app, said)
    const { status, messages } = await held
    assert.deepEqual([status, messages.length], [200, 1])
    assert.match(JSON.stringify(messages), new RegExp(said))
  }
})

test('W116 an entrance takes no token of another one', async (t) => {
  const clock: FakeClock = { ...fakeClock(), setImmediate: systemClock.setImmediate }
  const app = Fastify()
  t.after(() => app.close())
  const longPoll = { secret: 'the same secret for both of the entrances' }
  await app.register(beryl, { longPoll, clock })
  await app.register(
    async (admin) => {
      admin.addHook('onRequest', async (request, reply) => {
        if (request.headers['x-office'] !== 'yes') return reply.code(401).send({ error: 'no' })
      })
      await admin.register(mount, { path: '/socket', longPoll })
    },
    { prefix: '/admin' },
  )
  const office = { 'x-office': 'yes' }
  const admin = new Poller(app, { path: '/admin/socket', headers: office })
  assert.equal((await admin.poll()).status, 410)
  const guest = new Poller(app)
  guest.token = admin.token
  assert.deepEqual((await guest.post('[]')).json(), { status: 410 })
  assert.deepEqual(app.channels.status().entrances, [
    { path: '/socket', connections: 0 },
    { path: '/admin/socket', connections: 1 },
  ])
  // The hooks of the scope are asked each time, and what they say is said in the client's words.
  const stranger = new Poller(app, { path: '/admin/socket' })
  stranger.token = admin.token
  for (const answer of [await stranger.get(), await stranger.post('[]')])
    assert.deepEqual([answer.statusCode, answer.json()], [401, { status: 403 }])
})

test('W116 a token is the same where a client escapes what need not be', async (t) => {
  const { app } = await serve(t)
  const poller = await joined(app)
  const { token = '' } = poller
  say(app, 'kept')
  await turns()
  poller.token = token.replaceAll('.', '%2E')
  assert.deepEqual((await poller.poll()).messages, [said('kept')])
  // Broken escapes are no token, and a parameter like the others.
  poller.token = `${token}%2`
  assert.equal((await poller.poll()).status, 410)
  assert.equal(app.channels.status().connections, 2)
})

test('W116 hooks that are added behind the plugin are asked, too', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { longPoll: true })
  app.addHook('preHandler', async (_request, reply) => reply.code(429).send('slowly'))
  const { statusCode, headers, body } = await new Poller(app).get()
  assert.deepEqual([statusCode, headers['cache-control'], body], [429, 'no-store', '{"status":500}'])
})

test('W116 a hook that answers with success says it in the words of the client, too', async (t) => {
  let payload: unknown
  let code = 200
  const { app } = await serve(
    t,
    {},
    {
      scope: (app) => app.addHook('onRequest', async (_request, reply) => reply.code(code).send(payload)),
    },
  )
  const ask = async (answer: unknown): Promise<string[]> => {
    payload = answer
    const poller = new Poller(app)
    return [(await poller.get()).body, (await poller.post('[]')).body]
  }
  const comesBack = ['{"status":500}', '{"status":500}']
  assert.deepEqual(await ask({ maintenance: true }), comesBack)
  assert.deepEqual(await ask({ status: 200, data: null }), comesBack)
  assert.deepEqual(await ask('<!doctype html>'), comesBack)
  assert.deepEqual(await ask('null'), comesBack)
  assert.deepEqual(await ask(Buffer.from('{"status":403}')), comesBack)
  assert.deepEqual(await ask({ status: 403 }), ['{"status":403}', '{"status":403}'])
  code = 302
  assert.deepEqual(await ask('elsewhere'), ['elsewhere', 'elsewhere'])
})

test('W116 an error in the place of an answer is said in the words of the client', async (t) => {
  let fails = false
  const { app } = await serve(
    t,
    {},
    {
      scope: (app) =>
        app.addHook('onSend', (_request, _reply, payload, done) => {
          if (!fails) return done(null, payload)
          fails = false
          done(new Error('the hook fails'))
        }),
    },
  )
  const poller = await joined(app)
  say(app, 'kept')
  await turns()
  const heartbeat = '[null,"7","phoenix","heartbeat",{}]'
  for (const ask of [() => poller.get(), () => poller.post(heartbeat), () => new Poller(app).get()]) {
    fails = true
    const { statusCode, body } = await ask()
    assert.deepEqual([statusCode, body], [500, '{"status":500}'])
  }
  assert.deepEqual((await poller.poll()).messages[0], said('kept'))
})

test('W116 no line of the log has a token', async (t) => {
  const lines: string[] = []
  const logger = { level: 'trace', stream: { write: (line: string) => void lines.push(line) } } as const
  const { app } = await serve(t, {}, { server: { logger } })
  const poller = await joined(app)
  const { token = '' } = poller
  await poller.post('!!!')
  poller.token = undefined
  await poller.post('[]', { 'x-phoenix-longpoll-token': token })
  assert.match(lines.join(''), /\/socket\/longpoll\?…/)
  assert.equal(lines.join('').includes(token), false)
  assert.equal(lines.join('').includes(token.split('.').at(-2) as string), false)
})

test('W117 a poll with the token of a session that is gone begins a new one, with the parameters of the client', async (t) => {
  const asked: unknown[] = []
  const { app, clock } = await serve(t, {
    connect: ({ params }) => {
      asked.push(params.token)
      return {}
    },
  })
  // The application's own parameter has the name of ours.
  const poller = new Poller(app, { query: 'token=mine&vsn=2.0.0' })
  const first = await poller.poll()
  await clock.advance(GONE_MS)
  await until('it is gone', () => app.channels.status().connections === 0)
  const second = await poller.poll()
  assert.deepEqual([first.status, second.status], [410, 410])
  assert.deepEqual(asked, ['mine', 'mine'])
  // phoenix.js before 1.8 polls on as if nothing had happened, with channels that the server does not know.
  assert.equal((await poller.poll()).status, 500)
  poller.token = undefined
  assert.equal((await poller.poll()).status, 410)
})

test('W117 so does one with a token of a server that has started anew since, and cannot read it', async (t) => {
  const asked: unknown[] = []
  const former = await serve(t)
  const { app } = await serve(t, {
    connect: ({ params }) => {
      asked.push(params.token)
      return {}
    },
  })
  const poller = await joined(former.app)
  const statuses = [(await poller.at(app).poll()).status, (await poller.poll()).status]
  poller.token = undefined
  statuses.push((await poller.poll()).status, await poller.send(['1', '1', 'room:1', 'phx_join', {}]))
  assert.deepEqual(statuses, [410, 500, 410, 200])
  // A token of the application's own is none of ours, whatever it looks like.
  const own = new Poller(app, { query: 'token=2.a.b.c&vsn=2.0.0' })
  assert.deepEqual(
    [(await own.poll()).status, await own.send([null, '1', 'phoenix', 'heartbeat', {}])],
    [410, 200],
  )
  assert.deepEqual(asked, [undefined, undefined, '2.a.b.c'])
})

test('W117 errors of the application are said in the words of the client, and reach its error handler', async (t) => {
  const errors: unknown[] = []
  const { app } = await serve(
    t,
    {
      connect: () => {
        throw new Error('no database')
      },
    },
    {
      scope: (instance) =>
        instance.setErrorHandler((error, _request, reply) => {
          errors.push((error as Error).message)
          return reply.code(500).send({ oops: true })
        }),
    },
  )
  const { statusCode, body } = await new Poller(app).get()
  assert.deepEqual([statusCode, body, errors], [500, '{"status":500}', ['no database']])
})

test('W117 so are they where its error handler answers every error with 200', async (t) => {
  const { app } = await serve(
    t,
    {
      connect: () => {
        throw new Error('no database')
      },
    },
    {
      scope: (instance) =>
        instance.setErrorHandler((_error, _request, reply) => reply.code(200).send({ ok: false })),
    },
  )
  const { statusCode, body } = await new Poller(app).get()
  assert.deepEqual([statusCode, body], [200, '{"status":500}'])
})

test('W117 a door whose callback fails is a door that is shut for now; a promise of checkOrigin is a no', async (t) => {
  const fails = (): never => {
    throw new Error('no database')
  }
  const rows: readonly [BerylOptions, unknown][] = [
    [{ checkOrigin: fails }, [500, { status: 500 }]],
    [{ checkOrigin: (async () => true) as never }, [200, { status: 403 }]],
    [{ connectionTopic: fails }, [500, { status: 500 }]],
    [{ connectionTopic: (async () => 'user:1') as never }, [500, { status: 500 }]],
  ]
  for (const [options, expected] of rows) {
    const { app } = await serve(t, options)
    const answer = await new Poller(app, { headers: { origin: 'http://localhost' } }).get()
    assert.deepEqual([answer.statusCode, answer.json()], expected)
  }
})

test('W117 a client that polls does not wait for connect for ever', async (t) => {
  let asked: () => void = () => {}
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve
  })
  const connect = (): Promise<never> => {
    asked()
    return new Promise(() => {})
  }
  const { app, clock } = await serve(t, { connect, limits: { handshakeTimeoutMs: 1_000 } })
  const answer = new Poller(app).get()
  await isAsked
  await clock.advance(1_500)
  const { statusCode, body } = await answer
  assert.deepEqual([statusCode, body], [503, '{"status":500}'])
})

test('W118 longPoll is refused where it cannot work', async () => {
  const refused = async (options: BerylOptions): Promise<unknown> => {
    try {
      await Fastify().register(beryl, options)
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }
  assert.match(String(await refused({ longPoll: 'yes' as never })), /longPoll.*a boolean, or an object/)
  assert.match(String(await refused({ longPoll: { window: 1 } as never })), /longPoll\.window/)
  assert.match(
    String(await refused({ longPoll: { windowMs: 0 } })),
    /longPoll\.windowMs.*(at least 1|from 1)/,
  )
  assert.match(
    String(await refused({ longPoll: { windowMs: 40_000 } })),
    /longPoll\.windowMs.*heartbeat\.timeoutMs/,
  )
  const short = String(await refused({ longPoll: { secret: 'hunter2' } }))
  assert.match(short, /longPoll\.secret.*32 bytes/)
  assert.equal(short.includes('hunter2'), false)
  assert.match(short, /got 7 bytes$/)
  const number = String(await refused({ longPoll: { secret: 123_456_789 as never } }))
  assert.match(number, /got a number$/)
})
