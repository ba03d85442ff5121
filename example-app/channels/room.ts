import { defineChannel, fail, reject } from 'fastify-beryl'
import { Type } from 'typebox'

/** The group of all rooms in which somebody is. */
export const EVERY_ROOM = 'every room'

const Status = Type.Union([Type.Literal('online'), Type.Literal('idle')])
const Message = Type.Object({
  id: Type.String(),
  from: Type.String(),
  body: Type.String(),
  at: Type.Integer(),
})

/** One room of the chat. Who is in it, with how many tabs, presence knows; what was said last, the history. */
export const room = defineChannel('room:*', {
  schema: {
    join: {
      payload: Type.Object({ status: Status }),
      reply: Type.Object({
        recent: Type.Array(Message),
        /** Origins of the nodes that a page may turn to. None where there is one node. */
        nodes: Type.Array(Type.String()),
      }),
    },
    in: {
      say: {
        payload: Type.Object({ body: Type.String({ maxLength: 2000 }) }),
        reply: Type.Object({ id: Type.String() }),
      },
      typing: Type.Object({ on: Type.Boolean() }),
      status: Type.Object({ status: Status }),
      crash: Type.Object({}),
    },
    out: {
      said: Message,
      typing: Type.Object({ from: Type.String(), on: Type.Boolean() }),
      announced: Type.Object({ body: Type.String() }),
    },
    presence: Type.Object({ status: Status }),
  },

  join({ id, payload, connection }) {
    if (!/^[\p{L}\p{N}-]{1,32}$/u.test(id)) return reject({ reason: 'no such room' })
    return { assigns: { name: connection.assigns.name, status: payload.status } }
  },

  // Not in `join`: what is said between that read and the subscription would be lost.
  snapshot: ({ topic, server }) => ({ recent: server.history.recent(topic), nodes: [...server.nodes] }),

  joined({ topic, assigns, presence, server }) {
    presence.track(assigns.name, { status: assigns.status })
    server.groups.add(EVERY_ROOM, topic)
  },

  in: {
    say({ body }, socket) {
      if (body.trim() === '') return fail({ reason: 'empty' })
      const said = { id: crypto.randomUUID(), from: socket.assigns.name, body, at: Date.now() }
      socket.server.history.add(socket.topic, said)
      socket.broadcast('said', said)
      return { id: said.id }
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
