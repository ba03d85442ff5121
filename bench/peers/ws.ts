/** Plain `ws` on node:http, used as its README shows: `socket.send(text)` for each subscriber. */
import { WebSocketServer } from 'ws'
import { host } from './host.ts'
import { listenOn, makeServer } from './listen.ts'
import { PhoenixWire } from './phoenix-wire.ts'
import { carry, sendToEach, WsMember } from './ws-member.ts'

const server = makeServer()
const wire = new PhoenixWire<WsMember>(sendToEach)

const perMessageDeflate = process.env.BENCH_COMPRESSION === 'own'
new WebSocketServer({ server, path: '/socket/websocket', perMessageDeflate }).on('connection', (socket) =>
  carry(wire, socket, new WsMember(socket)),
)

await host(() => listenOn(server))
