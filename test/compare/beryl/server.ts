import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { beryl, defineChannel } from 'fastify-beryl'
import { room } from './contract.ts'

const rooms = defineChannel(room, {
  history: { events: ['said'] },
  join: ({ payload }) => ({ assigns: payload }),
  joined: ({ presence, assigns }) => presence.track(assigns.name, {}),
  in: {
    say({ body }, socket) {
      const id = randomUUID()
      socket.broadcast('said', { id, from: socket.assigns.name, body })
      return { id }
    },
  },
})

export async function serve(app: FastifyInstance): Promise<void> {
  await app.register(beryl, { channels: [rooms] })
}
