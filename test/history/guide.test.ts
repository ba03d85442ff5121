import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import Fastify from 'fastify'
import * as phoenix18 from 'phoenix'
// @ts-expect-error the package has no types
import * as phoenix17 from 'phoenix-1.7'
import { beryl } from '../../src/index.ts'
import { until } from '../support/until.ts'
import { client, room, upTo } from './guide-client.ts'

// The dozen lines of docs/history.md, as they stand there, with phoenix.js as it is, over sockets that are reset.

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

for (const [version, { Socket }] of [
  ['1.8', phoenix18],
  ['1.7', phoenix17 as typeof phoenix18],
] as const) {
  test(`H9 the lines of the guide make phoenix.js ${version} hear each entry once, over connections that are reset`, async (t) => {
    const { url, say, count } = await serve(t)
    const { took, joins, reset } = client(t, () => url, Socket)
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
    assert.deepEqual(took, upTo(count()))
    assert.deepEqual(joins, [false, ...joins.slice(1).map(() => true)])
  })
}

test('H16 a client that was cut because it was slow comes back, and has lost nothing', async (t) => {
  const { app, url, say, count } = await serve(t)
  const { took, joins, wire } = client(t, () => url, phoenix18.Socket)
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
  assert.deepEqual(took, upTo(count()))
})
