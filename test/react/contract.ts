import { contract } from 'fastify-beryl/contract'
import { Type } from 'typebox'

const Text = Type.Object({ text: Type.String() })

export const room = contract('room:*', {
  join: {
    payload: Type.Object({ name: Type.String() }),
    reply: Type.Object({ welcome: Type.String() }),
    error: Type.Object({ reason: Type.Literal('unwelcome') }),
  },
  in: { say: { payload: Text, reply: Text } },
  out: { said: Text },
  presence: Type.Object({ name: Type.String() }),
})

export type App = [typeof room]
