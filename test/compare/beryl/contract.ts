import { contract } from 'fastify-beryl/contract'
import { Type } from 'typebox'

const Body = Type.String({ minLength: 1, maxLength: 2000 })

export const room = contract('room:*', {
  join: Type.Object({ name: Type.String({ minLength: 1, maxLength: 24 }) }),
  in: { say: { payload: Type.Object({ body: Body }), reply: Type.Object({ id: Type.String() }) } },
  out: { said: Type.Object({ id: Type.String(), from: Type.String(), body: Body }) },
  presence: Type.Object({}),
})
