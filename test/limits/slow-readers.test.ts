import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import Fastify from 'fastify'
import { WebSocket } from 'ws'
import type { BerylOptions } from '../../src/index.ts'
import { beryl } from '../../src/index.ts'
import { type ConnectRefused, connect } from '../../src/testing/index.ts'
import { until } from '../support/until.ts'
import { SlowClient } from './slow-wire.ts'
import { makeRoom, record, type Stage, stage } from './stage.ts'

// The price of clients that do not take what is written to them.

async function slowOnes(
  t: TestContext,
  count: number,
  options: BerylOptions = {},
): Promise<Stage & { slow: SlowClient[] }> {
  const staged = await stage(t, options)
  const slow: SlowClient[] = []
  for (let n = 0; n < count; n++) {
    const client = await SlowClient.connect(staged.app)
    client.send('1', '1', `room:${n}`, 'phx_join', {})
    await staged.clock.settle()
    client.isReading = false
    slow.push(client)
  }
  return { ...staged, slow }
}

/** A broadcast of about so many bytes. */
async function say({ app, clock }: Stage, topic: string, bytes: number): Promise<void> {
  app.channels.broadcast(topic, 'said', { text: 'x'.repeat(bytes) })
  await clock.settle()
}

test('backpressure.maxBufferedBytes at the limit: the connection is cut', async (t) => {
  const staged = await slowOnes(t, 1, { backpressure: { maxBufferedBytes: 1_000 } })
  const [slow] = staged.slow as [SlowClient]
  for (let n = 0; n < 2; n++) await say(staged, 'room:0', 600)
  assert.equal(slow.isCut, false)
  await say(staged, 'room:0', 600)
  assert.equal(slow.isCut, true)
  assert.deepEqual(staged.reached, ['backpressure.maxBufferedBytes'])
  assert.deepEqual(staged.app.channels.topics(), [])
})

test('backpressure.maxBufferedBytes switched off', async (t) => {
  const staged = await slowOnes(t, 1, { backpressure: { maxBufferedBytes: false } })
  for (let n = 0; n < 20; n++) await say(staged, 'room:0', 200_000)
  assert.equal(staged.slow[0]?.isCut, false)
  assert.ok(staged.app.channels.load().bufferedBytes > 4_000_000, 'it is all there')
})

test('backpressure.stallMs at the limit: a reader that takes nothing for so long is cut', async (t) => {
  const staged = await slowOnes(t, 2, { heartbeat: { timeoutMs: false } })
  const [stalled, slow] = staged.slow as [SlowClient, SlowClient]
  for (const topic of ['room:0', 'room:1']) await say(staged, topic, 100_000)
  for (let n = 0; n < 4; n++) {
    await staged.clock.advance(5_000)
    slow.take(1)
  }
  assert.deepEqual([stalled.isCut, slow.isCut], [true, false])
  assert.deepEqual(staged.reached, ['backpressure.stallMs'])
})

test('backpressure.stallMs switched off', async (t) => {
  const staged = await slowOnes(t, 1, { heartbeat: { timeoutMs: false }, backpressure: { stallMs: 0 } })
  await say(staged, 'room:0', 100_000)
  await staged.clock.advance(3_600_000)
  assert.equal(staged.slow[0]?.isCut, false)
})

test('backpressure.maxTotalBytes at the limit: the largest is cut first, and upgrades get 503 until a quarter is free', async (t) => {
  const staged = await slowOnes(t, 4, { backpressure: { maxTotalBytes: 10_000 } })
  const { app, clock, slow, reached } = staged
  for (const [n, bytes] of [3_000, 5_000, 4_000, 1_000].entries()) await say(staged, `room:${n}`, bytes)
  await clock.advance(1_000)
  assert.deepEqual(
    slow.map(({ isCut }) => isCut),
    [false, true, false, false],
  )
  assert.deepEqual(reached, ['backpressure.maxTotalBytes'])
  await assert.rejects(connect(app), (error: ConnectRefused) => {
    assert.equal(error.statusCode, 503)
    assert.equal(error.headers['retry-after'], '5')
    return true
  })
  slow[0]?.take(1_000)
  await clock.advance(1_000)
  await connect(app)
})

test('backpressure.maxTotalBytes switched off', async (t) => {
  const staged = await slowOnes(t, 1, { backpressure: { maxTotalBytes: 0, maxBufferedBytes: 0 } })
  await say(staged, 'room:0', 100)
  // As if it had been written.
  ;(staged.slow[0] as SlowClient).bufferedBytes = 300_000_000
  await staged.clock.advance(1_000)
  assert.equal(staged.slow[0]?.isCut, false)
  await connect(staged.app)
})

test('above 256 KiB presence diffs coalesce: the reader is told the whole state when it has caught up', async (t) => {
  const staged = await slowOnes(t, 1)
  const { app, clock, slow } = staged
  const [reader] = slow as [SlowClient]
  const owner = new AbortController()
  const track = async (key: string): Promise<void> => {
    app.presence.track('room:0', key, {}, { owner: owner.signal })
    await clock.settle()
  }
  await track('early')
  for (let n = 0; n < 3; n++) await say(staged, 'room:0', 100_000)
  for (let n = 0; n < 5; n++) await track(`late ${n}`)
  app.presence.untrack('room:0', 'early', owner.signal)
  await say(staged, 'room:0', 10)
  reader.take()
  const diffs = reader.received.filter(([, , , event]) => event === 'presence_diff')
  assert.equal(diffs.length, 1, 'only what came before it fell behind')
  assert.equal(reader.events().filter((event) => event === 'said').length, 4, 'events are never left out')
  await clock.advance(1_000)
  reader.take()
  const [, , , event, state] = reader.received.at(-1) ?? []
  assert.equal(event, 'presence_state')
  assert.deepEqual(Object.keys(state as object).sort(), ['late 0', 'late 1', 'late 2', 'late 3', 'late 4'])
  await track('afterwards')
  reader.take()
  assert.equal(reader.events().at(-1), 'presence_diff')
  owner.abort()
})

test('a client that reads nothing is cut, whatever the kernel took before; those who read lose nothing', {
  timeout: 120_000,
}, async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [makeRoom()] })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const reached = record(app, 'limit.reached')
  const closed = record(app, 'connection.close')
  const open = async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`)
    t.after(() => socket.terminate())
    const said: number[] = []
    socket.on('message', (data) => {
      const [, , , event, payload] = JSON.parse(String(data))
      if (event === 'said') said.push(payload.text.n)
      else socket.emit(event)
    })
    await once(socket, 'open')
    socket.send('["1","1","room:1","phx_join",{}]')
    await once(socket, 'presence_state')
    return { socket, said }
  }
  const [deaf, { said: heard }] = [await open(), await open()]
  deaf.socket.pause()
  const padding = 'x'.repeat(65_536)
  let sent = 0
  while (closed.length === 0) {
    app.channels.broadcast('room:1', 'said', { text: { n: sent, padding } })
    const n = sent++
    await until(`the reader has message ${n}`, () => heard.length > n)
  }
  assert.deepEqual(
    reached.map(({ limit }) => limit),
    ['backpressure.maxBufferedBytes'],
  )
  assert.deepEqual(heard, [...heard.keys()])
  const kernelBytes = closed[0]?.sentBytes ?? 0
  assert.ok(kernelBytes > 65_536, 'some of it had left before anything waited')
  assert.ok(sent * 65_536 > 1_048_576 + kernelBytes - 65_536, 'it was not cut before its limit')
  t.diagnostic(`the kernel took ${kernelBytes} bytes; cut after ${sent * 65_536}`)
})
