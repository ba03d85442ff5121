import type { FastifyPluginAsync } from 'fastify'
import { defineChannel, reject } from 'fastify-beryl'
import { Type } from 'typebox'
import { Announcement } from '../app.ts'

/** Messages for one user, on all of their devices. */
const inbox = defineChannel('user:*', {
  schema: { out: { notified: Type.Object({ text: Type.String() }), announced: Announcement } },
  join: ({ id, connection }) =>
    id === connection.assigns.userId ? { assigns: {} } : reject({ reason: 'not yours' }),
})

declare module 'fastify-beryl' {
  interface RegisteredChannels {
    inbox: typeof inbox
  }
}

const feature: FastifyPluginAsync = async (app) => {
  app.channels.register(inbox)
}

export default feature
