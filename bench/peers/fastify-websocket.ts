/** The smallest server with @fastify/websocket that does the work: one route, `socket.send(text)` per subscriber. */
import { hostWithFastify } from './fastify-host.ts'
import { PhoenixWire } from './phoenix-wire.ts'
import { carry, sendToEach, WsMember } from './ws-member.ts'

const wire = new PhoenixWire<WsMember>(sendToEach)

await hostWithFastify((socket) => carry(wire, socket, new WsMember(socket)))
