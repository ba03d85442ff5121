import { ChannelError, createClient, type Present } from 'fastify-beryl/client'
import type { App } from './contract.ts'
import { same } from './same.ts'
import { Socket } from './socket-of-phoenix.ts'

// Lines that must compile in a browser's project: without the types of Node, of Fastify, of phoenix, and without `Register`.

const client = createClient<App>('/socket', {
  params: async () => ({ token: 'of the user' }),
  authToken: () => 'of the user',
  timeoutMs: 5000,
  heartbeatIntervalMs: 20_000,
})
client.onState((state, { error }) => {
  same<typeof state, 'connecting' | 'connected' | 'offline' | 'closed'>(true)
  same<typeof error, unknown>(true)
})
same<ReturnType<typeof client.close>, Promise<void>>(true)

// A topic by its contract, with the payload that this wants

const room = client.channel('room:1', { name: 'ada' })
same<typeof room.topic, 'room:1'>(true)
const id: string = 'two'
client.channel(`room:${id}`, { name: 'ada' }, { from: { epoch: 'e', offset: 7 } })
client.channel('lobby')
const hall = client.channel('room:hall')

// The reply of the join

const reply = await room.join({ signal: new AbortController().signal })
same<typeof reply, { here: number }>(true)
same<typeof room.reply, { here: number } | undefined>(true)

// Replies

const { id: said } = await room.push('say', { body: 'hi' })
same<typeof said, string>(true)
same<Awaited<ReturnType<typeof room.push<'photo'>>>, Uint8Array>(true)
const photo = await room.push('photo', new Uint8Array(3))
same<typeof photo, Uint8Array>(true)
const { at } = await room.push('ping')
same<typeof at, number>(true)
const { n } = await room.push('fetch')
same<typeof n, number>(true)

// An event that nobody answers gives nothing to wait for

const nothing = room.push('typing', { on: true })
same<typeof nothing, void>(true)

// Events

const off = room.on('said', ({ from, body }) => {
  same<typeof from, string>(true)
  same<typeof body, string>(true)
})
off()
room.on('shown', (bytes) => same<typeof bytes, Uint8Array>(true))
for await (const { body } of room.events('said')) same<typeof body, string>(true)

// The more specific contract owns the topic

hall.on('rang', ({ times }) => same<typeof times, number>(true))

// States: what belongs to each

room.onState((state, detail) => {
  if (state === 'joined') {
    same<typeof detail.recovered, boolean>(true)
    same<typeof detail.reply, { here: number }>(true)
  }
  if (state === 'closed') {
    const { error } = detail
    if (error?.reason === 'full') same<typeof error.response.seats, number>(true)
  }
})

// Presence

same<ReturnType<typeof room.presence.list>, readonly Present<{ name: string; away?: boolean }>[]>(true)
room.presence.onChange(({ joins, leaves, updates }) => {
  for (const { key, metas } of [...joins, ...leaves]) {
    same<typeof key, string>(true)
    same<(typeof metas)[0]['name'], string>(true)
  }
  for (const { before } of updates) same<(typeof before)[0]['away'], boolean | undefined>(true)
})

// Errors: those that the contract declares, and the library's own

await room.join().catch((error) => {
  if (error.reason === 'full') same<typeof error.response.seats, number>(true)
  if (error.reason === 'invalid_payload')
    for (const { path, message } of error.response.errors) same<typeof path | typeof message, string>(true)
  if (error.reason === 'rate_limited') same<typeof error.response.retry_after_ms, number>(true)
  if (error.reason === 'offline') same<typeof error.response, undefined>(true)
  same<typeof error.isRetried, boolean>(true)
})
await room.push('say', { body: '' }).catch((error) => {
  same<
    typeof error.reason,
    | 'empty'
    | 'shut'
    | 'timeout'
    | 'offline'
    | 'interrupted'
    | 'closed'
    | 'unmatched topic'
    | 'invalid_payload'
    | 'join crashed'
    | 'join_timeout'
    | 'dismissed'
    | 'too many channels joined'
    | 'topic_too_long'
    | 'rate_limited'
    | 'overloaded'
    | 'history_unavailable'
    | 'unknown_event'
    | 'reserved_event'
    | 'binary_unsupported'
  >(true)
})
try {
  await room.join()
} catch (error) {
  if (error instanceof ChannelError) same<typeof error.reason, string>(true)
}

// A socket of phoenix.js that exists

createClient<App>(new Socket('/socket'))

// Without the contracts a topic is a string, and payloads are unknown

const loose = createClient('/socket')
const any = loose.channel('whatever:1', { name: 'ada' })
loose.channel('whatever:2')
same<Awaited<ReturnType<typeof any.join>>, unknown>(true)
any.on('said', (payload) => same<typeof payload, unknown>(true))
const loosely = await any.push('say', { body: 'hi' })
same<typeof loosely, unknown>(true)
for await (const payload of any.events('said')) same<typeof payload, unknown>(true)
for (const { metas } of any.presence.list()) same<(typeof metas)[0]['name'], unknown>(true)
