// One of two nodes, each in a process of its own. Their parent is the broker between them.
import Fastify from 'fastify'
import { beryl, type Deliver, defineChannel, type PubSubAdapter } from '../../src/index.ts'

/** Orders and answers to a node. */
export type ToNode =
  | { readonly topic: string; readonly bytes: string }
  | { readonly blockMs: number }
  | 'status'

/** The words of a node. */
export type FromNode =
  | { readonly topic: string; readonly bytes: string }
  | {
      readonly events: readonly string[]
      readonly keys: readonly string[]
      readonly members: readonly string[]
    }

const name = process.argv[2] ?? ''
let deliver: Deliver = () => {}
const say = (message: FromNode): void => void process.send?.(message)

const adapter: PubSubAdapter = {
  name: 'parent',
  status: 'up',
  start(_node, arrived) {
    deliver = arrived
  },
  publish: (topic, bytes) => say({ topic, bytes: Buffer.from(bytes).toString('base64') }),
  subscribe() {},
  unsubscribe() {},
  stop() {},
}

const app = Fastify()
await app.register(beryl, {
  channels: [defineChannel('*', { schema: {}, join: () => ({ assigns: {} }) })],
  pubsub: adapter,
  presence: { broadcastMs: 100, quietPeriods: 3, downMs: 1_000, permanentDownMs: 600_000 },
})
const events: string[] = []
app.channels.onTelemetry('presence.event', (_, { type }) => events.push(type))
await app.ready()
app.presence.track('hall', name, {}, { owner: new AbortController().signal })
app.groups.create('everybody')
app.groups.add('everybody', name)

process.on('message', (message: ToNode) => {
  if (message === 'status') {
    const keys = Object.keys(app.presence.list('hall')).sort()
    return say({ events, keys, members: [...app.groups.topics('everybody')].sort() })
  }
  if ('blockMs' in message)
    return void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, message.blockMs)
  return deliver(message.topic, Buffer.from(message.bytes, 'base64'))
})
process.on('disconnect', () => process.exit())
