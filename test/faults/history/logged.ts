import { defineChannel, fail } from 'fastify-beryl'
import { Type } from 'typebox'

/** An entry says who wrote it, and its number there. */
const Written = Type.Object({ writer: Type.String(), n: Type.Integer() })
const Position = { epoch: Type.String(), offset: Type.Integer() }

/** A log whose entries are numbered by those who write them. An answer means that the log has the entry. */
export const logged = defineChannel('log:*', {
  schema: {
    in: {
      write: { payload: Written, reply: Type.Object(Position) },
      look: { reply: Type.Object({ ...Position, pid: Type.Integer(), texts: Type.Array(Type.String()) }) },
    },
    out: { written: Written },
  },
  history: { events: ['written'], size: 10_000 },
  join: () => ({ assigns: {} }),
  in: {
    async write(entry, socket) {
      try {
        return await socket.publish('written', entry, { id: `${entry.writer} ${entry.n}` })
      } catch (error) {
        return fail({ reason: String(error) })
      }
    },
    async look(_, { topic, server }) {
      const { epoch, offset, entries } = await server.channels.history(topic)
      const texts = entries.map(({ payload }) => JSON.stringify(payload))
      return { epoch, offset, pid: process.pid, texts }
    },
  },
})
