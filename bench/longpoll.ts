/**
 * The price of long polling, beside WebSockets on the same server in the same run: memory of an idle client with one topic, server
 * CPU of a message there and back (push and reply) and of a delivery of a broadcast. Beside them the least that it can cost, by hand on
 * Fastify and on `node:http` (`peers/poll-by-hand.ts`).
 *
 * A server is a process of its own; its CPU is user and system time of the whole process.
 *
 * Run it with `npm run bench:longpoll`, or in short with `npm run bench:longpoll -- --clients=500 --rounds=1`.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Client, Kept, poller, webSocket } from './load/poller.ts'
import type { Usage } from './peers/poll-host.ts'

const TALKERS = 50
const PUSHES = 400
const HEARERS = 200
const BROADCASTS = 400

type Make = (port: number) => Promise<Client>

/** A program that serves, and its arguments. */
type Program = readonly [file: string, ...args: string[]]

const BERYL: Program = ['poll-beryl']

interface Kind {
  readonly name: string
  readonly program: Program
  readonly make: Make
}

const KINDS: readonly Kind[] = [
  { name: 'WebSocket', program: BERYL, make: webSocket },
  { name: 'long poll', program: BERYL, make: poller },
  { name: 'by hand, on Fastify', program: ['poll-by-hand', 'fastify'], make: poller },
  { name: 'by hand, on node:http', program: ['poll-by-hand', 'node'], make: poller },
]

let shared: Kept | undefined
function posts(port: number): Kept {
  shared ??= new Kept(port)
  return shared
}

// The measures

class Server {
  readonly #child: ChildProcess
  readonly port: number

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  static async start([file, ...args]: Program): Promise<Server> {
    const child = fork(fileURLToPath(new URL(`./peers/${file}.js`, import.meta.url)), args, {
      execArgv: ['--expose-gc'],
      env: { ...process.env, NODE_ENV: 'production' },
    })
    const [{ port }] = (await once(child, 'message')) as [{ port: number }]
    return new Server(child, port)
  }

  async usage(): Promise<Usage> {
    const answer = once(this.#child, 'message')
    this.#child.send('usage')
    return ((await answer) as [Usage])[0]
  }

  broadcast(): void {
    this.#child.send('broadcast')
  }

  stop(): void {
    this.#child.kill()
  }
}

async function crowd(
  make: Make,
  port: number,
  count: number,
  topic: (index: number) => string,
): Promise<Client[]> {
  const clients: Client[] = []
  for (let index = 0; index < count; index++) {
    const client = await make(port)
    await client.join(topic(index))
    clients.push(client)
  }
  return clients
}

/** Bytes of an idle client, on the heap and resident, on a server of its own. */
async function idle(make: Make, count: number): Promise<{ heap: number; resident: number }> {
  const server = await Server.start(BERYL)
  const warm = await crowd(make, server.port, 50, (index) => `room:w${index}`)
  const before = await server.usage()
  const clients = await crowd(make, server.port, count, (index) => `room:${index}`)
  const after = await server.usage()
  for (const client of [...clients, ...warm]) client.close()
  shared = undefined
  server.stop()
  return { heap: (after.heap - before.heap) / count, resident: (after.resident - before.resident) / count }
}

/** Microseconds of server CPU for one push and its reply. */
async function echoes(server: Server, make: Make): Promise<number> {
  const clients = await crowd(make, server.port, TALKERS, (index) => `room:${index}`)
  const talk = (pushes: number): Promise<unknown> =>
    Promise.all(
      clients.map(async (client, index) => {
        for (let push = 0; push < pushes; push++) await client.echo(`room:${index}`)
      }),
    )
  await talk(PUSHES / 2)
  const before = await server.usage()
  await talk(PUSHES)
  const after = await server.usage()
  for (const client of clients) client.close()
  return (after.cpuUs - before.cpuUs) / (TALKERS * PUSHES)
}

/** Microseconds of server CPU for one delivery of a broadcast, one broadcast at a time. */
async function deliveries(server: Server, make: Make): Promise<number> {
  const clients = await crowd(make, server.port, HEARERS, () => 'room:all')
  let sent = 0
  const send = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) {
      sent++
      server.broadcast()
      await Promise.all(clients.map((client) => client.heard(sent)))
    }
  }
  await send(BROADCASTS / 2)
  const before = await server.usage()
  await send(BROADCASTS)
  const after = await server.usage()
  for (const client of clients) client.close()
  return (after.cpuUs - before.cpuUs) / (HEARERS * BROADCASTS)
}

type Measure = (server: Server, make: Make) => Promise<number>

const sorted = (values: readonly number[]): readonly number[] => values.toSorted((a, b) => a - b)
const median = (values: readonly number[]): number => sorted(values)[values.length >> 1] ?? Number.NaN

/** One measure of all kinds, each kind in each round behind the others. The first round warms. */
async function compare(title: string, measure: Measure, rounds: number): Promise<void> {
  const programs = [...new Set(KINDS.map(({ program }) => program))]
  const servers = new Map<Program, Server>()
  for (const program of programs) servers.set(program, await Server.start(program))
  const costs: number[][] = KINDS.map(() => [])
  for (let round = 0; round <= rounds; round++)
    for (const [index, { program, make }] of KINDS.entries()) {
      const cost = await measure(servers.get(program) as Server, make)
      if (round > 0) costs[index]?.push(cost)
    }
  for (const server of servers.values()) server.stop()
  const [ofWebSockets = []] = costs
  console.log(
    `${title}, ${rounds} rounds: median, and beside WebSocket the median of the ratios and their span`,
  )
  for (const [index, { name }] of KINDS.entries()) {
    const own = costs[index] ?? []
    const ratios = sorted(own.map((cost, round) => cost / (ofWebSockets[round] ?? Number.NaN)))
    const [least = Number.NaN, most = Number.NaN] = [ratios[0], ratios.at(-1)]
    console.log(
      `  ${name}: ${median(own).toFixed(1)} µs, ${median(ratios).toFixed(2)} (${least.toFixed(2)}–${most.toFixed(2)})`,
    )
  }
}

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '7' },
  },
})
const [count, rounds] = [Number(values.clients), Number(values.rounds)]
console.log(`idle, one topic each, ${count} clients (target 8 KiB of heap)`)
for (const { name, make } of [
  { name: 'WebSocket', make: webSocket },
  { name: 'long poll', make: (port: number) => poller(port, posts(port)) },
]) {
  const { heap, resident } = await idle(make, count)
  console.log(
    `  ${name}: ${(heap / 1024).toFixed(1)} KiB of heap, ${(resident / 1024).toFixed(1)} KiB resident`,
  )
}
await compare('a push and its reply (target 3)', echoes, rounds)
await compare('a delivery of a broadcast (target 3)', deliveries, rounds)
