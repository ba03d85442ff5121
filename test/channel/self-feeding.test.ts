import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import beryl, { defineChannel } from 'fastify-beryl'
import { connect } from 'fastify-beryl/testing'
import { Type } from 'typebox'

// An intercept that broadcasts the very event that it rewrites never comes to an end, and nor do channels that ask each other. They burn
// time; nobody else stands still.

const Any = Type.Any()

const KINDS = [
  ['synchronous', () => undefined],
  ['async', () => Promise.resolve()],
] as const

/** Whoever is served there has turns of the event loop. */
const quiet = defineChannel('quiet', {
  schema: { in: { ping: { payload: Any, reply: Any } } },
  join: () => ({ assigns: {} }),
  in: { ping: () => 'pong' },
})

for (const [kind, pause] of KINDS)
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

for (const [kind, pause] of KINDS)
  for (const way of ['info', 'intercept'] as const)
    for (const size of [2, 3, 7])
      test(`W88 ${size} channels whose ${kind} ${way} asks the next one leave others their turns, and end`, async (t) => {
        let turns = 0
        const next = (topic: string): string => `ring:${(Number(topic.slice(5)) + 1) % size}`
        const ring = defineChannel('ring:*', {
          schema: { info: { passed: Any }, out: { passed: Any } },
          join: () => ({ assigns: {} }),
          info: {
            passed(payload, { server, topic }) {
              turns++
              server.channels.info({ topic: next(topic) } as never, 'passed' as never, payload as never)
              return pause() as never
            },
          },
          intercept: {
            passed(payload, { server, topic }) {
              turns++
              server.channels.broadcast(next(topic) as never, 'passed' as never, payload as never)
              return pause() as never
            },
          },
        })
        const app = Fastify()
        t.after(() => app.close())
        await app.register(beryl, { channels: [ring, quiet] })
        const [busy, witness] = [await connect(app), await connect(app)]
        for (let n = 0; n < size; n++) await busy.join(ring, `ring:${n}`)
        const other = await witness.join(quiet, 'quiet')
        if (way === 'info') app.channels.info({ topic: 'ring:0' } as never, 'passed' as never, {} as never)
        else app.channels.broadcast('ring:0' as never, 'passed' as never, {} as never)
        for (let n = 0; n < 20; n++) assert.equal(await other.push('ping', {}).expectReply('ok'), 'pong')
        assert.ok(turns > 20, `they go on: ${turns}`)
        app.channels.leave({ topic: 'ring:1' } as never)
        await other.push('ping', {}).expectReply('ok')
        const atTheEnd = turns
        for (let n = 0; n < 3; n++) await other.push('ping', {}).expectReply('ok')
        assert.equal(turns, atTheEnd)
      })
