import { createClient } from 'fastify-beryl/client'
import { useChannel, useEvent, usePresence } from 'fastify-beryl/react'
import type { App } from '../client/contract.ts'

// Lines that must not compile. The comment above each line is what every compiler has to say about that line.

const client = createClient<App>('/socket')

export function Room() {
  const room = useChannel(client, 'room:1', { name: 'ada' })
  const lobby = useChannel(client, 'lobby')

  // refused: Argument of type '"rom:1"' is not assignable to parameter of type '"lobby" | `room:${string}`'
  useChannel(client, 'rom:1')
  // refused: Expected 3-4 arguments, but got 2
  useChannel(client, 'room:1')
  // refused: Type 'number' is not assignable to type 'string'
  useChannel(client, 'room:1', { name: 7 })
  // refused: 'since' does not exist in type 'ChannelOptions'
  useChannel(client, 'room:1', { name: 'ada' }, { since: 7 })
  // refused: Argument of type '"sad"' is not assignable to parameter of type '"said" | "shown"'
  useEvent(room, 'sad', () => {})
  // refused: Property 'bdy' does not exist on type '{
  useEvent(room, 'said', ({ bdy }) => bdy)
  // refused: "this channel sends no events: declare them in `out` of its schema"
  useEvent(lobby, 'waved', () => {})
  // refused: this channel declares no presence: add `presence` to its contract
  usePresence(lobby)
  // refused: Property 'nam' does not exist on type
  usePresence(room).map(({ metas }) => metas[0]?.nam)
  // refused: Argument of type '"sai"' is not assignable to parameter of type
  room.push('sai', { body: 'hi' })
  // refused: 'room.reply' is possibly 'undefined'
  room.reply.here
  // refused: This comparison appears to be unintentional
  if (room.state === 'jonied') return null
  // refused: This comparison appears to be unintentional
  return room.error?.reason === 'ful'
}
