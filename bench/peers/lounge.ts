/**
 * A server with one channel whose members are present, `lounge:*`, and one without, `hall:*`. Its argument is the option `diffMs` of
 * presence; without one it has its default.
 */
import fastify from 'fastify'
import beryl, { defineChannel } from 'fastify-beryl'
import { Type } from 'typebox'
import { host } from './host.ts'
import { BACKLOG } from './listen.ts'

const lounge = defineChannel('lounge:*', {
  schema: {
    presence: Type.Object({ name: Type.String(), status: Type.String(), since: Type.Integer() }),
  },
  join: () => ({ assigns: {} }),
  joined(socket) {
    socket.presence.track(socket.id, { name: 'Ann Example', status: 'online', since: 1_767_225_600 })
  },
})

const hall = defineChannel('hall:*', { schema: {}, join: () => ({ assigns: {} }) })

const [, , diffMs] = process.argv
const app = fastify()
await app.register(beryl, {
  path: '/socket',
  channels: [lounge, hall],
  presence: diffMs === undefined ? true : { diffMs: Number(diffMs) },
  heartbeat: { timeoutMs: 600_000 },
  backpressure: { maxBufferedBytes: 134_217_728, maxTotalBytes: 4_294_967_296, stallMs: 60_000 },
  limits: {
    connections: 20_000,
    pendingUpgrades: 20_000,
    handshakeTimeoutMs: 60_000,
    joins: { perSecond: 100_000, burst: 100_000 },
  },
})

app.get<{ Params: { topic: string } }>('/subscribers/:topic', ({ params }) =>
  app.channels.subscriberCount(params.topic),
)

/** The members whom clients are shown, each by its ref. */
app.get<{ Params: { topic: string } }>('/refs/:topic', ({ params }) =>
  Object.values(app.presence.list(params.topic, { limit: 1_000 })).flatMap(({ metas }) =>
    metas.map(({ phx_ref }) => phx_ref),
  ),
)

await host(async () => {
  const address = await app.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG })
  return Number(new URL(address).port)
})
