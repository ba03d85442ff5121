import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import beryl, { defineChannel } from 'fastify-beryl'
import { connect } from 'fastify-beryl/testing'
import { Type } from 'typebox'

// An intercept that broadcasts the very event that it rewrites never comes to an end. Its channel burns time; nobody else stands still.

const Any = Type.Any()

for (const [kind, pause] of [
  ['synchronous', () => undefined],
  ['async', () => Promise.resolve()],
] as const)
  test(`W88 an ${kind} intercept that broadcasts its own event leaves others their turns, and ends with its channel`, async (t) => {
    let rewritten = 0
    const echoing = defineChannel('echoing', {
      schema: { out: { again: Any } },
      join: () => ({ assigns: {} }),
      intercept: {
        again(payload, socket) {
          rewritten++
          socket.broadcast('again', payload)
          return pause() as never
        },
      },
    })
    const quiet = defineChannel('quiet', {
      schema: { in: { ping: { payload: Any, reply: Any } } },
      join: () => ({ assigns: {} }),
      in: { ping: () => 'pong' },
    })
    const app = Fastify()
    t.after(() => app.close())
    await app.register(beryl, { channels: [echoing, quiet] })
    const [busy, witness] = [await connect(app), await connect(app)]
    const loop = await busy.join(echoing, 'echoing')
    const other = await witness.join(quiet, 'quiet')
    app.channels.localBroadcast('echoing' as never, 'again' as never, {} as never)
    for (let n = 0; n < 20; n++) assert.equal(await other.push('ping', {}).expectReply('ok'), 'pong')
    assert.ok(rewritten > 1, 'it goes on')
    await loop.leave()
    const atTheEnd = rewritten
    assert.equal(await other.push('ping', {}).expectReply('ok'), 'pong')
    assert.equal(rewritten, atTheEnd)
  })
