import type { FastifyInstance } from 'fastify'
import { connect } from 'fastify-beryl/testing'
import { news, room } from './accepted.ts'

// Code that must not compile in a test of `accepted.ts`.

export async function wrong(app: FastifyInstance): Promise<void> {
  const client = await connect(app)
  // refused: Argument of type '"rom:1"' is not assignable to parameter of type '`room:${string}`'
  await client.join(room, 'rom:1', { name: 'ada' })
  // refused: Type 'number' is not assignable to type 'string'
  const channel = await client.join(room, 'room:1', { name: 1 })
  // refused: is not assignable to parameter of type 'string'
  await client.join(room, 'room:1')
  // refused: Argument of type '"sya"' is not assignable to parameter of type '"
  channel.push('sya', { body: 'hi' })
  // refused: Type 'number' is not assignable to type 'string'
  channel.push('say', { body: 1 })
  // refused: Expected 2 arguments, but got 1
  channel.push('say')
  // refused: Type 'number' is not assignable to type
  await channel.push('say', { body: 'hi' }).expectReply('ok', { id: 1 })
  // refused: Argument of type '"sad"' is not assignable to parameter of type '"
  await channel.expectPush('sad')
  // refused: Type 'number' is not assignable to type
  await channel.expectPush('said', { body: 1 })
  // refused: 'bodi' does not exist in type
  await channel.expectBroadcast('said', { bodi: 'hi' })
  const quiet = await client.join(news, 'news')
  // refused: Argument of type '"say"' is not assignable to parameter of type 'never'
  quiet.push('say', {})
}
