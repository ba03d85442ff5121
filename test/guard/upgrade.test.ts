import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import Fastify from 'fastify'
import { WebSocket } from 'ws'
import beryl from '../../src/index.ts'

// The cost of a way in, counted: what it sets up only to take it down again.

for (const [how, connect, wanted] of [
  ['is done at once sets no timer', () => ({}), 0],
  ['waits for connect sets one timer', async () => ({}), 1],
] as const) {
  test(`an upgrade that ${how} on its socket`, async (t) => {
    const app = Fastify()
    t.after(() => app.close())
    let timers = 0
    app.server.on('connection', (socket) => {
      const setTimeout = socket.setTimeout.bind(socket)
      socket.setTimeout = (ms, listener) => {
        if (ms > 0) timers++
        return setTimeout(ms, listener)
      }
    })
    await app.register(beryl, { connect })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    const client = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`)
    t.after(() => client.terminate())
    await once(client, 'open')
    assert.equal(timers, wanted)
  })
}
