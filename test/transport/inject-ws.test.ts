import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import Fastify from 'fastify'
import { beryl } from '../../src/index.ts'

const HEARTBEAT = '[null,"1","phoenix","heartbeat",{}]'

test('the injectWS of @fastify/websocket reaches the mount, without a port', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl)
  await app.ready()
  const socket = await app.injectWS('/socket/websocket?vsn=2.0.0')
  socket.send(HEARTBEAT)
  const [answer] = await once(socket, 'message')
  assert.equal(String(answer), '[null,"1","phoenix","phx_reply",{"response":{},"status":"ok"}]')
  socket.terminate()
})
