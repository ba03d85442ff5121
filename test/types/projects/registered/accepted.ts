import type { FastifyInstance } from 'fastify'
import { defineChannel } from 'fastify-beryl'
import { Type } from 'typebox'
import { expectSame } from '../same.ts'

// An application that registers its channels with the type checker, among them one that sends by itself.

export const room = defineChannel('room:*', {
  schema: {
    in: {
      say: { payload: Type.Object({ body: Type.String() }), reply: Type.Object({ heard: Type.Integer() }) },
    },
    out: { said: Type.Object({ body: Type.String() }) },
  },
  join({ connection, server, topic }) {
    expectSame<typeof connection.assigns, { userId: string }>()
    server.channels.broadcast('news', 'headline', { text: topic })
    return { assigns: { userId: connection.assigns.userId } }
  },
  in: {
    // Its own type is asked for inside it: in a statement that is no circle.
    say({ body }, socket) {
      socket.server.channels.broadcast('room:lobby', 'said', { body })
      socket.server.channels.broadcast('room:staff', 'paged', { by: socket.assigns.userId })
      return { heard: socket.server.channels.subscriberCount(socket.topic) }
    },
  },
})

/** A more specific pattern than `room:*`: it alone says what its topic sends. */
export const staff = defineChannel('room:staff', {
  schema: { out: { paged: Type.Object({ by: Type.String() }) } },
  join: () => ({ assigns: {} }),
})

export const news = defineChannel('news', {
  schema: { out: { headline: Type.Object({ text: Type.String() }) } },
  join: () => ({ assigns: {} }),
})

export const desk = defineChannel('desk:*', {
  schema: { info: { roleChanged: Type.Object({ role: Type.String() }) } },
  join: () => ({ assigns: { role: 'guest' } }),
  info: {
    roleChanged({ role }, socket) {
      socket.assigns.role = role
    },
  },
})

export const silent = defineChannel('silent', { schema: {}, join: () => ({ assigns: {} }) })

declare module 'fastify-beryl' {
  interface RegisteredChannels {
    room: typeof room
    staff: typeof staff
    news: typeof news
    desk: typeof desk
    silent: typeof silent
  }
  interface ConnectionAssigns {
    userId: string
  }
}

export function send(app: FastifyInstance, id: string): void {
  app.channels.info({ topic: 'desk:1' }, 'roleChanged', { role: 'host' })
  app.channels.info({ topic: `desk:${id}`, connectionId: id }, 'roleChanged', { role: 'host' })
  app.channels.leave({ topic: `desk:${id}`, connectionTopic: `user:${id}` }, 'removed')
  app.channels.broadcast('room:1', 'said', { body: 'hi' })
  app.channels.broadcast(`room:${id}`, 'said', { body: 'hi' })
  app.channels.broadcast('room:staff', 'paged', { by: 'ada' })
  app.channels.broadcastFrom('connection', 'news', 'headline', { text: 'hi' })
  app.channels.localBroadcast('news', 'headline', { text: 'hi' })
  app.channels.push('connection', 'news', 'headline', { text: 'hi' })
}
