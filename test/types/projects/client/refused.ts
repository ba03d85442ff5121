import { createClient } from 'fastify-beryl/client'
import { Binary, contract } from 'fastify-beryl/contract'
import { Type } from 'typebox'
import type { App } from './contract.ts'

// Lines that must not compile. The comment above each line is what every compiler has to say about that line.

const client = createClient<App>('/socket')
const room = client.channel('room:1', { name: 'ada' })
const hall = client.channel('room:hall')
const lobby = client.channel('lobby')

// The client

// refused: 'tokn' does not exist
createClient<App>('/socket', { tokn: 'x' })
// refused: Type 'number' is not assignable to type
createClient<App>('/socket', { authToken: () => 7 })
// refused: 'url' does not exist in type 'PhoenixSocket'
createClient<App>({ url: '/socket' })

// Topics and payloads of joins

// refused: Argument of type '"rom:1"' is not assignable to parameter of type '"lobby" | `room:${string}`'
client.channel('rom:1')
// refused: Expected 2-3 arguments, but got 1
client.channel('room:1')
// refused: Type 'number' is not assignable to type 'string'
client.channel('room:1', { name: 7 })
// refused: 'since' does not exist in type 'ChannelOptions'
client.channel('room:1', { name: 'ada' }, { since: 7 })

// Events

// refused: Argument of type '"sad"' is not assignable to parameter of type '"said" | "shown"'
room.on('sad', () => {})
// refused: Property 'bdy' does not exist on type
room.on('said', ({ bdy }) => bdy)
// refused: "this channel sends no events: declare them in `out` of its schema"
lobby.on('waved', () => {})
// refused: Argument of type '"room:1"' is not assignable to parameter of type '"rang"'
hall.events('room:1')

// Pushes

// refused: Argument of type '"sai"' is not assignable to parameter of type
room.push('sai', { body: 'hi' })
// refused: Type 'number' is not assignable to type 'string'
room.push('say', { body: 7 })
// refused: Expected 2 arguments, but got 1
room.push('say')
// refused: "this channel takes no events: declare them in `in` of its contract"
hall.push('ring')
// refused: Argument of type 'string' is not assignable to parameter of type 'Uint8Array
room.push('photo', 'base64')
// refused: Property 'idd' does not exist on type '{ id: string; }'
room.push('say', { body: 'hi' }).then(({ idd }) => idd)
// refused: Property 'then' does not exist on type 'void'
room.push('typing', { on: true }).then()

// Errors

// refused: This comparison appears to be unintentional
room.push('say', { body: '' }).catch(({ reason }) => reason === 'offlin')
// refused: Property 'seats' does not exist on type
room.join().catch((error) => error.reason === 'closed' && error.response?.seats)

// States

// refused: Property 'recovered' does not exist on type
room.onState((state, detail) => state === 'offline' && detail.recovered)
// refused: This comparison appears to be unintentional
room.onState((state) => void (state === 'jonied'))

// Presence

// refused: Property 'list' does not exist on type '"this channel declares no presence: add `presence` to its contract"'
lobby.presence.list()
// refused: Property 'nam' does not exist on type
room.presence.list().map(({ metas }) => metas[0]?.nam)

// Contracts

// refused: "*\" may only stand at the end of a channel pattern, once"
contract('room:*:x', {})
// refused: "the event \"phx_join\" belongs to the protocol"
contract('a', { in: { phx_join: Type.Object({}) } })
// refused: "a channel schema has join, in, out, info and presence, not \"inn\""
contract('a', { out: {}, inn: {} })
// refused: "this is no TypeBox schema: wrap other JSON schemas in Type.Unsafe(…)"
contract('a', { out: { x: { type: 'object' } } })
// refused: "JSON carries no Date, bigint,
contract('a', { out: { x: Type.Unsafe<Date>({}) } })
// refused: 'maxByte' does not exist in type 'BinaryOptions'
contract('a', { out: { x: Binary({ maxByte: 7 }) } })
