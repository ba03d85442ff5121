import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import beryl, { type BerylOptions, defineChannel, type PubSubAdapter, type PubSubReport } from 'fastify-beryl'
import { connect } from 'fastify-beryl/testing'
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

/** The way of a node to the others, as it reports it. */
export function report({ app }: Pick<ClusterNode, 'app'>): PubSubReport {
  const { pubsub } = app.channels.status()
  assert.ok(pubsub !== undefined)
  return pubsub
}

export function isUp(each: ClusterNode): boolean {
  return report(each).status === 'up'
}

/** Resolves when a broadcast of `here` has come to a client of `there`. */
export async function hears(here: ClusterNode, there: ClusterNode): Promise<void> {
  const client = await connect(there.app)
  const channel = await client.join(room, 'room:hears')
  here.app.channels.broadcast('room:hears', 'said', { n: 1 })
  await channel.expectPush('said', { n: 1 })
  await client.close()
}
