import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import beryl from 'fastify-beryl'
import { createClient } from 'fastify-beryl/client'
import { redis } from 'fastify-beryl/redis'
import { LongPoll, Socket } from 'phoenix'
import WebSocket from 'ws'
import { Dice } from '../fuzz/dice.ts'
import { need } from '../support/need.ts'
import { RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { guide, room, upTo } from './guide-client.ts'
import { RoughProxy } from './rough-proxy.ts'

// Clients that poll three nodes without affinity, through a network that loses, cuts and repeats requests and answers.

const WINDOW_MS = 200
const ENTRIES = 300
/** The nodes are replaced, one after the other, each time that so many entries were written. */
const PER_NODE = 60
/** A client is no more than so many entries behind. */
const LAG = 40

/** A client, and what it heard. */
interface Member {
  readonly took: number[]
  /** Of each join: whether it missed nothing, and the place where it began. */
  readonly joins: { readonly recovered: boolean; readonly offset: number }[]
  end(): Promise<void>
}

const WAYS = ['by long polling', 'by either way', 'by its own fallback'] as const
type Way = (typeof WAYS)[number]

/** Its types know less than it takes. */
const Poll = LongPoll as unknown as new (url: string, protocols?: string[]) => object

/** As phoenix.js takes it. */
function transportOf(way: Way, dice: Dice): unknown {
  if (way === 'by long polling') return LongPoll
  if (way === 'by its own fallback') return WebSocket
  return function transport(url: string, protocols?: string[]) {
    return dice.oneIn(2) ? new WebSocket(url, protocols) : new Poll(url, protocols)
  }
}

function optionsOf(way: Way, dice: Dice) {
  return {
    transport: transportOf(way, dice) as never,
    reconnectAfterMs: () => 20,
    rejoinAfterMs: () => 20,
    ...(way === 'by its own fallback' ? { longPollFallbackMs: 50 } : {}),
  }
}

/** phoenix.js with the lines of docs/history.md. */
function plain(url: string, dice: Dice): Member {
  const socket = new Socket(url, { ...optionsOf('by long polling', dice), timeout: 1_000 })
  const [took, joins]: [number[], Member['joins'][number][]] = [[], []]
  socket.connect()
  const channel = guide.resumingChannel<{ n: number }>(socket, 'room:1')
  channel.onEntry('said', ({ n }) => void took.push(n))
  channel.joinPush.receive('ok', ({ $resume }) => void joins.push($resume))
  return { took, joins, end: () => new Promise((resolve) => socket.disconnect(resolve)) }
}

function typed(url: string, way: Way, dice: Dice): Member {
  const client = createClient(url, { ...optionsOf(way, dice), timeoutMs: 1_000 })
  const channel = client.channel('room:1', undefined)
  const [took, joins]: [number[], Member['joins'][number][]] = [[], []]
  channel.on('said', (payload) => {
    const { n } = payload as { n: number }
    // The log has numbers only: an entry is at its own.
    assert.equal(channel.position?.offset, n)
    took.push(n)
  })
  channel.onState((state, detail) => {
    if (state !== 'joined') return
    const { recovered, missed } = detail as { recovered: boolean; missed: number }
    joins.push({ recovered, offset: (channel.position?.offset ?? Number.NaN) + missed })
  })
  void channel.join().catch(() => {})
  return { took, joins, end: () => client.close() }
}

function has(n: number): (member: Member) => boolean {
  return ({ took }) => (took.at(-1) ?? 0) >= n
}

async function threeNodes(t: TestContext, server: RedisServer) {
  const apps: FastifyInstance[] = []
  const serve = async (index: number): Promise<void> => {
    const app = Fastify({ forceCloseConnections: true })
    t.after(() => app.close())
    await app.register(beryl, {
      channels: [room],
      pubsub: redis({ url: server.url }),
      longPoll: {
        windowMs: WINDOW_MS,
        pubsubTimeoutMs: 500,
        secret: 'what all nodes of the tests sign with',
      },
      limits: { messages: false, joins: false },
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    apps[index] = app
  }
  for (const index of [0, 1, 2]) await serve(index)
  return {
    apps,
    ports: () => apps.map(({ server: http }) => (http.address() as AddressInfo | null)?.port ?? 9),
    async replace(index: number): Promise<void> {
      await apps[index]?.close()
      await serve(index)
    },
  }
}

suite('history over long polling', need('redis-server'), () => {
  test('H6 H9 C11 clients that poll any node through a rough network miss no entry, hear none twice, and are told so', async (t) => {
    const seed = Number(process.env.BERYL_SEED ?? Date.now() % 2 ** 31)
    t.diagnostic(`BERYL_SEED=${seed}`)
    const dice = new Dice(seed)
    const members: Member[] = []
    t.after(() => Promise.all(members.map(({ end }) => end())))
    const server = await RedisServer.start()
    const { apps, ports, replace } = await threeNodes(t, server)
    t.after(() => server.end())
    const proxy = await RoughProxy.start(dice, ports, 2 * WINDOW_MS)
    t.after(() => proxy.close())
    for (const way of [...WAYS, ...WAYS]) members.push(typed(proxy.url, way, dice))
    for (let n = 0; n < 4; n++) members.push(plain(proxy.url, dice))
    await until('all have joined once', () => members.every(({ joins }) => joins.length > 0))
    const before = members.map(({ joins }) => joins.length)
    for (let n = 1; n <= ENTRIES; n++) {
      // One at a time: an entry is at the offset that it says.
      await dice.pick(apps).channels.publish('room:1' as never, 'said' as never, { n } as never)
      // Nobody is so far behind that the log has what it missed no more.
      if (n % 10 === 0) await until(`all have ${n - LAG}`, () => members.every(has(n - LAG)))
      if (n % 30 === 0) proxy.cut()
      if (n % PER_NODE === 0) await replace((n / PER_NODE) % apps.length)
    }
    proxy.isRough = false
    await until(
      () => `seed ${seed}: all came: ${members.map(({ took }) => took.at(-1))}`,
      () => members.every(has(ENTRIES)),
    )
    for (const { took, joins } of members) {
      assert.deepEqual(took, upTo(ENTRIES), `seed ${seed}`)
      assert.deepEqual(
        joins.map(({ recovered }) => recovered),
        [false, ...joins.slice(1).map(() => true)],
        `seed ${seed}`,
      )
    }
    const resumes = members.reduce((sum, { joins }, index) => sum + joins.length - (before[index] ?? 0), 0)
    t.diagnostic(
      `${members.length} clients, ${resumes} resumes; ${[...proxy.fates].map((fate) => fate.join(' ')).join(', ')}`,
    )
    assert.ok(resumes > members.length)
  })
})
