import { randomUUID } from 'node:crypto'
import { EventEmitter, on } from 'node:events'
import websocket from '@fastify/websocket'
import { initTRPC, tracked } from '@trpc/server'
import { fastifyTRPCPlugin } from '@trpc/server/adapters/fastify'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Line } from '../chat.ts'

const t = initTRPC.create()
const Name = Type.String({ minLength: 1, maxLength: 24 })
const Body = Type.String({ minLength: 1, maxLength: 2000 })
const LastEventId = Type.Optional(Type.Union([Type.String(), Type.Null()]))
const Visit = Type.Object({ room: Type.String(), name: Name, lastEventId: LastEventId })
const Saying = Type.Object({ room: Type.String(), name: Name, body: Body })
const Room = Type.Object({ room: Type.String() })

/** The log that `tracked` resumes from is the application's own. */
class ChatRoom {
  readonly events = new EventEmitter<{ said: [Line]; here: [] }>().setMaxListeners(0)
  readonly visits: string[] = []
  #lines: Line[] = []

  say(line: Line): void {
    this.#lines = [...this.#lines, line].slice(-100)
    this.events.emit('said', line)
  }

  since(id: string): Line[] {
    return this.#lines.slice(this.#lines.findIndex((line) => line.id === id) + 1)
  }

  visit(name: string): () => void {
    this.visits.push(name)
    this.events.emit('here')
    return () => {
      this.visits.splice(this.visits.indexOf(name), 1)
      this.events.emit('here')
    }
  }
}

const rooms = new Map<string, ChatRoom>()

function roomOf(id: string): ChatRoom {
  const room = rooms.get(id) ?? new ChatRoom()
  rooms.set(id, room)
  return room
}

const router = t.router({
  say: t.procedure
    .input((given) => Value.Parse(Saying, given))
    .mutation(({ input: { room, name, body } }) => {
      const id = randomUUID()
      roomOf(room).say({ id, from: name, body })
      return { id }
    }),
  said: t.procedure
    .input((given) => Value.Parse(Visit, given))
    .subscription(async function* ({ input: { room, name, lastEventId }, signal }) {
      const visited = roomOf(room)
      const lines = on(visited.events, 'said', { signal: signal as AbortSignal })
      const leave = visited.visit(name)
      try {
        for (const line of lastEventId ? visited.since(lastEventId) : []) yield tracked(line.id, line)
        for await (const [line] of lines as AsyncIterable<[Line]>) yield tracked(line.id, line)
      } finally {
        leave()
      }
    }),
  here: t.procedure
    .input((given) => Value.Parse(Room, given))
    .subscription(async function* ({ input, signal }) {
      const room = roomOf(input.room)
      const changes = on(room.events, 'here', { signal: signal as AbortSignal })
      yield [...new Set(room.visits)]
      for await (const _ of changes) yield [...new Set(room.visits)]
    }),
})

export type App = typeof router

export async function serve(app: FastifyInstance): Promise<void> {
  await app.register(websocket)
  await app.register(fastifyTRPCPlugin, {
    prefix: '/trpc',
    useWSS: true,
    trpcOptions: { router, keepAlive: { enabled: true } },
  })
}
