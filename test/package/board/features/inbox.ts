import type { FastifyPluginAsync } from 'fastify'
import { defineChannel, reject } from 'fastify-beryl'
import { inbox as contract } from '../contract.ts'

const inbox = defineChannel(contract, {
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
