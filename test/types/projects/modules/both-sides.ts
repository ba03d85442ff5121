import { defineChannel } from 'fastify-beryl'
import { createClient } from 'fastify-beryl/client'
import { contract } from 'fastify-beryl/contract'
import { Type } from 'typebox'
import { expectSame } from '../same.ts'

// A channel from a contract, and a client from that channel, where its module may be imported.

const agreed = contract('agreed:*', {
  join: { payload: Type.Object({ name: Type.String() }), reply: Type.Object({ here: Type.Integer() }) },
  in: { say: { payload: Type.Object({ body: Type.String() }), reply: Type.Object({ id: Type.String() }) } },
  out: { said: Type.Object({ body: Type.String() }) },
})
const channel = defineChannel(agreed, {
  join: ({ payload, id }) => ({ assigns: { name: payload.name }, reply: { here: id.length } }),
  in: {
    say({ body }, socket) {
      expectSame<typeof socket.assigns, { name: string }>()
      socket.broadcast('said', { body })
      return { id: socket.topic }
    },
  },
})
expectSame<typeof channel.pattern, 'agreed:*'>()

const joined = createClient<[typeof channel]>('/socket').channel('agreed:1', { name: 'ada' })
joined.on('said', ({ body }) => expectSame<typeof body, string>())
export const reply: Promise<{ here: number }> = joined.join()

const wrongReply = () => ({ assigns: {}, reply: { here: '1' } })
// @ts-expect-error the contract says another reply
defineChannel(agreed, { join: wrongReply, in: { say: () => ({ id: '' }) } })
const rightReply = () => ({ assigns: {}, reply: { here: 1 } })
// @ts-expect-error the handler of an event of the contract is missing
defineChannel(agreed, { join: rightReply })
// @ts-expect-error also where the join stands there
defineChannel(agreed, { join: () => ({ assigns: {}, reply: { here: 1 } }) })
