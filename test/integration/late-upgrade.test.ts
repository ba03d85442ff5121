import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { beryl } from 'fastify-beryl'

const UPGRADE = [
  'GET /socket/websocket?vsn=2.0.0 HTTP/1.1',
  'host: 127.0.0.1',
  'connection: upgrade',
  'upgrade: websocket',
  'sec-websocket-version: 13',
  'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==',
  '\r\n',
].join('\r\n')

test('close does not wait for a client that comes back during the drain and stays', {
  timeout: 15_000,
}, async (t) => {
  const app = Fastify()
  await app.register(beryl)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const client = upgrade(app)
  const late: Socket[] = []
  t.after(() => late[0]?.destroy())
  assert.match(String(await once(client, 'data')), /^HTTP\/1\.1 101 /)

  const closed = app.close()
  // The drain has begun: it says 1012, and goes on when this client is gone.
  await once(client, 'data')
  late[0] = upgrade(app)
  assert.match(String(await once(late[0], 'data')), /^HTTP\/1\.1 503 /)
  client.destroy()
  await closed
})

/** Asks for an upgrade, and never closes the connection of its own accord. */
function upgrade(app: FastifyInstance): Socket {
  const { port } = app.server.address() as AddressInfo
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.write(UPGRADE)
  return socket
}
