import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import Fastify from 'fastify'
import beryl, { defineChannel, later } from 'fastify-beryl'
import { connect } from 'fastify-beryl/testing'
import { Type } from 'typebox'

// An unhandled rejection fails the test in which it happens.

const PLACES = ['join', 'joined', 'intercept', 'terminate'] as const

for (const place of PLACES)
  for (const isAsync of [false, true])
    test(`a later() of ${isAsync ? 'an async ' : ''}${place} that rejects is nobody's unhandled rejection`, async (t: TestContext) => {
      let given = 0
      const give = (): never => {
        given++
        const rejecting = later(Promise.reject(new Error('handed over')))
        return (isAsync ? Promise.resolve(rejecting) : rejecting) as never
      }
      const at = (name: string): never => (name === place ? give() : undefined) as never
      const room = defineChannel('room:*', {
        schema: { out: { said: Type.Object({}) } },
        join: () => (place === 'join' ? give() : { assigns: {} }),
        joined: () => at('joined'),
        intercept: { said: () => at('intercept') },
        terminate: () => at('terminate'),
      })
      const app = Fastify()
      t.after(() => app.close())
      await app.register(beryl, { channels: [room] })
      const client = await connect(app)
      await client.join('room:1').catch(() => {})
      app.channels.broadcast('room:1', 'said', {})
      await client.settle()
      await client.close()
      assert.ok(given > 0)
    })
