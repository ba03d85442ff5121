// One node of a cluster, in a process of its own. It tells its parent what it is asked, and what becomes of its adapter.
import { createHash } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { type AdapterStatus, type BerylOptions, beryl, defineChannel } from 'fastify-beryl'
import { redis } from 'fastify-beryl/redis'
import { Type } from 'typebox'
import { logged } from '../history/logged.ts'

/** The settings that travel to a node on its command line. */
export interface NodeConfig {
  readonly brokerPort: number
  readonly port: number
  readonly beryl: Pick<BerylOptions, 'presence' | 'drain'>
}

export interface NodeStatus {
  readonly isUp: boolean
  readonly resubscribed: number
  readonly dropped: number
  readonly unconfirmed: number
  /** Nodes that this one has taken for dead. */
  readonly declaredDown: number
  /** Presences that it shows, those of dead nodes included. */
  readonly presences: number
  /** Equal on two nodes that show the same presences. */
  readonly fingerprint: string
  readonly uncaught: readonly string[]
}

/** A question, or how many further topics to hear. */
export type ToNode =
  | { readonly id: number; readonly rooms: number }
  | { readonly id: number; readonly hear: number }
export type FromNode =
  | { readonly port: number }
  | { readonly id: number; readonly status: NodeStatus | undefined }
  | { readonly turned: AdapterStatus }
  | { readonly peerDown: true }

const config = JSON.parse(process.argv[2] ?? '{}') as NodeConfig
const say = (message: FromNode): void => void process.send?.(message)

const uncaught: string[] = []
for (const event of ['uncaughtException', 'unhandledRejection'] as const)
  process.on(event, (error: unknown) => uncaught.push(String(error)))

const Said = Type.Object({ user: Type.String(), n: Type.Integer(), by: Type.String() })

const room = defineChannel('room:*', {
  schema: {
    join: { payload: Type.Object({ user: Type.String() }) },
    in: { say: { payload: Type.Object({ n: Type.Integer() }), reply: Type.Object({}) } },
    out: { said: Said },
    presence: Type.Object({}),
  },
  join: ({ payload }) => ({ assigns: { user: payload.user } }),
  joined: (socket) => void socket.presence.track(socket.assigns.user, {}),
  in: {
    say({ n }, socket) {
      socket.broadcast('said', { user: socket.assigns.user, n, by: String(process.pid) })
      return {}
    },
  },
})

const app = Fastify()
await app.register(beryl, {
  channels: [room, logged],
  pubsub: redis({ url: `redis://127.0.0.1:${config.brokerPort}` }),
  limits: { joins: false, messages: false, bytesPerSecond: false },
  ...config.beryl,
})
let declaredDown = 0
app.channels.onTelemetry('presence.event', (_, event) => {
  if (event.type !== 'peer_down') return
  declaredDown++
  say({ peerDown: true })
})
app.channels.onTelemetry('pubsub.status', (_, { status }) => say({ turned: status }))
await app.listen({ port: config.port, host: '127.0.0.1' })

process.on('message', (message: ToNode) => {
  if ('rooms' in message) return say({ id: message.id, status: statusOf(message.rooms) })
  for (let n = 0; n < message.hear; n++) app.channels.subscribe(`room:further:${n}`, () => {})
  return say({ id: message.id, status: undefined })
})
process.on('disconnect', () => process.exit())
// The parent may have ended while this was loading.
if (!process.connected) process.exit()
process.once('SIGTERM', async () => {
  await app.close()
  process.exit(uncaught.length === 0 ? 0 : 1)
})
say({ port: (app.server.address() as AddressInfo).port })

function statusOf(rooms: number): NodeStatus {
  const { pubsub } = app.channels.status()
  const { resubscribed = 0, dropped = 0, unconfirmed = 0 } = pubsub ?? {}
  const refs = Array.from({ length: rooms }, (_, n) => refsOf(`room:${n}`))
    .flat()
    .sort()
  const fingerprint = createHash('sha1').update(refs.join()).digest('hex')
  const isUp = pubsub?.status === 'up'
  return {
    isUp,
    resubscribed,
    dropped,
    unconfirmed,
    declaredDown,
    presences: refs.length,
    fingerprint,
    uncaught,
  }
}

function refsOf(topic: string): string[] {
  return Object.values(app.presence.list(topic)).flatMap(({ metas }) => metas.map(({ phx_ref }) => phx_ref))
}
