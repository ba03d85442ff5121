/** A node of this project's, as an application would write it; without the address of a broker it is alone. */
import fastify, { type FastifyInstance } from 'fastify'
import beryl, { type ChannelDefinition, defineChannel, type PubSubAdapter } from 'fastify-beryl'
import { redis } from 'fastify-beryl/redis'
import { Type } from 'typebox'
import { host } from './host.ts'
import { BACKLOG } from './listen.ts'
import { brokerUrl, noteHeard, TOPIC, takeOrders } from './orders.ts'

const Empty = Type.Object({})
const out = { said: Type.Object({ seq: Type.Integer(), body: Type.String({ maxLength: 65_536 }) }) }

// As the tests do, which are compiled together with this: a channel's own entry would narrow theirs.
declare module 'fastify-beryl' {
  interface RegisteredChannels {
    any: ChannelDefinition
  }
}

/** @param history of the channel of all topics, where what is said is logged */
export async function serveNode(history?: { readonly events: readonly ['said'] }): Promise<void> {
  const url = brokerUrl()
  // Nodes of both kinds are on one Redis, and are no nodes of each other.
  const prefix = history === undefined ? undefined : 'logged:'
  const app = await makeNode(url === undefined ? undefined : observed(redis({ url, prefix })), history)
  takeOrders((payload) => app.channels.broadcast(TOPIC, 'said', payload))
  await host(async () => {
    const address = await app.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG })
    return Number(new URL(address).port)
  })
}

/** An application that has not been asked to listen. */
export async function makeNode(
  pubsub: PubSubAdapter | undefined,
  history?: { readonly events: readonly ['said'] },
): Promise<FastifyInstance> {
  const app = fastify()
  const channel = defineChannel('bench:*', {
    schema: { join: { payload: Empty, reply: Empty }, out },
    history,
    join: () => ({ assigns: {}, reply: {} }),
  })
  await app.register(beryl, {
    path: '/socket',
    channels: [channel],
    presence: true,
    groups: true,
    pubsub,
    heartbeat: { timeoutMs: 600_000 },
    limits: {
      channelsPerConnection: 1_000,
      joins: { perSecond: 100_000, burst: 100_000 },
      messages: { perSecond: 1_000_000, burst: 1_000_000 },
      bytesPerSecond: 1_073_741_824,
    },
  })
  return app
}

/** `adapter`, with a look at what it delivers. */
function observed(adapter: PubSubAdapter): PubSubAdapter {
  const start = adapter.start.bind(adapter)
  adapter.start = (node, deliver, report) => {
    const look = (topic: string, bytes: Uint8Array) => {
      noteHeard(bytes)
      deliver(topic, bytes)
    }
    return start(node, look, report)
  }
  const { log } = adapter
  const listen = log?.listen.bind(log)
  if (log !== undefined && listen !== undefined)
    log.listen = (listener) =>
      listen({
        ...listener,
        entry(topic, position, text) {
          noteHeard(Buffer.from(text))
          listener.entry(topic, position, text)
        },
      })
  return adapter
}
