import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { WebSocket } from 'ws'
import beryl, { defineChannel, later } from '../../src/index.ts'

// limits.pendingHandlers over real sockets: a client whose handlers are all at work is seen to beat, to leave and to go.

const LIMIT = 4
const Any = Type.Unknown()

interface House {
  readonly app: FastifyInstance
  readonly client: WebSocket
  /** The handlers that wait for the end of their channel. */
  hanging(): number
}

/** A server whose handlers wait for the end of their channel, and a client of it on a real socket. */
async function house(t: TestContext): Promise<House> {
  let count = 0
  const hang = async (signal: AbortSignal): Promise<void> => {
    count++
    if (!signal.aborted) await once(signal, 'abort')
    count--
  }
  const room = defineChannel('room:*', {
    schema: { in: { hang: Any, promise: Any }, presence: Type.Object({}) },
    join: () => ({ assigns: {} }),
    joined: ({ id, presence }) => presence.track(id, {}),
    in: {
      hang: (_, { signal }) => hang(signal),
      promise: (_, { signal }) => later(hang(signal)) as never,
    },
  })
  const app = Fastify()
  await app.register(beryl, {
    channels: [room],
    limits: { pendingHandlers: LIMIT, messages: false, joins: false },
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const client = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`)
  t.after(async () => {
    client.terminate()
    await app.close()
  })
  await once(client, 'open')
  return { app, client, hanging: () => count }
}

const socketOf = (client: WebSocket): Socket => (client as unknown as { _socket: Socket })._socket

/** Several messages in one chunk, as one write of the socket. */
function sayAll(client: WebSocket, messages: readonly unknown[]): void {
  socketOf(client).cork()
  for (const message of messages) client.send(JSON.stringify(message))
  socketOf(client).uncork()
}

/** Resolves with the answer to a ref. */
function answerTo(client: WebSocket, wanted: string): Promise<string> {
  return new Promise((resolve) => {
    client.on('message', (data) => {
      for (const [, ref, , event, { status }] of [JSON.parse(String(data))])
        if (event === 'phx_reply' && ref === wanted) resolve(status)
    })
  })
}

/** Joins rooms, and has more handlers called than may be at work: all of it in one chunk. */
function overfill(client: WebSocket, event: string, more = 0): void {
  const rooms = Array.from({ length: 20 }, (_, n) => String(n + 1))
  sayAll(client, [
    ...rooms.map((n) => [n, `j${n}`, `room:${n}`, 'phx_join', {}]),
    ...rooms.map((n) => [n, null, `room:${n}`, event, {}]),
    ...Array.from({ length: more }, (_, n) => ['1', null, 'room:1', event, { n, padding: 'x'.repeat(500) }]),
  ])
}

const limitReached = (app: FastifyInstance): Promise<void> =>
  new Promise((resolve) => {
    app.channels.onTelemetry('limit.reached', (_, { limit }) => {
      if (limit === 'limits.pendingHandlers') resolve()
    })
  })

const connectionClosed = (app: FastifyInstance): Promise<void> =>
  new Promise((resolve) => {
    app.channels.onTelemetry('connection.close', () => resolve())
  })

for (const event of ['hang', 'promise'])
  for (const [end, go] of [
    ['closes', (client) => client.close()],
    ['ends its socket', (client) => socketOf(client).end()],
    ['resets its socket', (client) => socketOf(client).resetAndDestroy()],
    [
      'sends as much as it can, and ends its socket',
      (client) => {
        for (let n = 0; n < 2_000; n++)
          client.send(JSON.stringify(['1', null, 'room:1', event, { x: 'x'.repeat(500) }]))
        socketOf(client).end()
      },
    ],
  ] as readonly [string, (client: WebSocket) => void][]) {
    test(`W89 a client whose handlers (${event}) are all at work and that ${end} is seen to go: they end, with its presence`, async (t) => {
      const { app, client, hanging } = await house(t)
      const reached = limitReached(app)
      const closed = connectionClosed(app)
      client.on('error', () => {})
      overfill(client, event, 100)
      await reached
      assert.equal(hanging(), LIMIT)
      go(client)
      await closed
      await new Promise((resolve) => setImmediate(resolve))
      assert.equal(hanging(), 0)
      assert.deepEqual(app.channels.topics(), [])
      assert.equal(app.presence.count('room:1'), 0)
    })
  }

test('W89 a client whose handlers are all at work is heard: its heartbeat is answered, its leave ends what waits for it', async (t) => {
  const { app, client, hanging } = await house(t)
  const reached = limitReached(app)
  overfill(client, 'promise')
  await reached
  assert.equal(hanging(), LIMIT)
  const heartbeat = answerTo(client, 'beat')
  const leave = answerTo(client, 'leave')
  const waiting = answerTo(client, 'waiting')
  sayAll(client, [
    [null, 'beat', 'phoenix', 'heartbeat', {}],
    ['1', 'leave', 'room:1', 'phx_leave', {}],
    ['20', 'waiting', 'room:20', 'phx_leave', {}],
  ])
  assert.deepEqual(await Promise.all([heartbeat, leave, waiting]), ['ok', 'ok', 'ok'])
})
