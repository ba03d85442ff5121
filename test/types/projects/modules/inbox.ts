import { defineChannel } from 'fastify-beryl'
import { Type } from 'typebox'

export const inbox = defineChannel('inbox:*', {
  schema: {
    in: {
      read: { payload: Type.Object({ id: Type.String() }), reply: Type.Object({ left: Type.Integer() }) },
    },
    out: { announced: Type.Object({ text: Type.String() }), mail: Type.Object({ id: Type.String() }) },
  },
  join: ({ connection }) => ({ assigns: { isAdmin: connection.assigns.roles.includes('admin') } }),
  in: { read: () => ({ left: 0 }) },
})

declare module 'fastify-beryl' {
  interface RegisteredChannels {
    inbox: typeof inbox
  }
  interface ConnectionAssigns {
    roles: string[]
  }
}
