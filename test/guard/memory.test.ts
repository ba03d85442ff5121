import assert from 'node:assert/strict'
import { once } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { queryObjects } from 'node:v8'
import { constants, DeflateRaw, deflateRawSync, InflateRaw } from 'node:zlib'
import Fastify from 'fastify'
import * as ws from 'ws'
import { JoiningTopic } from '../../src/channel/joining.ts'
import { ChannelProcess } from '../../src/channel/process.ts'
import beryl, { defineChannel } from '../../src/index.ts'
import { InFlight } from '../../src/session/in-flight.ts'
import { Meter } from '../../src/session/meter.ts'
import { Session } from '../../src/session/session.ts'
import { Peer, TEXT } from '../support/peer.ts'
import { until } from '../support/until.ts'
import { frameOf, Stage } from './stage.ts'

// The objects of the heap that a connection keeps alive: what was let go stays let go, and what is made on first
// use is not made before.

// biome-ignore lint/suspicious/noExplicitAny: a constructor, whatever it takes
type Constructor = abstract new (...args: any[]) => object

/** The number of objects of a class that are alive, after garbage collection. */
function alive(kind: Constructor): number {
  return Number(queryObjects(kind, { format: 'count' }))
}

const CLIENTS = 50
const { Z_SYNC_FLUSH } = constants

/** Connects as a WebSocket client does and waits for the answer, without a client's own objects of node:http. */
async function upgrade(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.write(
    [
      'GET /socket/websocket?vsn=2.0.0 HTTP/1.1',
      'Host: localhost',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      '\r\n',
    ].join('\r\n'),
  )
  const [answer] = (await once(socket, 'data')) as [Buffer]
  assert.match(answer.toString(), /^HTTP\/1\.1 101 /)
  return socket
}

test('an open connection keeps neither its request nor its reply', async () => {
  const app = Fastify()
  const channel = defineChannel('room:*', {
    schema: { in: {}, out: {} },
    join: () => ({ assigns: {} }),
    in: {},
  })
  await app.register(beryl, { channels: [channel] })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const before = alive(Session)
  const sockets = await Promise.all(Array.from({ length: CLIENTS }, () => upgrade(port)))
  await turn()
  assert.equal(alive(Session) - before, CLIENTS)
  // The parser that read last may still hold on to what it read.
  assert.ok(alive(IncomingMessage) <= 2, `${alive(IncomingMessage)} requests are alive`)
  assert.ok(alive(ServerResponse) <= 2, `${alive(ServerResponse)} responses are alive`)
  for (const socket of sockets) socket.destroy()
  await app.close()
  await turn()
  assert.equal(alive(Session), before)
})

test('a joined channel keeps nothing of its join, and makes no signal and no counter before somebody asks', async () => {
  const stage = await new Stage().start()
  const signals = alive(AbortController)
  const clients = await stage.join(CLIENTS)
  for (const { session } of clients) session.receive(frameOf('echo', { n: 1 }), false)
  await stage.clock.settle()
  assert.ok(alive(ChannelProcess) >= CLIENTS)
  assert.equal(alive(JoiningTopic), 0)
  assert.equal(alive(InFlight), 0)
  assert.ok(alive(AbortController) <= signals)
  clients[0]?.session.receive(frameOf('slow', {}), false)
  assert.equal(alive(InFlight), 1)
})

test('a connection on which nothing is said keeps nothing of what it said', async () => {
  const stage = await new Stage().start()
  await stage.join(CLIENTS)
  assert.equal(alive(Meter), CLIENTS)
  await stage.clock.advance(10_000)
  assert.equal(alive(Meter), 0)
})

test('a further topic of a connection keeps less than 0.75 KiB', async () => {
  const TOPICS = 5_000
  const stage = await new Stage().start()
  const { session, wire } = stage.connect()
  const join = (first: number): void => {
    for (let n = first; n < first + TOPICS; n++)
      session.receive(frameOf('phx_join', {}, { topic: `room:${n}` }), false)
  }
  join(0)
  const before = await heapBytes(stage)
  wire.writes.length = 0
  join(TOPICS)
  await stage.clock.settle()
  wire.writes.length = 0
  const each = ((await heapBytes(stage)) - before) / TOPICS
  assert.equal(session.channelCount, 2 * TOPICS)
  assert.ok(each < 0.75 * 1_024, `${each} bytes a topic`)
})

test('W126 a connection that agreed to compression keeps nothing of it: not when it was used, nor what ws had made', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { compression: { mode: 'shared', thresholdBytes: 1 } })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const extensions = 'permessage-deflate; client_max_window_bits'
  const peers = await Promise.all(Array.from({ length: CLIENTS }, () => Peer.open({ port, extensions })))
  const heartbeat = deflateRawSync('[null,"1","phoenix","heartbeat",{}]', { finishFlush: Z_SYNC_FLUSH })
  let answers = 0
  for (const peer of peers) {
    peer.onMessage = () => void answers++
    peer.frame(TEXT, heartbeat.subarray(0, -4), { reserved: 4 })
  }
  await until('all are answered', () => answers === CLIENTS)
  assert.ok(peers.every(({ compressed }) => compressed === 1))
  await turn()
  assert.equal(alive(Session), CLIENTS)
  for (const kind of [InflateRaw, DeflateRaw, Reflect.get(ws, 'PerMessageDeflate')])
    assert.ok(alive(kind) <= 2, `${alive(kind)} of ${kind.name} are alive`)
  for (const peer of peers) peer.socket.destroy()
})

async function heapBytes(stage: Stage): Promise<number> {
  await stage.clock.settle()
  for (let pass = 0; pass < 3; pass++) {
    globalThis.gc?.()
    await turn()
  }
  return process.memoryUsage().heapUsed
}
