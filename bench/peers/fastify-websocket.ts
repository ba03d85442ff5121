/** The smallest server with @fastify/websocket that does the work: one route, `socket.send(text)` per subscriber. */
import websocket from '@fastify/websocket'
import fastify from 'fastify'
import type { WebSocket } from 'ws'
import { host } from './host.ts'
import { BACKLOG, https } from './listen.ts'
import { Member, PhoenixWire } from './phoenix-wire.ts'

class WsMember extends Member {
  readonly #socket: WebSocket

  constructor(socket: WebSocket) {
    super()
    this.#socket = socket
  }

  override send(text: string): void {
    this.#socket.send(text)
  }
}

const wire = new PhoenixWire<WsMember>((members, text) => {
  for (const member of members) member.send(text)
})

const app = fastify({ https })
await app.register(websocket)
app.get('/socket/websocket', { websocket: true }, (socket) => {
  const member = new WsMember(socket)
  socket.on('message', (data) => wire.receive(member, data))
  socket.on('close', () => wire.closed(member))
})

await host(async () => {
  const address = await app.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG })
  return Number(new URL(address).port)
})
