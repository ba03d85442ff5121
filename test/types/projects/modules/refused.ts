import type { FastifyInstance } from 'fastify'
import type { BerylOptions } from 'fastify-beryl'
import { connect } from 'fastify-beryl/testing'

// Code that must not compile in an application whose modules register themselves.

// refused: Property 'roles' is missing in type '{ userId: string; }'
export const connecting: BerylOptions['connect'] = () => ({ assigns: { userId: '1' } })

// refused: Type '{ userId: string; roles: never[]; }' is not assignable to type
export const bare: BerylOptions['connect'] = () => ({ userId: '1', roles: [] })

// refused: is not assignable to type
export const forgotten: BerylOptions['connect'] = () => undefined

export function send(app: FastifyInstance): void {
  // refused: Argument of type '"baord:1"' is not assignable to parameter of type '
  // refused: `board:${string}`
  // refused: of a channel registered by: declare module 'fastify-beryl' { interface RegisteredChannels {
  app.channels.broadcast('baord:1', 'moved', { card: '1' })
  // refused: Argument of type '"moved"' is not assignable to parameter of type '"announced"'
  app.groups.broadcast('all', 'moved', { card: '1' })
  // refused: Property 'level' is missing in type '{ text: string; }'
  app.groups.broadcast('all', 'announced', { text: 'hi' })
}

export function look(app: FastifyInstance, owner: AbortSignal): void {
  // refused: Property 'cursor' is missing in type '{ name: string; }'
  app.presence.track('board:1', 'ada', { name: 'Ada' }, { owner })
  // refused: Type 'string' is not assignable to type 'number'
  app.presence.update('board:1', 'ada', ({ name }) => ({ name, cursor: ['1', 1] }), { owner })
  // refused: Property 'nam' does not exist on type
  app.presence.get('board:1', 'ada')?.metas[0]?.nam.trim()
}

export async function tested(app: FastifyInstance): Promise<void> {
  const client = await connect(app)
  // refused: Argument of type '"raed"' is not assignable to parameter of type '"read"'
  client.channel('inbox:1').push('raed', { id: '1' })
  // refused: Type 'number' is not assignable to type 'string'
  client.channel('inbox:1').push('read', { id: 1 })
}
