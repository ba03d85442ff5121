import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { type DefaultEventsMap, Server, type ServerOptions } from 'socket.io'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { ToClient, ToServer } from './contract.ts'

const Hello = Type.Object({ room: Type.String(), name: Type.String({ minLength: 1, maxLength: 24 }) })
const Body = Type.String({ minLength: 1, maxLength: 2000 })

export async function serve(app: FastifyInstance, options: Partial<ServerOptions> = {}): Promise<void> {
  const io = new Server<ToServer, ToClient, DefaultEventsMap, { name: string }>(app.server, options)

  async function tellHere(room: string): Promise<void> {
    const sockets = await io.in(room).fetchSockets()
    io.to(room).emit('here', [...new Set(sockets.map(({ data }) => data.name))])
  }

  io.use((socket, next) => {
    next(Value.Check(Hello, socket.handshake.auth) ? undefined : new Error('invalid'))
  })

  io.on('connection', (socket) => {
    const { room, name } = Value.Parse(Hello, socket.handshake.auth)
    socket.data.name = name
    void socket.join(room)
    void tellHere(room)
    socket.on('say', (body, done) => {
      if (!Value.Check(Body, body)) return done({ error: 'invalid' })
      const id = randomUUID()
      io.to(room).emit('said', { id, from: name, body })
      done({ id })
    })
    socket.on('disconnect', () => void tellHere(room))
  })

  app.addHook('preClose', () => io.close())
}
