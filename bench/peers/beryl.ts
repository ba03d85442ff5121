/**
 * This project, as an application would write it: typed channels with validation both ways, supervision, presence,
 * groups, limits and backpressure on. Limits that the workloads must cross are raised, not switched off.
 */
import fastify from 'fastify'
import beryl, { Binary, defineChannel } from 'fastify-beryl'
import { Type } from 'typebox'
import { host } from './host.ts'
import { BACKLOG, https } from './listen.ts'

const Empty = Type.Object({})
const Numbered = Type.Object({ seq: Type.Integer(), body: Type.String({ maxLength: 65_536 }) })
const Bytes = Binary({ maxBytes: 65_536 })

const schema = {
  join: { payload: Empty, reply: Empty },
  in: { say: Numbered, echo: { payload: Numbered, reply: Numbered } },
  out: { said: Numbered },
}

const typed = defineChannel('bench:*', {
  schema,
  join: () => ({ assigns: {}, reply: {} }),
  in: {
    say(payload, socket) {
      socket.broadcast('said', payload)
    },
    echo: (payload) => payload,
  },
})

/** The same, through a log in the memory of the process. */
const logged = defineChannel('logged:*', {
  schema,
  history: { events: ['said'], ttlMs: 3_600_000 },
  join: () => ({ assigns: {}, reply: {} }),
  in: {
    say(payload, socket) {
      socket.broadcast('said', payload)
    },
    echo: (payload) => payload,
  },
})

/** With presence: everybody who joins is there, and is told of the others. */
const present = defineChannel('present:*', {
  schema: { ...schema, presence: Type.Object({ seat: Type.Integer() }) },
  join: () => ({ assigns: {}, reply: {} }),
  joined(socket) {
    socket.presence.track(socket.id, { seat: 1 })
  },
  in: {
    say(payload, socket) {
      socket.broadcast('said', payload)
    },
    echo: (payload) => payload,
  },
})

/** Validation off: the schemas accept whatever comes. */
const untyped = defineChannel('untyped:*', {
  schema: {
    join: { payload: Type.Any(), reply: Type.Any() },
    in: { say: Type.Any(), echo: { payload: Type.Any(), reply: Type.Any() } },
    out: { said: Type.Any() },
  },
  join: () => ({ assigns: {}, reply: {} }),
  in: {
    say(payload, socket) {
      socket.broadcast('said', payload)
    },
    echo: (payload) => payload,
  },
})

const binary = defineChannel('binary:*', {
  schema: {
    join: { payload: Empty, reply: Empty },
    in: { say: Bytes, echo: { payload: Bytes, reply: Bytes } },
    out: { said: Bytes },
  },
  join: () => ({ assigns: {}, reply: {} }),
  in: {
    say(payload, socket) {
      socket.broadcast('said', payload)
    },
    echo: (payload) => payload,
  },
})

const app = fastify({ https })
await app.register(beryl, {
  path: '/socket',
  compression: process.env.BENCH_COMPRESSION === 'shared' && 'shared',
  channels: [typed, logged, present, untyped, binary],
  presence: true,
  groups: true,
  heartbeat: { timeoutMs: 600_000 },
  limits: {
    payloadBytes: 131_072,
    channelsPerConnection: 1_000,
    joins: { perSecond: 100_000, burst: 100_000 },
    messages: { perSecond: 1_000_000, burst: 1_000_000 },
    bytesPerSecond: 1_073_741_824,
  },
})

await host(async () => {
  const address = await app.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG })
  return Number(new URL(address).port)
})
