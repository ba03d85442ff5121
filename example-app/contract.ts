import { contract } from 'fastify-beryl/contract'
import { Type } from 'typebox'

// The agreement of the server and its page.

const Status = Type.Union([Type.Literal('online'), Type.Literal('idle')])
export const Message = Type.Object({
  id: Type.String(),
  from: Type.String(),
  body: Type.String(),
  at: Type.Integer(),
})

export const room = contract('room:*', {
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
})

export type App = [typeof room]
