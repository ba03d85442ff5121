import { createClient, type Present } from 'fastify-beryl/client'
import { type JoinedChannel, type UsedChannel, useChannel, useEvent, usePresence } from 'fastify-beryl/react'
import type { App, room as contract } from '../client/contract.ts'
import { same } from '../client/same.ts'

// Lines that must compile in a browser's project: without the types of Node, of Fastify, of phoenix, and without `Register`.

const client = createClient<App>('/socket')

export function Room({ id }: { id: string }) {
  const room = useChannel(client, `room:${id}`, { name: 'ada' })
  const hall = useChannel(client, 'room:hall')
  useChannel(client, 'lobby')
  useChannel(client, 'lobby', {}, { from: { epoch: 'e', offset: 7 } })
  same<typeof room.topic, `room:${string}`>(true)
  same<typeof room.state, 'joining' | 'joined' | 'offline' | 'closed'>(true)

  // The state tells whether there is a reply, and an error

  same<typeof room.reply, { here: number } | undefined>(true)
  if (room.state === 'joined') {
    same<typeof room.reply, { here: number }>(true)
    same<typeof room.recovered, boolean>(true)
    same<typeof room.error, undefined>(true)
  }
  if (room.error?.reason === 'full') {
    const { seats } = room.error.response
    same<typeof seats, number>(true)
  }
  const { error } = room
  if (error?.reason === 'rate_limited') same<typeof error.response.retry_after_ms, number>(true)

  // Pushes

  const { push, join } = room
  const say = async () => {
    const { id: said } = await push('say', { body: 'hi' })
    same<typeof said, string>(true)
    const { at } = await push('ping')
    same<typeof at, number>(true)
  }
  const nothing = push('typing', { on: true })
  same<typeof nothing, void>(true)
  same<ReturnType<typeof join>, void>(true)

  // Events, also of the more specific contract

  useEvent(room, 'said', ({ from, body }) => same<typeof from | typeof body, string>(true))
  useEvent(hall, 'rang', ({ times }) => same<typeof times, number>(true))

  // Presence

  const present = usePresence(room)
  same<typeof present, readonly Present<{ name: string; away?: boolean }>[]>(true)

  return (
    <p>
      {room.state} {present.length} <button type="button" onClick={say} /> <Child room={room} />
    </p>
  )
}

/** A child takes the topic with what its contract says. */
function Child({ room }: { room: UsedChannel<(typeof contract)['schema']> }) {
  useEvent(room, 'said', ({ body }) => same<typeof body, string>(true))
  const [first] = usePresence(room)
  same<typeof first, Present<{ name: string; away?: boolean }> | undefined>(true)
  return (
    <button type="button" onClick={() => room.push('say', { body: 'hi' })} title={first?.metas[0]?.name} />
  )
}

/** As does one that is rendered where it is joined. */
export function Inside({ room }: { room: JoinedChannel<(typeof contract)['schema']> }) {
  useEvent(room, 'shown', (bytes) => same<typeof bytes, Uint8Array>(true))
  return <p>{room.reply.here}</p>
}

// Without the contracts a topic is a string, and payloads are unknown

const loose = createClient('/socket')

export function Anything() {
  const any = useChannel(loose, 'whatever:1', { name: 'ada' })
  useChannel(loose, 'whatever:2')
  same<typeof any.reply, unknown>(true)
  useEvent(any, 'said', (payload) => same<typeof payload, unknown>(true))
  const present = usePresence(any)
  for (const { metas } of present) same<(typeof metas)[0]['name'], unknown>(true)
  return null
}
