/**
 * The costs of a history: an append, a logged broadcast beside one that is not, the memory of an entry and of a topic with a log,
 * a join with and without it, and thousands of clients that come back at once.
 *
 * Times are CPU time of this process (user and system), and none of it is the kernel's for a socket: clients are sessions whose
 * wires count bytes. What a delivery and a resume cost over sockets is in `npm run bench -- --growth --only=history`, what
 * a log in Redis costs in `npm run bench -- --cluster --only=latency`.
 *
 * Run it with `npm run bench:history`, or for a first look with `npm run bench:history -- --quick`.
 */
import Fastify from 'fastify'
import { Type } from 'typebox'
import { systemClock } from '../src/ground/clock.ts'
import { type ChannelDefinition, defineChannel } from '../src/index.ts'
import { Endpoint } from '../src/node/endpoint.ts'
import { resolveOptions } from '../src/node/options.ts'
import { v2 } from '../src/protocol/v2.ts'
import { MemoryLog } from '../src/pubsub/memory-log.ts'
import type { Session } from '../src/session/session.ts'
import type { Sessions } from '../src/session/sessions.ts'
import type { Wire } from '../src/session/wire.ts'
import { memoryNetwork } from '../src/testing/network.ts'

const isQuick = process.argv.includes('--quick')
const ROUNDS = isQuick ? 3 : 7
const CLIENTS = isQuick ? 1_000 : 10_000
const MISSED = 50
const BODY = 'x'.repeat(100)

const Empty = Type.Object({})
const Numbered = Type.Object({ seq: Type.Integer(), body: Type.String() })

const schema = { join: { payload: Empty, reply: Empty }, out: { said: Numbered } }
const join = () => ({ assigns: {}, reply: {} })
const channels = [
  defineChannel('plain:*', { schema, join }),
  defineChannel('logged:*', { schema, join, history: { events: ['said'] } }),
] as readonly ChannelDefinition[]

/** Takes what it is given, and keeps the first write. */
class CountingWire implements Wire {
  readonly bufferedBytes = 0
  readonly bytesRead = 0
  sentBytes = 0
  first = ''

  write(frames: Buffer): void {
    this.sentBytes += frames.length
    if (this.first === '') this.first = frames.toString('latin1')
  }

  close(): void {}
  terminate(): void {}
  pause(): void {}
  resume(): void {}
}

/** A node whose clients have no sockets. */
class Node {
  readonly endpoint: Endpoint
  reads = 0
  #sessions: Sessions | undefined

  /** @param isBehindEngine its log is not its own: it is asked for, and answers later */
  static async start(isBehindEngine = false): Promise<Node> {
    const node = new Node(isBehindEngine)
    await node.endpoint.startPubSub()
    node.#sessions = node.endpoint.startSessions()
    return node
  }

  private constructor(isBehindEngine: boolean) {
    const limits = { joins: false, messages: false, connections: false, historyBytes: false } as const
    const engine = isBehindEngine ? { pubsub: memoryNetwork().adapter() } : {}
    this.endpoint = new Endpoint(resolveOptions({ channels, limits, ...engine }))
    this.endpoint.host.attach(Fastify())
    this.endpoint.telemetry.on('history.read', () => {
      this.reads++
    })
  }

