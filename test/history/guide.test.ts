import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import Fastify from 'fastify'
import * as phoenix18 from 'phoenix'
// @ts-expect-error the package has no types
import * as phoenix17 from 'phoenix-1.7'
import { Type } from 'typebox'
import WebSocket from 'ws'
import { beryl, defineChannel } from '../../src/index.ts'
import { until } from '../support/until.ts'

// The dozen lines of docs/history.md, as they stand there, with phoenix.js as it is, over sockets that are reset.

const page = readFileSync(new URL('../../docs/history.md', import.meta.url), 'utf8')
const [, lines = ''] = /```js\n\/\/ resume\.js\n(.*?)```/s.exec(page) ?? []

interface Position {
  readonly epoch: string
  readonly offset: number
  readonly recovered: boolean
}

interface Channel {
  onEntry(event: string, callback: (payload: { n: number }) => void): void
  joinPush: { receive(status: string, callback: (reply: { $resume: Position }) => void): void }
}

interface Guide {
  resumingChannel(socket: phoenix18.Socket, topic: string): Channel
}

const guide = (await import(`data:text/javascript,${encodeURIComponent(lines)}`)) as Guide

const room = defineChannel('room:*', {
  schema: { out: { said: Type.Object({ n: Type.Integer(), text: Type.Optional(Type.String()) }) } },
  history: { events: ['said'], size: 200 },
  join: () => ({ assigns: {} }),
})

async function serve(t: TestContext) {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [room], backpressure: { maxBufferedBytes: 600_000 } })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const url = `ws://127.0.0.1:${(app.server.address() as AddressInfo).port}/socket`
  let said = 0
  const say = (text?: string): void => {
    app.channels.broadcast(
      'room:1' as never,
      'said' as never,
      { n: ++said, ...(text === undefined ? {} : { text }) } as never,
    )
  }
  return { app, url, say, count: () => said }
}

function client(t: TestContext, url: string, Socket: typeof phoenix18.Socket) {
  const wires: WebSocket[] = []
  class Transport extends WebSocket {
    constructor(address: string, protocols?: string[]) {
      super(address, protocols)
      wires.push(this)
    }
  }
  const socket = new Socket(url, {
    transport: Transport as never,
    reconnectAfterMs: () => 5,
    rejoinAfterMs: () => 5,
  })
  const took: number[] = []
  const joins: boolean[] = []
  socket.connect()
  const channel = guide.resumingChannel(socket, 'room:1')
  channel.onEntry('said', ({ n }) => void took.push(n))
  channel.joinPush.receive('ok', ({ $resume }) => void joins.push($resume.recovered))
  t.after(() => new Promise<void>((resolve) => socket.disconnect(resolve)))
  /** Breaks the connection under the client. */
  const reset = (): void =>
    (wires.at(-1) as unknown as { _socket: { resetAndDestroy(): void } })._socket?.resetAndDestroy()
  return { took, joins, reset, wire: () => wires.at(-1) as WebSocket }
}

for (const [version, { Socket }] of [
  ['1.8', phoenix18],
  ['1.7', phoenix17 as typeof phoenix18],
] as const) {
  test(`H9 the lines of the guide make phoenix.js ${version} hear each entry once, over connections that are reset`, async (t) => {
    const { url, say, count } = await serve(t)
    const { took, joins, reset } = client(t, url, Socket)
    await until('the first join', () => joins.length === 1)
    for (let round = 1; round <= 10; round++) {
      say()
      reset()
      for (let n = 0; n < 7; n++) say()
      await until('it is back', () => joins.length > round)
      say()
    }
    await until(
      () => `all ${count()} came: ${took.length}`,
      () => took.length >= count(),
    )
    assert.deepEqual(
      took,
      Array.from({ length: count() }, (_, index) => index + 1),
    )
    assert.deepEqual(joins, [false, ...joins.slice(1).map(() => true)])
  })
}

test('H16 a client that was cut because it was slow comes back, and has lost nothing', async (t) => {
  const { app, url, say, count } = await serve(t)
  const { took, joins, wire } = client(t, url, phoenix18.Socket)
  await until('the first join', () => joins.length === 1)
  const isCut = new Promise<void>((resolve) => {
    app.channels.onTelemetry('limit.reached', (_, { limit }) => {
      if (limit === 'backpressure.maxBufferedBytes') resolve()
    })
  })
  wire().pause()
  let hasEnded = false
  void isCut.then(() => {
    hasEnded = true
  })
  while (!hasEnded && count() < 190) {
    say('x'.repeat(60_000))
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(hasEnded, true)
  wire().resume()
  await until(
    () => `all ${count()} came: ${took.length}`,
    () => took.length >= count(),
  )
  assert.deepEqual(
    took,
    Array.from({ length: count() }, (_, index) => index + 1),
  )
})
