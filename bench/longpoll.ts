/**
 * The price of long polling, beside WebSockets on the same server in the same run: memory of an idle client with one topic, server
 * CPU of a message there and back (push and reply) and of a delivery of a broadcast.
 *
 * The server is a process of its own; its CPU is user and system time of the whole process. Pollers speak HTTP over one kept
 * connection each, and over another one for their POSTs, as a browser does.
 *
 * Run it with `npm run bench:longpoll`, or in short with `npm run bench:longpoll -- --clients=500`.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import Fastify from 'fastify'
import { beryl, defineChannel } from 'fastify-beryl'
import { Type } from 'typebox'
import { WebSocket } from 'ws'

const ROUNDS = 3
const TALKERS = 50
const PUSHES = 400
const HEARERS = 200
const BROADCASTS = 400
const Body = Type.Object({ body: Type.String() })
const SAID = { body: 'x'.repeat(100) }

/** The use of the server's process so far. */
interface Usage {
  readonly cpuUs: number
  readonly heap: number
  readonly resident: number
}

/** A client of either kind. */
interface Client {
  join(topic: string): Promise<void>
  /** Pushes, and waits for the reply. */
  echo(topic: string): Promise<void>
  /** Resolves when so many broadcasts have come since it was joined. */
  heard(count: number): Promise<void>
  close(): void
}

// The server

async function serve(): Promise<void> {
  const app = Fastify()
  const room = defineChannel('room:*', {
    schema: { in: { echo: { payload: Body, reply: Body } }, out: { said: Body } },
    join: () => ({ assigns: {} }),
    in: { echo: (payload) => payload },
  })
  const limits = { messages: false, joins: false, connections: 50_000 } as const
  await app.register(beryl, { channels: [room], limits, longPoll: { windowMs: 30_000 } })
  await app.listen({ port: 0, host: '127.0.0.1' })
  process.send?.(app.server.address())
  process.on('message', (order: string) => {
    if (order === 'broadcast')
      return app.channels.broadcast('room:all' as never, 'said' as never, SAID as never)
    for (let round = 0; round < 4; round++) global.gc?.()
    const { user, system } = process.cpuUsage()
    const { heapUsed, external, rss } = process.memoryUsage()
    process.send?.({ cpuUs: user + system, heap: heapUsed + external, resident: rss } satisfies Usage)
  })
}

// The clients

/** The frames that came, for whoever waits for them. */
class Frames {
  #broadcasts = 0
  #replies = 0
  #look: () => void = () => {}

  take(text: string): void {
    if (text.includes('"phx_reply"')) this.#replies++
    else this.#broadcasts++
    this.#look()
  }

  replied(): Promise<void> {
    return this.#until(() => this.#replies > 0 && this.#replies-- > 0)
  }

  heard(count: number): Promise<void> {
    return this.#until(() => this.#broadcasts >= count)
  }

  #until(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#look = () => {
        if (!isTrue()) return
        this.#look = () => {}
        resolve()
      }
      this.#look()
    })
  }
}

async function webSocket(port: number): Promise<Client> {
  const frames = new Frames()
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`)
  socket.on('message', (data) => frames.take(data.toString()))
  await once(socket, 'open')
  const say = (topic: string, event: string, payload: object): Promise<void> => {
    socket.send(JSON.stringify(['1', '1', topic, event, payload]))
    return frames.replied()
  }
  return {
    join: (topic) => say(topic, 'phx_join', {}),
    echo: (topic) => say(topic, 'echo', SAID),
    heard: (count) => frames.heard(count),
    close: () => socket.terminate(),
  }
}

/** A kept connection: one request at a time. */
class Kept {
  readonly #socket: Socket
  #text = ''
  #done: (body: string) => void = () => {}

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1').setNoDelay()
    this.#socket.setEncoding('utf8')
    this.#socket.on('error', () => {})
    this.#socket.on('data', (text: string) => {
      this.#text += text
      const head = this.#text.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(this.#text)?.[1] ?? Number.NaN)
      if (head === -1 || this.#text.length < head + 4 + length) return
      const body = this.#text.slice(head + 4)
      this.#text = ''
      this.#done(body)
    })
  }

  ask(head: string, body = ''): Promise<string> {
    return new Promise((resolve) => {
      this.#done = resolve
      this.#socket.write(`${head} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    })
  }

  get(path: string): Promise<string> {
    return new Promise((resolve) => {
      this.#done = resolve
      this.#socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\naccept: application/json\r\n\r\n`)
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}

/** @param posts Shared by clients that only join: an idle one needs no second connection. */
async function poller(port: number, posts = new Kept(port)): Promise<Client> {
  const frames = new Frames()
  const polls = new Kept(port)
  const path = '/socket/longpoll?vsn=2.0.0'
  let { token } = JSON.parse(await polls.get(path)) as { token: string }
  let isOpen = true
  const poll = async (): Promise<void> => {
    while (isOpen) {
      const answer = JSON.parse(await polls.get(`${path}&token=${token}`)) as {
        token: string
        messages: string[]
      }
      token = answer.token
      for (const message of answer.messages) frames.take(message)
    }
  }
  void poll()
  const say = async (topic: string, event: string, payload: object): Promise<void> => {
    await posts.ask(`POST ${path}&token=${token}`, JSON.stringify(['1', '1', topic, event, payload]))
    await frames.replied()
  }
  return {
    join: (topic) => say(topic, 'phx_join', {}),
    echo: (topic) => say(topic, 'echo', SAID),
    heard: (count) => frames.heard(count),
    close: () => {
      isOpen = false
      polls.close()
      posts.close()
    },
  }
}

type Make = (port: number) => Promise<Client>

const KINDS: readonly (readonly [string, Make, Make])[] = [
  ['WebSocket', webSocket, webSocket],
  ['long poll', poller, (port) => poller(port, posts(port))],
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

  static async start(): Promise<Server> {
    const child = fork(fileURLToPath(import.meta.url), ['serve'], {
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
  const server = await Server.start()
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

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN

async function main(): Promise<void> {
  const count = Number(process.argv.find((each) => each.startsWith('--clients='))?.split('=')[1] ?? 10_000)
  console.log(`idle, one topic each, ${count} clients`)
  for (const [name, , make] of KINDS) {
    const { heap, resident } = await idle(make, count)
    console.log(
      `  ${name}: ${(heap / 1024).toFixed(1)} KiB of heap, ${(resident / 1024).toFixed(1)} KiB resident`,
    )
  }
  for (const [what, measure] of [
    ['a push and its reply', echoes],
    ['a delivery of a broadcast', deliveries],
  ] as const) {
    const server = await Server.start()
    const costs: number[][] = KINDS.map(() => [])
    for (let round = 0; round <= ROUNDS; round++)
      for (const [index, [, make]] of KINDS.entries()) {
        const cost = await measure(server, make)
        // The first one warms.
        if (round > 0) costs[index]?.push(cost)
      }
    server.stop()
    const [ws = Number.NaN, lp = Number.NaN] = costs.map(median)
    console.log(
      `${what}: WebSocket ${ws.toFixed(1)} µs, long poll ${lp.toFixed(1)} µs: ${(lp / ws).toFixed(2)} times (target 3)`,
    )
  }
}

if (process.argv[2] === 'serve') await serve()
else await main()
