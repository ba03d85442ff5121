/** Plain `ws` on node:http, used as its README shows: `socket.send(text)` for each subscriber. */
import { type WebSocket, WebSocketServer } from 'ws'
import { host } from './host.ts'
import { listenOn, makeServer } from './listen.ts'
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

const server = makeServer()
const wire = new PhoenixWire<WsMember>((members, text) => {
  for (const member of members) member.send(text)
})

const perMessageDeflate = process.env.BENCH_COMPRESSION === 'own'
new WebSocketServer({ server, path: '/socket/websocket', perMessageDeflate }).on('connection', (socket) => {
  const member = new WsMember(socket)
  socket.on('message', (data) => wire.receive(member, data))
  socket.on('close', () => wire.closed(member))
})

await host(() => listenOn(server))
