import assert from 'node:assert/strict'
import { once } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import zlib, { constants, deflateRawSync } from 'node:zlib'
import websocket from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { WebSocket } from 'ws'
import { systemClock } from '../../src/ground/clock.ts'
import { type BerylOptions, Binary, beryl, defineChannel, mount } from '../../src/index.ts'
import { resolveOptions } from '../../src/node/options.ts'
import { type FakeClock, fakeClock, memoryNetwork } from '../../src/testing/index.ts'
import { record } from '../limits/stage.ts'
import { encodeFrame, Peer, TEXT, UpgradeRefused } from '../support/peer.ts'
import { tls } from '../support/tls.ts'
import { until } from '../support/until.ts'

// `compression: 'shared'`, over sockets.

const OFFER = 'permessage-deflate; client_max_window_bits'
const Text = Type.Object({ text: Type.String() })

const room = defineChannel('room:*', {
  schema: {
    in: {
      say: Text,
      share: Binary(),
      echo: { payload: Text, reply: Text },
      large: { payload: Type.Object({ bytes: Type.Integer() }), reply: Text },
    },
    out: { said: Text, shared: Binary() },
  },
  join: () => ({ assigns: {} }),
  in: {
    say: (payload, socket) => socket.broadcast('said', payload),
    share: (payload, socket) => socket.broadcast('shared', payload),
    echo: (payload) => payload,
    large: ({ bytes }) => ({ text: words(bytes) }),
  },
})

/** Text as people write it: it becomes smaller, and not to nothing. */
function words(bytes: number): string {
  let text = ''
  for (let n = 1; text.length < bytes; n++)
    text += `the ${(n * 7919) % 1_000} of ${(n * 104_729) % 997} is at ${n}; `
  return text.slice(0, bytes)
}

interface Served {
  readonly app: FastifyInstance
  readonly port: number
}

async function serve(t: TestContext, options: BerylOptions = {}): Promise<Served> {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [room], compression: 'shared', ...options })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, port: (app.server.address() as AddressInfo).port }
}

/** A client that has joined room:1, with what it heard since. */
class Member {
  readonly peer: Peer
  readonly heard: (string | Buffer)[] = []

  static async join(
    t: TestContext,
    port: number,
    extensions?: string,
    path = '/socket/websocket?vsn=2.0.0',
  ): Promise<Member> {
    const peer = await Peer.open({ port, path, ...(extensions === undefined ? {} : { extensions }) })
    t.after(() => peer.socket.destroy())
    const member = new Member(peer)
    if (path.endsWith('vsn=1.0.0')) peer.text('{"topic":"room:1","event":"phx_join","payload":{},"ref":"1"}')
    else member.push('phx_join', {})
    await member.next()
    return member
  }

  private constructor(peer: Peer) {
    this.peer = peer
    peer.onMessage = (payload, isBinary) => void this.heard.push(isBinary ? payload : payload.toString())
  }

  /** A frame of version 2. */
  push(event: string, payload: unknown, ref = '1'): void {
    this.peer.text(JSON.stringify(['1', ref, 'room:1', event, payload]))
  }

  async next(): Promise<string | Buffer> {
    await until('a message comes', () => this.heard.length > 0 || this.peer.isGone)
    assert.equal(this.peer.broken, undefined)
    return this.heard.shift() ?? assert.fail(`closed with ${this.peer.closeCode}`)
  }

  /** The payload of the next message of version 2. */
  async payload(): Promise<unknown> {
    return JSON.parse(String(await this.next()))[4]
  }
}

function answered(head: string): string | undefined {
  return /^sec-websocket-extensions: (.*)$/im.exec(head)?.[1]?.trim()
}

