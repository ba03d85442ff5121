import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import Fastify from 'fastify'
import { beryl } from 'fastify-beryl'

const STRAY = [
  'GET /nowhere HTTP/1.1',
  'host: 127.0.0.1',
  'connection: upgrade',
  'upgrade: websocket',
  'sec-websocket-version: 13',
  'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==',
  '\r\n',
].join('\r\n')

test('an upgrade of a path outside of the scope is answered 404, and its connection does not stay open for ever', async () => {
  const app = Fastify()
  app.register(async (scope) => {
    await scope.register(beryl, { limits: { handshakeTimeoutMs: 50 } })
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const socket = connect({ port: (app.server.address() as AddressInfo).port, host: '127.0.0.1' })
  socket.write(STRAY)
  const [answer] = await once(socket, 'data')
  assert.match(String(answer), /^HTTP\/1\.1 404 /)
  // Ended by the server: this side keeps its half.
  await once(socket, 'end')
  await app.close()
})
