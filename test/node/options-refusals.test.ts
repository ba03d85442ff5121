import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { Type } from 'typebox'
import { type BerylOptions, beryl, defineChannel } from '../../src/index.ts'
import { resolveOptions } from '../../src/node/options.ts'
import { ConnectRefused, connect } from '../../src/testing/index.ts'

test('half a clock and half an adapter are refused where they are given, not where they are first used', () => {
  const halves = { clock: { now: () => 0, setTimeout: () => {} }, pubsub: { start() {}, publish() {} } }
  for (const [field, value] of Object.entries(halves)) {
    const refusal = new RegExp(
      `option '${field}': wanted an? ${field === 'clock' ? 'clock' : 'adapter'}: .+, got {`,
    )
    assert.throws(() => resolveOptions({ [field]: value } as BerylOptions), refusal)
  }
})

test('a checkOrigin that gives a promise lets nobody in, whatever it resolves to', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  const checkOrigin = (async () => true) as unknown as () => boolean
  await app.register(beryl, { checkOrigin })
  await assert.rejects(connect(app, { headers: { origin: 'http://evil.example' } }), ConnectRefused)
  const client = await connect(app)
  await client.close()
})

test('an option that is undefined is as good as absent, at every depth', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  const nothing = {
    heartbeat: { intervalMs: undefined, timeoutMs: undefined },
    limits: { messages: undefined },
  }
  await app.register(beryl, {
    ...nothing,
    path: undefined,
    channels: undefined,
    connect: undefined,
    presence: { broadcastMs: undefined, limits: { keys: undefined } },
    supervision: { intensity: undefined, onGiveUp: undefined },
    backpressure: { stallMs: undefined },
    drain: undefined,
  })
  app.channels.register(
    defineChannel('room:*', {
      schema: { in: undefined, out: { said: Type.Object({}) }, presence: undefined },
      join: () => ({ assigns: {} }),
      joined: undefined,
      intercept: { said: undefined },
    }),
  )
  await (await connect(app, { params: undefined, path: undefined, timeoutMs: undefined })).join('room:1')
  assert.equal(app.channels.path, '/socket')
})
