import type { FastifyPluginAsync } from 'fastify'
import { defineChannel, mount } from 'fastify-beryl'
import { EVERYWHERE } from '../app.ts'
import { office as contract } from '../contract.ts'
import { grantTo } from '../tokens.ts'

const office = defineChannel(contract, {
  join: () => ({ assigns: {} }),
  in: {
    announce(announcement, { server }) {
      server.groups.broadcast(EVERYWHERE, 'announced', announcement)
      return { boards: server.groups.topics(EVERYWHERE).size }
    },
    kick({ board, user }, { server }) {
      server.channels.leave({ topic: `board:${board}`, connectionTopic: `user:${user}` }, 'removed')
      return null
    },
  },
})

declare module 'fastify-beryl' {
  interface RegisteredChannels {
    office: typeof office
  }
}

const feature: FastifyPluginAsync = async (app) => {
  await app.register(mount, {
    path: '/office/socket',
    channels: [office],
    connect: ({ authToken }) => grantTo(app, 'admin', authToken),
    limits: { connections: 10 },
  })
}

export default feature
