/**
 * The least that a node can do: one `PUBLISH` of @redis/client for each broadcast, which has the whole frame in it, and the
 * writes of `ws-raw` at the others. It serves one topic, subscribed to from the beginning.
 */
import { createServer } from 'node:http'
import { createClient } from '@redis/client'
import { WebSocketServer } from 'ws'
import { host } from './host.ts'
import { listenOn } from './listen.ts'
import { brokerUrl, noteHeard, TOPIC, takeOrders } from './orders.ts'
import { PhoenixWire } from './phoenix-wire.ts'
import { RawMember, writeToAll } from './raw-member.ts'

const publisher = createClient({ url: brokerUrl() ?? '' })
const subscriber = publisher.duplicate()
await Promise.all([publisher.connect(), subscriber.connect()])

const members = new Set<RawMember>()
const heard = (message: Buffer) => {
  noteHeard(message)
  writeToAll(members, message.toString())
}
await subscriber.subscribe(TOPIC, heard, true)

const server = createServer()
const wire = new PhoenixWire<RawMember>(writeToAll)
new WebSocketServer({ server, path: '/socket/websocket' }).on('connection', (socket, request) => {
  const member = new RawMember(request.socket)
  members.add(member)
  socket.on('message', (data) => wire.receive(member, data))
  socket.on('close', () => {
    members.delete(member)
    wire.closed(member)
  })
})

takeOrders((payload) => void publisher.publish(TOPIC, JSON.stringify([null, null, TOPIC, 'said', payload])))
await host(() => listenOn(server))
