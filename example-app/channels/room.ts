import type { FastifyInstance } from 'fastify'
import { defineChannel, fail, reject } from 'fastify-beryl'
import type { Static } from 'typebox'
import { room as contract, type Message } from '../contract.ts'

/** The group of all rooms in which somebody is. */
export const EVERY_ROOM = 'every room'

/** Whoever comes for the first time, or was away for too long, sees so many messages. */
const RECENT = 50

/** One room of the chat. Who is in it, with how many tabs, presence knows; what was said last, and who missed what of it, the history. */
export const room = defineChannel(contract, {
  history: { events: ['said'], size: 100, ttlMs: 3_600_000 },

  join({ id, payload, connection }) {
    if (!/^[\p{L}\p{N}-]{1,32}$/u.test(id)) return reject({ reason: 'no such room' })
    return { assigns: { name: connection.assigns.name, status: payload.status } }
  },

  // Not in `join`: what is said between that read and the subscription would be lost.
  async snapshot({ topic, server }, { recovered }) {
    return { recent: recovered ? [] : await recent(server, topic), nodes: [...server.nodes] }
  },

  joined({ topic, assigns, presence, server }) {
    presence.track(assigns.name, { status: assigns.status })
    server.groups.add(EVERY_ROOM, topic)
  },

  in: {
    async say({ body }, socket) {
      if (body.trim() === '') return fail({ reason: 'empty' })
      const id = crypto.randomUUID()
      try {
        await socket.publish('said', { id, from: socket.assigns.name, body, at: Date.now() }, { id })
      } catch (error) {
        socket.log.warn(error)
        return fail({ reason: 'the log is out of reach' })
      }
      return { id }
    },
    typing({ on }, socket) {
      socket.broadcastFrom('typing', { from: socket.assigns.name, on })
    },
    status({ status }, { assigns, presence }) {
      presence.update(assigns.name, { status })
    },
    crash() {
      throw new Error('somebody wanted to see what happens')
    },
  },

  terminate(_reason, { topic, server }) {
    if (server.presence.count(topic) === 0) server.groups.remove(EVERY_ROOM, topic)
  },
})

async function recent(server: FastifyInstance, topic: `room:${string}`): Promise<Static<typeof Message>[]> {
  const { entries } = await server.channels.history(topic, { limit: RECENT })
  return entries.map(({ payload }) => payload as Static<typeof Message>)
}