function count(t: TestContext, name: 'deflateRawSync' | 'deflateRaw' | 'inflateRawSync' | 'inflateRaw') {
  const { mock } = t.mock.method(zlib, name)
  syncBuiltinESMExports()
  t.after(() => {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
  return mock
}

/** A clock on which nobody waits too long for a thread, however busy the machine is. */
function standing(): FakeClock {
  return { ...fakeClock(), setImmediate: systemClock.setImmediate }
}

/** The payload of a compressed frame, as a client without a context makes it. */
function compress(text: string): Buffer {
  return deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
}

const COMPRESSED = { reserved: 4 }

for (const offer of [
  'permessage-deflate',
  OFFER,
  'permessage-deflate; client_no_context_takeover; server_no_context_takeover',
  'x-unknown, permessage-deflate; client_max_window_bits=11, permessage-deflate',
])
  test(`W122 to "${offer}" the server agrees without contexts, on both sides`, async (t) => {
    const { port } = await serve(t)
    const peer = await Peer.open({ port, extensions: offer })
    const answer = answered(peer.head) ?? ''
    assert.match(answer, /^permessage-deflate;/)
    assert.match(answer, /; server_no_context_takeover/)
    assert.match(answer, /; client_no_context_takeover/)
    await peer.close()
  })

test('W122 a client that offers nothing, or another extension, gets none; a wrong offer is 400', async (t) => {
  const { port } = await serve(t)
  for (const extensions of [undefined, 'x-webkit-deflate-frame']) {
    const peer = await Peer.open({ port, ...(extensions === undefined ? {} : { extensions }) })
    assert.equal(answered(peer.head), undefined)
    await peer.close()
  }
  const wrong = Peer.open({ port, extensions: 'permessage-deflate; server_max_window_bits=99' })
  await assert.rejects(wrong, (error) => error instanceof UpgradeRefused && error.statusCode === 400)
})

test('W123 one broadcast is the same message for all: compressed for those who agreed, plain for the others', async (t) => {
  const { app, port } = await serve(t)
  const plain = await Member.join(t, port)
  const browser = await Member.join(t, port, OFFER)
  const other = await Member.join(t, port, 'permessage-deflate')
  const client = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`)
  t.after(() => client.terminate())
  await once(client, 'open')
  client.send('["1","1","room:1","phx_join",{}]')
  await once(client, 'message')
  const text = words(2_000)
  const before = [plain, browser].map(({ peer }) => peer.socket.bytesRead)
  app.channels.broadcast('room:1', 'said', { text })
  const [data] = await once(client, 'message')
  const expected = `[null,null,"room:1","said",${JSON.stringify({ text })}]`
  for (const member of [plain, browser, other]) assert.equal(await member.next(), expected)
  assert.equal(String(data), expected)
  assert.deepEqual(
    [plain, browser, other].map(({ peer }) => peer.compressed),
    [0, 1, 1],
  )
  const [whole = 0, small = 0] = [plain, browser].map(
    ({ peer }, n) => peer.socket.bytesRead - (before[n] ?? 0),
  )
  assert.ok(small < whole / 2, `${small} of ${whole} bytes`)
})

test('W123 so are bytes, and messages of version 1', async (t) => {
  const { app, port } = await serve(t)
  const [plain, compressed] = [await Member.join(t, port), await Member.join(t, port, OFFER)]
  const old = await Member.join(t, port, OFFER, '/socket/websocket?vsn=1.0.0')
  const text = words(3_000)
  app.channels.broadcast('room:1', 'shared', Buffer.from(text))
  const binary = Buffer.concat([Buffer.from([2, 6, 6]), Buffer.from(`room:1shared${text}`)])
  assert.deepEqual(await plain.next(), binary)
  assert.deepEqual(await compressed.next(), binary)
  assert.equal(compressed.peer.compressed, 1)
  app.channels.broadcast('room:1', 'said', { text })
  assert.deepEqual(JSON.parse(String(await old.next())), {
    topic: 'room:1',
    event: 'said',
    payload: { text },
    ref: null,
  })
  assert.equal(old.peer.compressed, 1)
})

test('W123 plain travels what is below the threshold, and what would not become smaller', async (t) => {
  const { app, port } = await serve(t, { compression: { mode: 'shared', thresholdBytes: 500 } })
  const member = await Member.join(t, port, OFFER)
  const head = '[null,null,"room:1","said",{"text":""}]'.length
  for (const [bytes, compressed] of [
    [499, 0],
    [500, 1],
  ] as const) {
    app.channels.broadcast('room:1', 'said', { text: words(bytes - head) })
    assert.equal((await member.next()).length, bytes)
    assert.equal(member.peer.compressed, compressed, `${bytes} bytes`)
  }
  const noise = Buffer.from(Array.from({ length: 2_000 }, () => Math.random() * 256))
  app.channels.broadcast('room:1', 'shared', noise)
  assert.deepEqual((await member.next()).slice(-2_000), noise)
  assert.equal(member.peer.compressed, 1)
})

test('W123 replies are compressed as well, each by itself', async (t) => {
  const { port } = await serve(t)
  const member = await Member.join(t, port, OFFER)
  for (let n = 0; n < 3; n++) {
    member.push('echo', { text: words(2_000) })
    assert.deepEqual(await member.payload(), { response: { text: words(2_000) }, status: 'ok' })
  }
  assert.equal(member.peer.compressed, 3)
})

test('W124 a broadcast of another node is compressed once on each node, whatever the number of its clients', async (t) => {
  const network = memoryNetwork()
  const here = await serve(t, { pubsub: network.adapter() })
  const there = await serve(t, { pubsub: network.adapter() })
  const members: Member[] = []
  for (let n = 0; n < 5; n++) members.push(await Member.join(t, there.port, OFFER))
  const deflates = count(t, 'deflateRawSync')
  here.app.channels.broadcast('room:1', 'said', { text: words(2_000) })
  for (const member of members) assert.deepEqual(await member.payload(), { text: words(2_000) })
  assert.equal(deflates.callCount(), 1)
  const member = await Member.join(t, here.port, OFFER)
  here.app.channels.broadcast('room:1', 'said', { text: words(3_000) })
  for (const each of [...members, member]) await each.next()
  assert.equal(deflates.callCount(), 3)
})

test('W124 nor is it compressed for each entrance', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [room], compression: 'shared' })
  await app.register(mount, { path: '/admin/socket' })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const member = await Member.join(t, port, OFFER)
  const admin = await Member.join(t, port, OFFER, '/admin/socket/websocket?vsn=2.0.0')
  const inLoop = count(t, 'deflateRawSync')
  const inThread = count(t, 'deflateRaw')
  for (const bytes of [2_000, 100_000]) {
    app.channels.broadcast('room:1', 'said', { text: words(bytes) })
    for (const each of [member, admin]) assert.deepEqual(await each.payload(), { text: words(bytes) })
  }
  assert.deepEqual([inLoop.callCount(), inThread.callCount()], [1, 1])
})

test('W125 a large message is compressed in a thread, once for all; what follows it waits, in order', async (t) => {
  const { app, port } = await serve(t, { clock: standing() })
  const members = [await Member.join(t, port, OFFER), await Member.join(t, port, OFFER)]
  const inLoop = count(t, 'deflateRawSync')
  const inThread = count(t, 'deflateRaw')
  const sizes = [10, 400_000, 20, 2_000, 300_000, 30]
  for (const size of sizes) app.channels.broadcast('room:1', 'said', { text: words(size) })
  for (const member of members)
    for (const size of sizes) assert.deepEqual(await member.payload(), { text: words(size) })
  assert.deepEqual([inLoop.callCount(), inThread.callCount()], [1, 2])
  assert.deepEqual(
    members.map(({ peer }) => peer.compressed),
    [3, 3],
  )
})

test('W125 no more than 64 large messages wait for a thread: more of them travel as they are, in order', async (t) => {
  const { app, port } = await serve(t, { clock: standing() })
  const members = [await Member.join(t, port, OFFER), await Member.join(t, port, OFFER)]
  for (let n = 0; n < 80; n++) app.channels.broadcast('room:1', 'said', { text: `${n} ${words(20_000)}` })
  for (const member of members) {
    for (let n = 0; n < 80; n++) assert.deepEqual(await member.payload(), { text: `${n} ${words(20_000)}` })
    // Two are at work.
    assert.equal(member.peer.compressed, 66)
  }
})

test('W125 replies and broadcasts of many turns keep their order behind a large one', async (t) => {
  const { app, port } = await serve(t)
  const member = await Member.join(t, port, OFFER)
  for (let n = 0; n < 40; n++) {
    member.push(n % 5 === 0 ? 'large' : 'echo', n % 5 === 0 ? { bytes: 50_000 } : { text: `${n}` }, `${n}`)
    if (n % 8 === 0) app.channels.broadcast('room:1', 'said', { text: words(40_000) })
  }
  const refs: string[] = []
  while (refs.length < 40) {
    const [, ref, , event] = JSON.parse(String(await member.next()))
    if (event === 'phx_reply') refs.push(ref)
  }
  assert.deepEqual(
    refs,
    Array.from({ length: 40 }, (_, n) => String(n)),
  )
})

/** Takes the threads away: what is given to them begins when the test says so, or never. */
function hangThreads(t: TestContext, name: 'deflateRaw' | 'inflateRaw'): { run(): Promise<void> } {
  const before = zlib[name]
  const hanging: Parameters<typeof before>[] = []
  t.mock.method(zlib, name, (...job: Parameters<typeof before>) => void hanging.push(job))
  syncBuiltinESMExports()
  t.after(() => {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
  const begin = ([data, options, done]: Parameters<typeof before>): Promise<void> =>
    new Promise((resolve) => {
      before(data, options, (...outcome) => {
        done(...outcome)
        resolve()
      })
    })
  return { run: async () => void (await Promise.all(hanging.splice(0).map(begin))) }
}

test('W129 threads that the application keeps at work cut no reader: large messages travel as they are', {
  timeout: 30_000,
}, async (t) => {
  const clock = standing()
  const { app, port } = await serve(t, { clock })
  const member = await Member.join(t, port, OFFER)
  hangThreads(t, 'deflateRaw')
  // More than may wait for a thread, with others between them.
  for (let n = 0; n < 70; n++)
    app.channels.broadcast('room:1', 'said', { text: `${n} ${words(n % 2 ? 20 : 20_000)}` })
  await new Promise((resolve) => setImmediate(resolve))
  for (let n = 0; n < 6; n++) await clock.advance(1_000)
  for (let n = 0; n < 70; n++)
    assert.deepEqual(await member.payload(), { text: `${n} ${words(n % 2 ? 20 : 20_000)}` })
  assert.equal(member.peer.compressed, 0)
  await clock.advance(20_000)
  assert.equal(app.channels.status().connections, 1)
})

test('W129 nor those who are sent more, turn after turn, than may wait for a reader', {
  timeout: 30_000,
}, async (t) => {
  const { app, port } = await serve(t, { clock: standing() })
  const members = [await Member.join(t, port, OFFER), await Member.join(t, port, OFFER)]
  hangThreads(t, 'deflateRaw')
  for (let n = 0; n < 30; n++) {
    app.channels.broadcast('room:1', 'said', { text: `${n} ${words(n % 3 ? 60_000 : 20)}` })
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (const member of members)
    for (let n = 0; n < 30; n++)
      assert.deepEqual(await member.payload(), { text: `${n} ${words(n % 3 ? 60_000 : 20)}` })
  assert.equal(app.channels.status().connections, 2)
})

test('W129 where one was waited for in vain, large messages wait for none until one is free', {
  timeout: 30_000,
}, async (t) => {
  const clock = standing()
  const { app, port } = await serve(t, { clock })
  const member = await Member.join(t, port, OFFER)
  const threads = hangThreads(t, 'deflateRaw')
  const text = words(20_000)
  app.channels.broadcast('room:1', 'said', { text })
  await new Promise((resolve) => setImmediate(resolve))
  await clock.advance(250)
  for (let n = 0; n < 3; n++) app.channels.broadcast('room:1', 'said', { text })
  for (let n = 0; n < 4; n++) assert.deepEqual(await member.payload(), { text })
  assert.equal(member.peer.compressed, 0)
  await threads.run()
  app.channels.broadcast('room:1', 'said', { text })
  await new Promise((resolve) => setImmediate(resolve))
  await threads.run()
  assert.deepEqual(await member.payload(), { text })
  assert.equal(member.peer.compressed, 1)
})

test('W129 nor a client whose own large message waits for one', { timeout: 30_000 }, async (t) => {
  const clock = standing()
  const { app, port } = await serve(t, { clock, limits: { payloadBytes: 400_000 } })
  const member = await Member.join(t, port, OFFER)
  hangThreads(t, 'inflateRaw')
  for (let n = 0; n < 3; n++) {
    const text = words(200_000 + n)
    const frame = JSON.stringify(['1', `${n}`, 'room:1', 'echo', { text }])
    member.peer.frame(TEXT, compress(frame), COMPRESSED)
    let isHeard = false
    const payload = member.payload().finally(() => {
      isHeard = true
    })
    while (!isHeard) {
      await clock.advance(500)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.deepEqual(await payload, { response: { text }, status: 'ok' })
  }
  assert.equal(app.channels.status().connections, 1)
})

test('W125 what is being compressed counts as waiting for its reader', async (t) => {
  const { app, port } = await serve(t)
  const member = await Member.join(t, port, OFFER)
  const waiting: number[] = []
  const looks = setInterval(() => waiting.push(app.channels.load().bufferedBytes), 1)
  t.after(() => clearInterval(looks))
  app.channels.broadcast('room:1', 'said', { text: words(900_000) })
  // Behind the flush of the turn, and before any thread can have told.
  setImmediate(() => waiting.push(app.channels.load().bufferedBytes))
  await member.next()
  assert.ok(Math.max(...waiting) > 900_000, String(waiting))
  await until('nothing waits', () => app.channels.load().bufferedBytes === 0)
})

test('W125 a reader that is sent too much while that is being compressed is cut', async (t) => {
  const { app, port } = await serve(t, { backpressure: { maxBufferedBytes: 100_000 } })
  const reached = record(app, 'limit.reached')
  const member = await Member.join(t, port, OFFER)
  app.channels.broadcast('room:1', 'said', { text: words(900_000) })
  setImmediate(() => app.channels.broadcast('room:1', 'said', { text: 'one more' }))
  assert.equal(await member.peer.closed, 1006)
  assert.equal(reached[0]?.limit, 'backpressure.maxBufferedBytes')
})

test('W125 a close of the server comes behind the large message that is being compressed', async (t) => {
  const { app, port } = await serve(t)
  const member = await Member.join(t, port, OFFER)
  member.push('large', { bytes: 800_000 }, 'last')
  await until('the reply is under way', () => app.channels.load().bufferedBytes > 0)
  await app.close()
  assert.equal(await member.peer.closed, 1012)
  assert.equal(member.heard.length, 1)
  assert.equal(JSON.parse(String(member.heard[0]))[4].response.text.length, 800_000)
  assert.equal(member.peer.broken, undefined)
})

test('W125 a client may close, or be gone, while a message for it is being compressed', async (t) => {
  const { app, port } = await serve(t)
  const [closing, gone, stays] = [
    await Member.join(t, port, OFFER),
    await Member.join(t, port, OFFER),
    await Member.join(t, port, OFFER),
  ]
  app.channels.broadcast('room:1', 'said', { text: words(900_000) })
  const closed = closing.peer.close()
  void gone.peer.reset()
  assert.deepEqual(await stays.payload(), { text: words(900_000) })
  await closed
  assert.equal(closing.peer.closeCode, 1000)
  assert.equal(closing.peer.broken, undefined)
  await until('the others are gone', () => app.channels.status().connections === 1)
})

test('W126 compressed messages of a client are read, also in fragments, many in one piece', async (t) => {
  const { port } = await serve(t)
  const member = await Member.join(t, port, OFFER)
  const text = (n: number) => JSON.stringify(['1', `${n}`, 'room:1', 'echo', { text: `${n}` }])
  for (let n = 0; n < 100; n++) member.peer.frame(TEXT, compress(text(n)), COMPRESSED)
  const whole = compress(text(100))
  member.peer.frame(TEXT, whole.subarray(0, 5), { ...COMPRESSED, fin: false })
  member.peer.frame(0, whole.subarray(5, 9), { fin: false })
  member.peer.frame(0, whole.subarray(9))
  // Nobody has to compress everything.
  member.peer.text(text(101))
  for (let n = 0; n <= 101; n++)
    assert.deepEqual(await member.payload(), { response: { text: `${n}` }, status: 'ok' })
})

test('W126 a bomb is closed with 1009, and no more of it is unpacked than a message may have', async (t) => {
  const { app, port } = await serve(t)
  const reached = record(app, 'limit.reached')
  const member = await Member.join(t, port, OFFER)
  const bomb = compress('x'.repeat(50_000_000))
  assert.ok(bomb.length < 65_536)
  const inflates = count(t, 'inflateRawSync')
  member.peer.frame(TEXT, bomb, COMPRESSED)
  assert.equal(await member.peer.closed, 1009)
  assert.equal(reached[0]?.limit, 'limits.payloadBytes')
  assert.deepEqual(
    inflates.calls.map(({ error }) => (error as { code?: string } | undefined)?.code),
    ['ERR_BUFFER_TOO_LARGE'],
  )
})

test('W126 limits.payloadBytes holds to the byte for what comes out, on the loop and in a thread', async (t) => {
  for (const limit of [2_000, 65_536, 300_000]) {
    const { port } = await serve(t, { limits: { payloadBytes: limit, bytesPerSecond: false } })
    const member = await Member.join(t, port, OFFER)
    const head = JSON.stringify(['1', '2', 'room:1', 'echo', { text: '' }]).length
    const message = (bytes: number) =>
      JSON.stringify(['1', '2', 'room:1', 'echo', { text: 'x'.repeat(bytes - head) }])
    member.peer.frame(TEXT, compress(message(limit)), COMPRESSED)
    const { status } = (await member.payload()) as { status: string }
    assert.equal(status, 'ok')
    member.peer.frame(TEXT, compress(message(limit + 1)), COMPRESSED)
    assert.equal(await member.peer.closed, 1009, `${limit}`)
  }
})

test('W126 data that cannot be inflated is closed with 1007, and the session is told', async (t) => {
  const { app, port } = await serve(t)
  const errors = record(app, 'connection.error')
  const member = await Member.join(t, port, OFFER)
  member.peer.frame(TEXT, Buffer.from('this is no compressed data'), COMPRESSED)
  assert.equal(await member.peer.closed, 1007)
  assert.equal(errors.length, 1)
  await until('it is gone', () => app.channels.status().connections === 0)
})

test('W126 a client that did not agree may not send compressed frames: 1002', async (t) => {
  const { port } = await serve(t)
  const member = await Member.join(t, port)
  member.peer.frame(TEXT, compress('[]'), COMPRESSED)
  assert.equal(await member.peer.closed, 1002)
})

test('W126 pings are answered, and closes with 1000, between compressed messages', async (t) => {
  const { port } = await serve(t)
  const client = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`, {
    perMessageDeflate: { threshold: 0 },
  })
  t.after(() => client.terminate())
  await once(client, 'open')
  assert.equal(client.extensions, 'permessage-deflate')
  client.send('["1","1","room:1","phx_join",{}]')
  await once(client, 'message')
  client.ping('here')
  const [pong] = await once(client, 'pong')
  assert.equal(String(pong), 'here')
  client.close(1000)
  const [code] = await once(client, 'close')
  assert.equal(code, 1000)
})

test('W126 a flood of compressed messages of one client leaves the others their turns', async (t) => {
  const { app, port } = await serve(t)
  const refused = record(app, 'message.refused')
  const member = await Member.join(t, port, OFFER)
  const inflates = count(t, 'inflateRawSync')
  let most = 0
  let isOver = false
  const look = (before: number): void => {
    most = Math.max(most, inflates.callCount() - before)
    if (!isOver) setImmediate(look, inflates.callCount())
  }
  look(0)
  const one = encodeFrame(TEXT, compress('["1","1","room:1","x",{}]'), COMPRESSED)
  member.peer.raw(Buffer.concat(Array(3_000).fill(one)))
  await until('all are read', () => inflates.callCount() === 3_000)
  isOver = true
  assert.ok(refused.length > 2_000)
  assert.ok(most < 300, `${most} in one turn`)
})

test('W126 what comes behind a close of the server is not unpacked', async (t) => {
  const { port } = await serve(t)
  const member = await Member.join(t, port, OFFER)
  const inflates = count(t, 'inflateRawSync')
  const one = encodeFrame(TEXT, compress(`no message: ${words(9_000)}`), COMPRESSED)
  member.peer.raw(Buffer.concat(Array(500).fill(one)))
  assert.equal(await member.peer.closed, 1007)
  assert.equal(inflates.callCount(), 1)
})

test('W127 a client with a smaller window gets compressed what fits into it, and plain what does not', async (t) => {
  const { app, port } = await serve(t)
  const member = await Member.join(t, port, 'permessage-deflate; server_max_window_bits=12')
  assert.match(answered(member.peer.head) ?? '', /server_max_window_bits=12/)
  for (const [bytes, compressed] of [
    [3_900, 1],
    [5_000, 1],
    [100_000, 1],
    [3_800, 2],
  ] as const) {
    app.channels.broadcast('room:1', 'said', { text: words(bytes) })
    assert.deepEqual(await member.payload(), { text: words(bytes) })
    assert.equal(member.peer.compressed, compressed, `${bytes} bytes`)
  }
})

test('W128 a compression that is none is refused', () => {
  const refusals: readonly (readonly [unknown, RegExp])[] = [
    [
      'share',
      /'compression': wanted a boolean, 'shared', or { mode: 'shared', thresholdBytes }, got "share"/,
    ],
    [1, /'compression': wanted a boolean/],
    [null, /'compression': wanted a boolean/],
    [{}, /'compression\.mode': wanted 'shared', got undefined/],
    [{ mode: 'own' }, /'compression\.mode': wanted 'shared', got "own"/],
    [{ mode: 'shared', threshold: 5 }, /'compression\.threshold': wanted one of mode, thresholdBytes/],
    [
      { mode: 'shared', thresholdBytes: 0 },
      /'compression\.thresholdBytes': wanted a whole number of at least 1/,
    ],
    [{ mode: 'shared', thresholdBytes: '1k' }, /'compression\.thresholdBytes': wanted a whole number/],
  ]
  for (const [compression, refusal] of refusals)
    assert.throws(() => resolveOptions({ compression } as BerylOptions), refusal)
  assert.deepEqual(resolveOptions({ compression: 'shared' }).compression, { thresholdBytes: 1_024 })
  assert.equal(resolveOptions({ compression: true }).compression, true)
})

test('W122 a @fastify/websocket of the application, registered before, that agrees to none is told in a warning', async (t) => {
  const warned = async (
    perMessageDeflate: boolean,
    compression: BerylOptions['compression'],
  ): Promise<string[]> => {
    const lines: string[] = []
    const app = Fastify({ logger: { level: 'warn', stream: { write: (line: string) => lines.push(line) } } })
    t.after(() => app.close())
    await app.register(websocket, { options: { perMessageDeflate } })
    await app.register(beryl, { channels: [room], compression })
    await app.ready()
    return lines.map((line) => JSON.parse(line).msg)
  }
  const [message = '', ...more] = await warned(false, 'shared')
  assert.match(message, /compression does nothing.*serverNoContextTakeover: true/)
  assert.deepEqual(more, [])
  assert.equal((await warned(false, true)).length, 1)
  assert.deepEqual(await warned(true, 'shared'), [])
  assert.deepEqual(await warned(false, false), [])
})

test('where the @fastify/websocket of the application agrees to contexts, clients may keep theirs', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(websocket, { options: { perMessageDeflate: true } })
  await app.register(beryl, { channels: [room], compression: 'shared' })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const client = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`)
  t.after(() => client.terminate())
  await once(client, 'open')
  client.send('["1","1","room:1","phx_join",{}]')
  await once(client, 'message')
  for (let n = 0; n < 3; n++) {
    client.send(JSON.stringify(['1', `${n}`, 'room:1', 'echo', { text: words(2_000) }]))
    const [data] = await once(client, 'message')
    assert.equal(JSON.parse(String(data))[4].response.text, words(2_000))
  }
})

test('W123 over TLS it is the same', async (t) => {
  const app = Fastify({ https: tls })
  t.after(() => app.close())
  await app.register(beryl, { channels: [room], compression: 'shared' })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const url = `wss://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`
  const client = new WebSocket(url, { rejectUnauthorized: false })
  t.after(() => client.terminate())
  const heard: string[] = []
  client.on('message', (data) => heard.push(String(data)))
  await once(client, 'open')
  client.send('["1","1","room:1","phx_join",{}]')
  await until('it has joined', () => heard.length === 1)
  const inLoop = count(t, 'deflateRawSync')
  const inThread = count(t, 'deflateRaw')
  for (const bytes of [2_000, 200_000, 10]) app.channels.broadcast('room:1', 'said', { text: words(bytes) })
  await until('all is heard', () => heard.length === 4)
  assert.deepEqual(
    heard.slice(1).map((text) => JSON.parse(text)[4].text.length),
    [2_000, 200_000, 10],
  )
  assert.deepEqual([inLoop.callCount(), inThread.callCount()], [1, 1])
})

test('injectWS, which has no socket, gets what it would get of ws', async (t) => {
  const { app } = await serve(t)
  const socket = await app.injectWS('/socket/websocket?vsn=2.0.0')
  socket.send('["1","1","room:1","phx_join",{}]')
  await once(socket, 'message')
  app.channels.broadcast('room:1', 'said', { text: words(5_000) })
  const [data] = await once(socket, 'message')
  assert.equal(JSON.parse(String(data))[4].text, words(5_000))
  socket.terminate()
})
