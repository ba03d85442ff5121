import { Binary, contract } from 'fastify-beryl/contract'
import { Type } from 'typebox'

export const room = contract('room:*', {
  join: {
    payload: Type.Object({ name: Type.String() }),
    reply: Type.Object({ here: Type.Integer() }),
    error: Type.Object({ reason: Type.Literal('full'), seats: Type.Integer() }),
  },
  in: {
    say: {
      payload: Type.Object({ body: Type.String() }),
      reply: Type.Object({ id: Type.String() }),
      error: Type.Union([Type.Object({ reason: Type.Literal('empty') }), Type.Literal('shut')]),
    },
    typing: Type.Object({ on: Type.Boolean() }),
    photo: { payload: Binary({ maxBytes: 1000 }), reply: Binary() },
    ping: { payload: Type.Object({}), reply: Type.Object({ at: Type.Number() }) },
    fetch: { reply: Type.Union([Type.Object({ n: Type.Number() }), Type.Undefined()]) },
  },
  out: { said: Type.Object({ from: Type.String(), body: Type.String() }), shown: Binary() },
  presence: Type.Object({ name: Type.String(), away: Type.Optional(Type.Boolean()) }),
})

/** More specific than the rooms. */
export const hall = contract('room:hall', { out: { rang: Type.Object({ times: Type.Integer() }) } })

export const lobby = contract('lobby', { in: { wave: Type.Object({}) } })

export type App = [typeof room, typeof hall, typeof lobby]
