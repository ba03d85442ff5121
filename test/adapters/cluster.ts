import type { TestContext } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import beryl, { type BerylOptions, defineChannel, type PubSubAdapter } from 'fastify-beryl'
import { Type } from 'typebox'

export const room = defineChannel('room:*', {
  schema: {
    in: {
      say: Type.Object({ n: Type.Integer() }),
      hush: Type.Object({ n: Type.Integer() }),
    },
    info: { mark: Type.Object({ n: Type.Integer() }) },
    out: { said: Type.Object({ n: Type.Integer() }), file: Type.Any() },
    presence: Type.Object({}),
  },
  join: () => ({ assigns: {} }),
  joined: (socket) => socket.presence.track(socket.connection.id, {}),
  in: {
    say: (payload, socket) => socket.broadcast('said', payload),
    hush: (payload, socket) => socket.broadcastFrom('said', payload),
  },
  info: { mark: (payload, socket) => socket.push('said', payload) },
})

export interface ClusterNode {
  readonly app: FastifyInstance
  /** Every line of its log, as text. */
  readonly log: string[]
}

/** A node that is ready, and closed when the test ends. */
export async function node(
  t: TestContext,
  pubsub: PubSubAdapter,
  options: BerylOptions = {},
): Promise<ClusterNode> {
  const log: string[] = []
  const app = Fastify({ logger: { level: 'debug', stream: { write: (line) => void log.push(line) } } })
  t.after(() => app.close())
  await app.register(beryl, {
    channels: [room],
    presence: { broadcastMs: 20 },
    drain: { pauseMs: 1 },
    ...options,
    pubsub,
  })
  await app.ready()
  return { app, log }
}
