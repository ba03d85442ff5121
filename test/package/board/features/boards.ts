import type { FastifyPluginAsync } from 'fastify'
import { defineChannel, fail, reject } from 'fastify-beryl'
import { EVERYWHERE } from '../app.ts'
import { type Card, board as contract } from '../contract.ts'

const board = defineChannel(contract, {
  async join({ id, connection, server }) {
    const { userId } = connection.assigns
    if (!(await server.database.mayRead(id, userId))) return reject({ reason: 'not a member' })
    return { assigns: { board: id, userId } }
  },
  snapshot: async ({ server, assigns }) => ({ cards: await server.database.cards(assigns.board) }),
  joined({ server, topic, presence, assigns, connection }) {
    server.groups.add(EVERYWHERE, topic)
    presence.track(assigns.userId, { name: connection.assigns.name, x: 0, y: 0 })
  },
  in: {
    async add({ title }, socket) {
      const { server, assigns } = socket
      const card: Card = { id: crypto.randomUUID(), title, column: 'todo' }
      await server.database.save(assigns.board, card)
      socket.broadcast('changed', card)
      return card
    },
    async move({ id, column }, socket) {
      const { server, assigns } = socket
      const card = await server.database.find(assigns.board, id)
      if (card === undefined) return fail({ reason: 'no such card' })
      const moved = { ...card, column }
      await server.database.save(assigns.board, moved)
      socket.broadcast('changed', moved)
      return moved
    },
    async assign({ id, to }, { server, assigns, connection }) {
      const card = await server.database.find(assigns.board, id)
      if (card === undefined) return fail({ reason: 'no such card' })
      const by = connection.assigns.name
      server.channels.broadcast(`user:${to}`, 'notified', { text: `${by} assigned you "${card.title}"` })
    },
    cursor({ x, y }, { presence, assigns }) {
      presence.update(assigns.userId, (meta) => ({ ...meta, x, y }))
    },
  },
})

declare module 'fastify-beryl' {
  interface RegisteredChannels {
    board: typeof board
  }
}

const boards: FastifyPluginAsync = async (app) => {
  app.channels.register(board)
  app.get<{ Params: { id: string } }>('/boards/:id/here', async ({ params }) =>
    Object.keys(app.presence.list(`board:${params.id}`)),
  )
}

export default boards
