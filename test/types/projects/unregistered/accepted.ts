import type { FastifyInstance } from 'fastify'
import { type BerylOptions, type Connection, defineChannel } from 'fastify-beryl'
import { connect } from 'fastify-beryl/testing'
import { Type } from 'typebox'
import { expectSame } from '../same.ts'

// An application that registers nothing: what a channel says of itself needs no registry.

export const room = defineChannel('room:*', {
  schema: {
    out: { said: Type.Object({ body: Type.String() }) },
    presence: Type.Object({ name: Type.String() }),
  },
  join: () => ({ assigns: {} }),
  joined: (socket) => socket.broadcast('said', { body: 'hi' }),
})

export const options: BerylOptions = { channels: [room], connect: () => ({ assigns: { any: 'field' } }) }

export const bare: BerylOptions = { connect: () => ({}), renew: () => ({ expiresAt: 1 }) }

export function look(app: FastifyInstance, connection: Connection): void {
  expectSame<typeof connection.assigns, Record<string, unknown>>()
  const metas = app.presence.get('room:1', 'ada')?.metas
  app.log.info({ name: metas?.[0]?.name, ref: metas?.[0]?.phx_ref satisfies string | undefined })
}

export async function tested(app: FastifyInstance): Promise<void> {
  const client = await connect(app)
  const said = await (await client.join(room, 'room:1')).expectPush('said')
  expectSame<typeof said, { body: string }>()
  const loose = await client.join('room:1', { name: 'ada' })
  await loose.push('anything', { at: 'all' }).expectReply()
}
