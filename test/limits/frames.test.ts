import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import Fastify from 'fastify'
import { WebSocket } from 'ws'
import { type BerylOptions, beryl } from '../../src/index.ts'
import { until } from '../support/until.ts'
import { makeRoom, record } from './stage.ts'

// The limits that only a socket can reach.

async function serve(t: TestContext, options: BerylOptions = {}) {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [makeRoom()], ...options })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const sockets: Socket[] = []
  app.server.on('connection', (socket: Socket) => sockets.push(socket))
  const reached = record(app, 'limit.reached')
  const { port } = app.server.address() as AddressInfo
  const open = async (): Promise<WebSocket> => {
    const client = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`)
    t.after(() => client.terminate())
    await once(client, 'open')
    return client
  }
  return { app, sockets, reached, open }
}

/** A message of so many bytes. */
function message(bytes: number): string {
  const head = '["1","1","room:1","phx_join",{"padding":"'
  const tail = '"}]'
  return `${head}${'x'.repeat(bytes - head.length - tail.length)}${tail}`
}

async function closeCode(client: WebSocket): Promise<number> {
  const [code] = await once(client, 'close')
  return code
}

async function reply(client: WebSocket): Promise<string> {
  const [data] = await once(client, 'message')
  return JSON.parse(String(data))[4].status
}

test('limits.payloadBytes at the limit: 1009, for one byte too many', async (t) => {
  const { open, reached } = await serve(t)
  const client = await open()
  client.send(message(65_536))
  assert.equal(await reply(client), 'ok')
  client.send(message(65_537))
  assert.equal(await closeCode(client), 1009)
  assert.deepEqual(
    reached.map(({ limit }) => limit),
    ['limits.payloadBytes'],
  )
})

test('limits.payloadBytes counts what a compressed message unpacks to', async (t) => {
  const { open, reached, sockets } = await serve(t, { compression: true })
  const client = await open()
  client.send(message(65_536))
  assert.equal(await reply(client), 'ok')
  const before = sockets[0]?.bytesRead ?? 0
  client.send(message(1_000_000))
  assert.equal(await closeCode(client), 1009)
  assert.ok((sockets[0]?.bytesRead ?? 0) - before < 10_000, 'it was small on its way')
  assert.equal(reached[0]?.limit, 'limits.payloadBytes')
})

test('limits.payloadBytes counts the fragments of a message together', async (t) => {
  const { open } = await serve(t)
  const client = await open()
  client.send('x'.repeat(40_000), { fin: false })
  client.send('x'.repeat(40_000), { fin: true })
  assert.equal(await closeCode(client), 1009)
})

test('limits.payloadBytes switched off', async (t) => {
  const { open, reached } = await serve(t, { limits: { payloadBytes: 0, bytesPerSecond: 0 } })
  const client = await open()
  client.send(message(3_000_000))
  assert.equal(await reply(client), 'ok')
  assert.deepEqual(reached, [])
})

/** Sends a message in so many fragments. */
function sendFragments(client: WebSocket, count: number): void {
  const text = message(count)
  for (let at = 0; at < count; at++) client.send(text[at] as string, { fin: at === count - 1 })
}

test('limits.fragments at the limit: 1008', async (t) => {
  const { open, reached } = await serve(t, { limits: { fragments: 100 } })
  const client = await open()
  sendFragments(client, 100)
  assert.equal(await reply(client), 'ok')
  sendFragments(client, 101)
  assert.equal(await closeCode(client), 1008)
  assert.deepEqual(
    reached.map(({ limit }) => limit),
    ['limits.fragments'],
  )
})

test('limits.fragments switched off', async (t) => {
  const { open, reached } = await serve(t, { limits: { fragments: false, bufferedChunks: false } })
  const client = await open()
  sendFragments(client, 20_000)
  assert.equal(await reply(client), 'ok')
  assert.deepEqual(reached, [])
})

/** Sends one message of 100 bytes so that the server reads it byte by byte. */
async function trickle(client: WebSocket, server: Socket, isOpen: () => boolean): Promise<void> {
  const { _socket: socket } = client as unknown as { _socket: Socket }
  socket.setNoDelay(true)
  const frame = Buffer.concat([Buffer.from([0x81, 0x80 | 100, 0, 0, 0, 0]), Buffer.from(message(100))])
  for (const byte of frame) {
    const before = server.bytesRead
    if (!isOpen()) return
    socket.write(Buffer.of(byte))
    await until('it is read', () => server.bytesRead > before || !isOpen())
  }
}

test('limits.bufferedChunks at the limit: 1008', async (t) => {
  const { open, reached, sockets } = await serve(t, { limits: { bufferedChunks: 50 } })
  const client = await open()
  let code: number | undefined
  client.on('close', (closed) => {
    code = closed
  })
  await trickle(client, sockets[0] as Socket, () => code === undefined)
  await until('it is closed', () => code !== undefined)
  assert.equal(code, 1008)
  assert.deepEqual(
    reached.map(({ limit }) => limit),
    ['limits.bufferedChunks'],
  )
})

test('limits.bufferedChunks switched off', async (t) => {
  const { open, sockets } = await serve(t, { limits: { bufferedChunks: 0 } })
  const client = await open()
  const answer = reply(client)
  await trickle(client, sockets[0] as Socket, () => true)
  assert.equal(await answer, 'ok')
})

test('a frame that breaks the rules of WebSocket is closed with the code for that, and is no limit', async (t) => {
  const { open, reached } = await serve(t)
  const client = await open()
  const { _socket: socket } = client as unknown as { _socket: Socket }
  // Opcode 3 does not exist.
  socket.write(Buffer.from([0x83, 0x80, 0, 0, 0, 0]))
  assert.equal(await closeCode(client), 1002)
  assert.deepEqual(reached, [])
})
