import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { type BerylOptions, beryl } from '../../src/index.ts'
import { ConnectRefused, connect } from '../../src/testing/index.ts'
import { record, stage } from './stage.ts'

test('heartbeat.timeoutMs at the limit: a client that is silent for so long is closed with 1001', async (t) => {
  const { app, clock, reached } = await stage(t)
  const [silent, living] = [await connect(app), await connect(app)]
  const closed = record(app, 'connection.close')
  for (let at = 0; at < 90_000; at += 30_000) {
    await living.heartbeat()
    await clock.advance(30_000)
  }
  assert.deepEqual(silent.closed, { code: 1001, reason: 'idle timeout' })
  assert.equal(living.closed, undefined)
  assert.deepEqual(reached, ['heartbeat.timeoutMs'])
  const durationMs = closed[0]?.durationMs ?? 0
  // Clients are looked at every 5 s.
  assert.ok(durationMs >= 60_000 && durationMs <= 65_000, `closed after ${durationMs} ms`)
})

test('heartbeat.timeoutMs switched off', async (t) => {
  const { app, clock, reached } = await stage(t, { heartbeat: { timeoutMs: false } })
  const client = await connect(app)
  await clock.advance(600_000)
  assert.equal(client.closed, undefined)
  assert.deepEqual(reached, [])
})

for (const [heartbeat, wanted] of [
  [
    { intervalMs: 60_000, timeoutMs: 60_000 },
    /heartbeat\.timeoutMs.*more than heartbeat\.intervalMs \(60000\), got 60000/,
  ],
  [{ intervalMs: 60_000 }, /more than heartbeat\.intervalMs \(60000\), got 60000/],
  [{ timeoutMs: 30_000 }, /more than heartbeat\.intervalMs \(30000, where it is not given\), got 30000/],
  [{ timeoutMs: 1 }, /more than heartbeat\.intervalMs \(30000, where it is not given\), got 1$/],
  [{ intervalMs: 100, timeoutMs: 50 }, /more than heartbeat\.intervalMs \(100\), got 50/],
] as const satisfies readonly [BerylOptions['heartbeat'], RegExp][]) {
  test(`an interval that the timeout would cut off is refused: ${JSON.stringify(heartbeat)}`, async () => {
    const app = Fastify()
    await assert.rejects(
      async () => app.register(beryl, { heartbeat }),
      (error: Error & { code: string }) => {
        assert.equal(error.code, 'BERYL_ERR_OPTION_INVALID')
        assert.match(error.message, wanted)
        return true
      },
    )
  })
}

test('clients are looked for eight times within a short timeout', async (t) => {
  const { app, clock } = await stage(t, { heartbeat: { intervalMs: 500, timeoutMs: 1_000 } })
  const client = await connect(app)
  await clock.advance(1_200)
  assert.equal(client.closed?.code, 1001)
})

for (const [how, at] of [
  ['a number', (ms: number) => ms],
  ['a Date', (ms: number) => new Date(ms)],
] as const) {
  test(`expiresAt as ${how}: at that time the connection is closed with 1001, and must authenticate again`, async (t) => {
    let expiresAt = 0
    const { app, clock } = await stage(t, { connect: () => ({ assigns: {}, expiresAt: at(expiresAt) }) })
    expiresAt = clock.date() + 60_000
    const client = await connect(app)
    for (let n = 0; n < 2; n++) {
      await client.heartbeat()
      await clock.advance(29_000)
    }
    assert.equal(client.closed, undefined)
    await clock.advance(7_000)
    assert.deepEqual(client.closed, { code: 1001, reason: 'expired' })
    const refused: unknown = await connect(app).catch((error: unknown) => error)
    assert.equal(
      refused instanceof ConnectRefused && refused.statusCode,
      403,
      'the old token is no good any more',
    )
  })
}
