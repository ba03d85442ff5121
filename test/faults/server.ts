// A server in a process of its own, which the faults are played against. It does what its parent tells it over IPC.
import { readdirSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { queryObjects } from 'node:v8'
import Fastify from 'fastify'
import { Type } from 'typebox'
import WebSocket from 'ws'
import { ChannelProcess } from '../../src/channel/process.ts'
import { type Clock, systemClock } from '../../src/ground/clock.ts'
import { type BerylOptions, beryl, defineChannel, type PubSubAdapter, reject } from '../../src/index.ts'
import { TopicSubscribers } from '../../src/pubsub/subscribers.ts'
import { Session } from '../../src/session/session.ts'
import { type ServerMeasures, type ServerOptions, type ServerStatus, STANDS_STILL } from './server-process.ts'

const room = defineChannel('room:*', {
  schema: {
    in: { echo: { payload: Type.Any(), reply: Type.Any() } },
    out: { said: Type.Object({ n: Type.Integer(), pad: Type.String() }) },
  },
  join: () => ({ assigns: {} }),
  in: { echo: (payload) => payload },
})

/** As a room, and whoever joins is shown. */
const club = defineChannel('club:*', {
  schema: { presence: Type.Object({}) },
  join: () => ({ assigns: {} }),
  joined: (socket) => void socket.presence.track('member', {}),
})

const refusing = defineChannel('no:*', { schema: {}, join: () => reject({ reason: 'no' }) })

const { port, ...given } = JSON.parse(process.argv[2] ?? '{}') as ServerOptions & { port?: number }
const uncaught: string[] = []
for (const event of ['uncaughtException', 'unhandledRejection'] as const)
  process.on(event, (error: unknown) => uncaught.push(String(error)))

const COUNT = { format: 'count' } as const

let admitted = (): void => {}
const gate = { waiting: 0, open: Promise.resolve() }
let subscriptions = 0
let peakRss = 0
const limits = new Map<string, number>()
const closes = new Map<number, number>()

const app = Fastify({ ...(given.http === undefined ? {} : { http: given.http }) })
await app.register(beryl, {
  ...given.beryl,
  channels: [room, club, refusing],
  pubsub: countingAdapter(),
  clock: fasterClock(given.clockFactor ?? 1),
  connect,
} satisfies BerylOptions)
app.channels.onTelemetry('limit.reached', (_, { limit }) => count(limits, limit))
app.channels.onTelemetry('connection.close', (_, { code }) => count(closes, code))
await app.listen({ port: port ?? 0, host: '127.0.0.1' })

const commands = {
  status: (): ServerStatus => {
    const { connections, channels, topics } = app.channels.status()
    const counts = { limits: Object.fromEntries(limits), closes: Object.fromEntries(closes) }
    return { connections, channels, topics, waiting: gate.waiting, subscriptions, uncaught, ...counts }
  },
  measures,
  alive: (): Record<string, number> => ({
    sessions: queryObjects(Session, COUNT),
    channels: queryObjects(ChannelProcess, COUNT),
    topics: queryObjects(TopicSubscribers, COUNT),
    webSockets: queryObjects(WebSocket, COUNT),
  }),
  broadcast({ from, count: many, bytes }: { from: number; count: number; bytes: number }): void {
    const pad = 'x'.repeat(bytes)
    for (let n = from; n < from + many; n++) app.channels.broadcast('room:1', 'said', { n, pad })
    peakRss = Math.max(peakRss, process.memoryUsage.rss())
  },
  block(ms: number): void {
    process.send?.({ id: STANDS_STILL })
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  },
  shutGate(): void {
    gate.open = new Promise((resolve) => {
      admitted = resolve
    })
  },
  openGate: (): void => admitted(),
  async close(): Promise<number> {
    const startedAt = performance.now()
    await app.close()
    return performance.now() - startedAt
  },
}

process.on(
  'message',
  async ({ id, name, argument }: { id: number; name: keyof typeof commands; argument: never }) => {
    process.send?.({ id, result: await commands[name](argument) })
  },
)
process.on('disconnect', () => process.exit())
process.send?.({ port: (app.server.address() as AddressInfo).port })

async function connect(): Promise<Record<never, never>> {
  gate.waiting++
  await gate.open
  gate.waiting--
  return {}
}

function measures(): ServerMeasures {
  for (let round = 0; round < 3; round++) globalThis.gc?.()
  return {
    heapBytes: process.memoryUsage().heapUsed,
    rss: process.memoryUsage.rss(),
    peakRss,
    descriptors: readdirSync('/proc/self/fd').length,
    resources: countEach(process.getActiveResourcesInfo()),
  }
}

function countEach(names: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>()
  for (const name of names) count(counts, name)
  return Object.fromEntries([...counts].sort())
}

function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

/** Time that passes faster: what takes 5 s takes 5 s divided by the factor. */
function fasterClock(factor: number): Clock {
  return {
    now: () => systemClock.now() * factor,
    date: () => systemClock.date(),
    setTimeout: (callback, ms) => systemClock.setTimeout(callback, ms / factor),
    setInterval: (callback, ms) => systemClock.setInterval(callback, ms / factor),
    setImmediate: systemClock.setImmediate,
  }
}

/** A broker that nobody else is connected to, and that knows how often it was asked. */
function countingAdapter(): PubSubAdapter {
  return {
    name: 'counting',
    status: 'up',
    start() {},
    publish() {},
    subscribe() {
      subscriptions++
    },
    unsubscribe() {},
    stop() {},
  }
}
