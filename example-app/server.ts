import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { beryl, type ConnectContext, type ConnectGrant, type Rejection, reject } from 'fastify-beryl'
import { Type } from 'typebox'
import { EVERY_ROOM, room } from './channels/room.ts'
import { History } from './history.ts'
import { servePage } from './page.ts'

declare module 'fastify-beryl' {
  interface RegisteredChannels {
    room: typeof room
  }
  interface ConnectionAssigns {
    name: string
  }
}

/** The chat: a page at `/`, rooms at `/socket`, and `POST /announce { body }`, which speaks to all rooms at once. */
export async function buildChat(options: FastifyServerOptions = {}): Promise<FastifyInstance> {
  const app = Fastify(options)
  app.decorate('history', new History({ rooms: 100, messages: 50 }))
  await app.register(beryl, {
    channels: [room],
    connect,
    connectionTopic: ({ assigns }) => `user:${assigns.name}`,
  })
  app.groups.create(EVERY_ROOM)
  app.post<{ Body: { body: string } }>('/announce', { schema: { body: Announcement } }, (request, reply) => {
    app.groups.broadcast(EVERY_ROOM, 'announced', { body: request.body.body })
    return reply.code(202).send({ rooms: app.groups.topics(EVERY_ROOM).size })
  })
  servePage(app)
  return app
}

const Announcement = Type.Object({ body: Type.String({ minLength: 1, maxLength: 2000 }) })

/** Believes whoever says a name. An application verifies a token here. */
function connect({ params }: ConnectContext): ConnectGrant | Rejection {
  const name = typeof params.name === 'string' ? params.name.trim() : ''
  return name.length > 0 && name.length <= 24 ? { assigns: { name } } : reject()
}
