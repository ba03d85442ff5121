/** Socket.IO with its in-memory adapter: rooms for topics, an acknowledgement for each reply. WebSocket only. */
import { Server } from 'socket.io'
import { host } from './host.ts'
import { listenOn, makeServer } from './listen.ts'

interface FromClient {
  join(topic: string, done: () => void): void
  say(topic: string, payload: unknown): void
  echo(topic: string, payload: unknown, done: (payload: unknown) => void): void
}

interface FromServer {
  said(payload: unknown): void
}

const server = makeServer()
// As long between two pings as the other servers wait for heartbeats: none falls into a measurement.
const io = new Server<FromClient, FromServer>(server, {
  transports: ['websocket'],
  pingInterval: 600_000,
  serveClient: false,
})

io.on('connection', (socket) => {
  socket.on('join', (topic, done) => {
    void socket.join(topic)
    done()
  })
  socket.on('say', (topic, payload) => {
    io.to(topic).emit('said', payload)
  })
  socket.on('echo', (_topic, payload, done) => done(payload))
})

await host(() => listenOn(server))
