import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { beryl } from '../../src/index.ts'
import { Peer, upgradeHead } from '../support/peer.ts'

// Node 26 hands over such an upgrade with a stream that is no socket.
const BODIES = {
  'that is there': ['content-length: 5', 'hello'],
  'that never comes': ['content-length: 5', ''],
  'in chunks': ['transfer-encoding: chunked', '5\r\nhello\r\n0\r\n\r\n'],
} as const

for (const [name, [header, body]] of Object.entries(BODIES)) {
  test(`W10 an upgrade with a body ${name} is answered with 400, and elsewhere with 404`, async (t) => {
    const app = await listening(t.after.bind(t))
    const others = await Peer.open(portOf(app))
    assert.match(await answerTo(upgrade(app, '/socket/websocket', header, body)), /^HTTP\/1\.1 400 /)
    assert.match(await answerTo(upgrade(app, '/elsewhere', header, body)), /^HTTP\/1\.1 404 /)
    assert.equal(others.isGone, false)
  })
}

test('W10 a body of no bytes is none', async (t) => {
  const app = await listening(t.after.bind(t))
  const client = upgrade(app, '/socket/websocket', 'content-length: 0', '')
  assert.match(String(await once(client, 'data')), /^HTTP\/1\.1 101 /)
  client.destroy()
})

test('W78 an upgrade with a body that comes during the drain does not hold up close', async (t) => {
  const app = await listening(t.after.bind(t))
  const peer = await Peer.open({ ...portOf(app), isDeaf: true })
  const closed = app.close()
  const late = upgrade(app, '/socket/websocket', ...BODIES['that never comes'])
  assert.match(await answerTo(late), /^HTTP\/1\.1 503 /)
  peer.socket.destroy()
  await closed
})

async function listening(after: (end: () => Promise<void>) => void): Promise<FastifyInstance> {
  const app = Fastify()
  after(() => app.close())
  await app.register(beryl)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return app
}

function portOf(app: FastifyInstance): { port: number } {
  return { port: (app.server.address() as AddressInfo).port }
}

function upgrade(app: FastifyInstance, path: string, header: string, body: string): Socket {
  const { port } = portOf(app)
  const socket = connect({ port, host: '127.0.0.1' })
  socket.write(upgradeHead(port, path).replace('\r\n\r\n', `\r\n${header}\r\n\r\n${body}`))
  return socket
}

/** All that the server says until it ends the connection. */
async function answerTo(socket: Socket): Promise<string> {
  let answer = ''
  for await (const chunk of socket) answer += chunk
  return answer
}
