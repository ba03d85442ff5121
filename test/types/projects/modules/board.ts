import { defineChannel } from 'fastify-beryl'
import { Type } from 'typebox'

export const board = defineChannel('board:*', {
  schema: {
    out: {
      announced: Type.Object({ text: Type.String(), level: Type.Integer() }),
      moved: Type.Object({ card: Type.String() }),
    },
    presence: Type.Object({ name: Type.String(), cursor: Type.Tuple([Type.Number(), Type.Number()]) }),
  },
  join: ({ connection }) => ({ assigns: { userId: connection.assigns.userId } }),
})

declare module 'fastify-beryl' {
  interface RegisteredChannels {
    board: typeof board
  }
  interface ConnectionAssigns {
    userId: string
  }
}
