// Runs the packed package on plain Node: a channel over a real socket, a supervisor, the testing kit.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import Fastify from 'fastify'
import beryl, { defineChannel } from 'fastify-beryl'
import { startSupervisor, worker } from 'fastify-beryl/supervision'
import { fakeClock } from 'fastify-beryl/testing'
import { Type } from 'typebox'
import { WebSocket } from 'ws'

const echo = defineChannel('echo:*', {
  schema: {
    in: {
      say: { payload: Type.Object({ body: Type.String() }), reply: Type.Object({ body: Type.String() }) },
    },
  },
  join: () => ({ assigns: {} }),
  in: { say: (payload) => payload },
})

const app = Fastify()
await app.register(beryl, { channels: [echo] })
await app.listen({ port: 0, host: '127.0.0.1' })
const socket = new WebSocket(`ws://127.0.0.1:${app.server.address().port}/socket/websocket?vsn=2.0.0`)
await once(socket, 'open')
assert.equal((await ask(['1', '1', 'echo:1', 'phx_join', {}]))[4].status, 'ok')
assert.deepEqual((await ask(['1', '2', 'echo:1', 'say', { body: 'hi' }]))[4].response, { body: 'hi' })
socket.terminate()
await app.close()

const tree = await startSupervisor({ children: [worker('idle', ({ stopped }) => stopped())] })
await tree.stop()
assert.equal(fakeClock().pending, 0)
console.log('ok')

async function ask(frame) {
  socket.send(JSON.stringify(frame))
  const [data] = await once(socket, 'message')
  return JSON.parse(String(data))
}