  connect(count: number): Client[] {
    return Array.from({ length: count }, () => {
      const wire = new CountingWire()
      const id = this.endpoint.makeConnectionId()
      const connection = { id, assigns: {} as never, ip: '::1', transport: 'test', connectedAt: 0 } as const
      const admission = {
        connection,
        codec: v2,
        connectionTopic: undefined,
        expiresAt: undefined,
        renew: undefined,
      }
      const session = (this.#sessions as Sessions).open(admission, wire, this.endpoint.terms)
      return { wire, session }
    })
  }

  say(topic: string, seq: number): void {
    this.endpoint.outbound.broadcast(topic, 'said', { seq, body: BODY })
  }
}

interface Client {
  readonly wire: CountingWire
  readonly session: Session
}

function ask({ session }: Client, topic: string, resume?: unknown): void {
  const payload = resume === undefined ? {} : { $resume: resume }
  session.receive(Buffer.from(JSON.stringify(['1', '1', topic, 'phx_join', payload])), false)
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function turns(count: number): Promise<void> {
  for (let each = 0; each < count; each++) await turn()
}

/** All clients have as many bytes as the last one, which has some, and nothing more comes. */
async function settled(clients: readonly Client[]): Promise<void> {
  const total = (): number => clients.reduce((sum, { wire }) => sum + wire.sentBytes, 0)
  let before = -1
  for (let now = total(); now !== before || clients.some(({ wire }) => wire.sentBytes === 0); now = total()) {
    before = now
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function cpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

async function cpuOf(work: () => unknown): Promise<number> {
  globalThis.gc?.()
  const begun = cpuUs()
  await work()
  return cpuUs() - begun
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

async function rounds(round: () => Promise<number>): Promise<number> {
  const values = []
  for (let each = 0; each < ROUNDS; each++) values.push(await round())
  return median(values)
}

/** In the log alone, to so many topics in turn: microseconds. */
function append(topics: number): Promise<number> {
  const log = new MemoryLog({ clock: systemClock, maxBytes: Number.POSITIVE_INFINITY })
  const options = { size: 100, ttlMs: 300_000, id: undefined }
  const count = isQuick ? 50_000 : 500_000
  const text = BODY.repeat(2)
  const names = Array.from({ length: topics }, (_, n) => `topic:${n}`)
  return rounds(async () => {
    const us = await cpuOf(() => {
      for (let n = 0; n < count; n++) log.append(names[n % topics] as string, text, options)
    })
    return us / count
  })
}

/** A broadcast that nobody hears: microseconds. */
async function broadcast(topic: string): Promise<number> {
  const node = await Node.start()
  const count = isQuick ? 10_000 : 100_000
  return rounds(async () => {
    const us = await cpuOf(async () => {
      for (let n = 0; n < count; n++) {
        node.say(topic, n)
        if (n % 1_000 === 0) await turn()
      }
    })
    return us / count
  })
}

function heapBytes(): number {
  for (let pass = 0; pass < 3; pass++) globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

/** Bytes of a topic with an empty log, and of an entry beyond its own text. */
async function memory(): Promise<{ topic: number; entry: number }> {
  const [topics, entries] = [1_000, 100]
  const log = new MemoryLog({ clock: systemClock, maxBytes: Number.POSITIVE_INFINITY })
  const options = { size: entries, ttlMs: 300_000, id: undefined }
  const text = (n: number): string =>
    `${JSON.stringify([1, Date.now(), 'said', null])}\n{"seq":${n},"body":"${BODY}"}`
  for (let n = 0; n < topics; n++) log.read(`topic:warm:${n}`, 0, options)
  const empty = heapBytes()
  for (let n = 0; n < topics; n++) log.read(`topic:${n}`, 0, options)
  const opened = heapBytes()
  let bytes = 0
  for (let n = 0; n < topics * entries; n++) {
    const entry = text(n)
    bytes += entry.length
    log.append(`topic:${n % topics}`, entry, options)
  }
  const full = heapBytes()
  if (log.read('topic:0', 0, options).entries.length !== entries) throw new Error('not kept')
  return { topic: (opened - empty) / topics, entry: (full - opened - bytes) / (topics * entries) }
}

/** Joins of one topic: microseconds each. */
async function joins(topic: string, resume?: unknown): Promise<number> {
  const node = await Node.start()
  return rounds(async () => {
    const clients = node.connect(CLIENTS)
    const us = await cpuOf(async () => {
      for (const client of clients) ask(client, topic, resume)
      await turns(3)
    })
    await settled(clients)
    for (const { session } of clients) session.disconnected(1000)
    await turns(3)
    return us / CLIENTS
  })
}

/** Clients that come back with a position, and are told what they missed: microseconds each, and reads of the log. */
async function comeBack(): Promise<{ us: number; reads: number }> {
  let reads = 0
  const us = await rounds(async () => {
    const node = await Node.start(true)
    const [first] = node.connect(1) as [Client]
    ask(first, 'logged:1', true)
    await settled([first])
    const [, epoch] = /"epoch":"([^"]+)"/.exec(first.wire.first) ?? []
    first.session.disconnected(1000)
    for (let n = 0; n < MISSED; n++) node.say('logged:1', n)
    await turns(10)
    node.reads = 0
    const clients = node.connect(CLIENTS)
    const used = await cpuOf(async () => {
      for (const client of clients) ask(client, 'logged:1', { epoch, offset: 0 })
      await settled(clients)
    })
    reads = Math.max(reads, node.reads)
    const least = Math.min(...clients.map(({ wire }) => wire.sentBytes))
    if (least < MISSED * BODY.length) throw new Error(`a client was told ${least} bytes`)
    return used / CLIENTS
  })
  return { us, reads }
}

const rows: [what: string, value: string, target: string][] = []
function row(what: string, value: string, target: number | undefined = undefined, isMet = true): void {
  rows.push([what, value, target === undefined ? '' : isMet ? `${target}` : `${target}: missed`])
}
const figure = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2)

const [appendUs, appendManyUs] = [await append(100), await append(isQuick ? 10_000 : 100_000)]
row('an append to a log in memory, 200 B', `${figure(appendUs)} µs`, 2, appendUs <= 2)
row('  the same, among 100,000 topics (--quick: 10,000)', `${figure(appendManyUs)} µs`, 2, appendManyUs <= 2)
const [unlogged, logged] = [await broadcast('plain:1'), await broadcast('logged:1')]
row('a broadcast that nobody hears', `${figure(unlogged)} µs`)
row('  the same, logged', `${figure(logged)} µs`)
const { topic, entry } = await memory()
row('memory of a topic with a log', `${figure(topic)} B`)
row('memory of an entry, beside its bytes', `${figure(entry)} B`, 120, entry <= 120)
const [plainJoin, loggedJoin, positionJoin] = [
  await joins('plain:1'),
  await joins('logged:1'),
  await joins('logged:1', true),
]
row('a join of a topic without a history', `${figure(plainJoin)} µs`)
row('  with one', `${figure(loggedJoin)} µs, × ${figure(loggedJoin / plainJoin)}`)
row(
  '  with one, of a client that asks for positions',
  `${figure(positionJoin)} µs, × ${figure(positionJoin / plainJoin)}`,
)
const { us, reads } = await comeBack()
row(
  `${CLIENTS.toLocaleString('en')} clients that come back to one topic, each ${MISSED} entries behind`,
  `${figure(us)} µs each`,
)
row('  reads of the log, at the most', `${reads}`, 2, reads <= 2)

for (const [what, value, target] of rows) console.log(`${what.padEnd(66)} ${value.padStart(18)}   ${target}`)
process.exit()
