import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Dice } from '../fuzz/dice.ts'

interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: Buffer
}

/** The fates of a request: so often in a hundred. */
const FATES = {
  refused: 3,
  'gone on the way': 3,
  'lost with its answer': 6,
  'cut in its answer': 5,
  'asked again, and the first answer lost': 8,
  'asked twice at a time': 8,
  'held until its session is gone': 2,
} as const
type Fate = keyof typeof FATES | 'passed'

/**
 * A balancer before nodes, without affinity: each request comes to any of them. While it is rough it does what networks do:
 * it loses requests and answers, cuts them, repeats polls, and breaks WebSockets.
 */
export class RoughProxy {
  readonly #dice: Dice
  readonly #ports: () => readonly number[]
  readonly #holdMs: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly fates = new Map<Fate, number>()
  isRough = true

  private constructor(dice: Dice, ports: () => readonly number[], holdMs: number) {
    this.#dice = dice
    this.#ports = ports
    this.#holdMs = holdMs
    this.#server = createServer((asked, response) => {
      this.#serve(asked, response).catch(() => response.destroy())
    })
    this.#server.on('upgrade', (asked: IncomingMessage, socket: Socket) => this.#open(asked, socket))
    this.#server.on('connection', (socket) => this.#keep(socket))
  }

  /** @param holdMs after so long without a poll a session is gone */
  static async start(dice: Dice, ports: () => readonly number[], holdMs: number): Promise<RoughProxy> {
    const proxy = new RoughProxy(dice, ports, holdMs)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/socket`
  }

  /** Breaks all connections. With `resetAndDestroy` on those of its HTTP server Node spins at the end of the process, for ever. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.#server.close()
    this.cut()
    await once(this.#server, 'close')
  }

  async #serve(asked: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat(await asked.toArray())
    const ask = (): Promise<Answer> => this.#ask(asked, body)
    const give = ({ status, headers, body: text }: Answer): void =>
      void response.writeHead(status, headers).end(text)
    const fate = this.#fateOf(asked.method === 'GET')
    this.fates.set(fate, (this.fates.get(fate) ?? 0) + 1)
    switch (fate) {
      case 'refused':
        return void response.writeHead(502).end()
      case 'gone on the way':
        return void response.destroy()
      case 'lost with its answer':
        await ask()
        return void response.destroy()
      case 'cut in its answer': {
        const { status, headers, body: text } = await ask()
        response.writeHead(status, { ...headers, 'content-length': text.length })
        return void response.write(text.subarray(0, this.#dice.below(text.length + 1)), () =>
          response.destroy(),
        )
      }
      case 'asked again, and the first answer lost':
        await ask()
        return give(await ask())
      case 'asked twice at a time': {
        const [first, second] = await Promise.all([ask(), ask()])
        return give(this.#dice.oneIn(2) ? first : second)
      }
      case 'held until its session is gone':
        await new Promise((resolve) => setTimeout(resolve, this.#holdMs))
        return give(await ask())
      case 'passed':
        return give(await ask())
      default:
        fate satisfies never
    }
  }

  /** Nobody repeats a POST. */
  #fateOf(isGet: boolean): Fate {
    if (!this.isRough) return 'passed'
    let left = this.#dice.below(100)
    for (const [fate, share] of Object.entries(FATES) as [keyof typeof FATES, number][]) {
      if (left < share) return isGet || !fate.startsWith('asked') ? fate : 'passed'
      left -= share
    }
    return 'passed'
  }

  #port(): number {
    return this.#dice.pick(this.#ports())
  }

  #ask({ method, url, headers }: IncomingMessage, body: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const own = { ...headers, connection: 'close' }
      const options = { host: '127.0.0.1', port: this.#port(), method, path: url, headers: own, agent: false }
      const sent = request(options, (answer) => {
        const { statusCode: status = 502, headers: given } = answer
        answer
          .toArray()
          .then((chunks) => resolve({ status, headers: given, body: Buffer.concat(chunks) }), reject)
      })
      sent.on('error', reject).end(body)
    })
  }

  #open({ url, headers }: IncomingMessage, socket: Socket): void {
    const server = connect(this.#port(), '127.0.0.1')
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
    server.write(`GET ${url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
    this.#keep(server)
    socket.pipe(server).pipe(socket)
    socket.on('close', () => server.destroy())
    server.on('close', () => socket.destroy())
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket))
  }
}
