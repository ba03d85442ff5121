/** A node of Socket.IO with `@socket.io/redis-adapter`, as its documentation shows it. WebSocket only. */
import { createServer } from 'node:http'
import { createClient } from '@redis/client'
import { createAdapter } from '@socket.io/redis-adapter'
import { Server } from 'socket.io'
import { host } from './host.ts'
import { listenOn } from './listen.ts'
import { brokerUrl, type Said, TOPIC, takeOrders } from './orders.ts'

interface FromClient {
  join(topic: string, done: () => void): void
}

interface FromServer {
  said(payload: Said): void
}

const publisher = createClient({ url: brokerUrl() ?? '' })
const subscriber = publisher.duplicate()
await Promise.all([publisher.connect(), subscriber.connect()])

const server = createServer()
const io = new Server<FromClient, FromServer>(server, {
  adapter: createAdapter(publisher, subscriber),
  transports: ['websocket'],
  pingInterval: 600_000,
  serveClient: false,
})
// The adapter does not say when it has subscribed: what is asked for behind it is confirmed behind it.
await subscriber.subscribe('bench:ready', () => {})

io.on('connection', (socket) => {
  socket.on('join', async (topic, done) => {
    await socket.join(topic)
    done()
  })
})

takeOrders((payload) => io.to(TOPIC).emit('said', payload))
await host(() => listenOn(server))
