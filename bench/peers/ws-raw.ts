/**
 * Node's practical limit, the yardstick of all ratios: `ws` reads, but writing goes past its sender. A broadcast is
 * framed once and the same bytes are written to every net.Socket; the writes of one turn of the event loop are
 * corked, so they leave in one system call per socket. Nothing else is done: no validation, no limits.
 */
import { WebSocketServer } from 'ws'
import { host } from './host.ts'
import { listenOn, makeServer } from './listen.ts'
import { PhoenixWire } from './phoenix-wire.ts'
import { RawMember, writeToAll } from './raw-member.ts'

const server = makeServer()
const wire = new PhoenixWire<RawMember>(writeToAll)

new WebSocketServer({ server, path: '/socket/websocket' }).on('connection', (socket, request) => {
  const member = new RawMember(request.socket)
  socket.on('message', (data) => wire.receive(member, data))
  socket.on('close', () => wire.closed(member))
})

await host(() => listenOn(server))
