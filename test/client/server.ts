import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket as TcpSocket } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { beryl, defineChannel, fail, later, reject, reply, stop } from 'fastify-beryl'
import { type Orders, room, type Seen } from './contract.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] }

/** The server that the typed client is tried on, and a second one that takes {@link Orders}, also from pages. */
export class TryServer {
  readonly #prepare: (app: FastifyInstance) => void
  readonly #seen = new Map<string, Mutable<Seen>>()
  readonly #connections = new Set<TcpSocket>()
  readonly #control: Server
  readonly #cuts: (() => void)[] = []
  #isOpen = true
  #app: FastifyInstance | undefined
  #port = 0

  /** @param prepare Adds routes of the test's own. */
  constructor(prepare: (app: FastifyInstance) => void = () => {}) {
    this.#prepare = prepare
    this.#control = createServer((request, response) => {
      let body = ''
      request.setEncoding('utf8').on('data', (chunk) => {
        body += chunk
      })
      request.on('end', async () => {
        response.setHeader('access-control-allow-origin', '*')
        const [order, ...args] = JSON.parse(body) as [keyof Orders, ...unknown[]]
        const answer = await Reflect.apply(this.#orders[order], undefined, args)
        response.end(JSON.stringify(answer ?? null))
      })
    })
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}/socket`
  }

  /** The address that takes orders: `[name, …arguments]` by POST. */
  get control(): string {
    return `http://127.0.0.1:${(this.#control.address() as AddressInfo).port}`
  }

  onCut(listener: () => void): void {
    this.#cuts.push(listener)
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#control.listen(0, '127.0.0.1', resolve))
    await this.#serve()
  }

  async stop(): Promise<void> {
    this.#control.close()
    this.#control.closeAllConnections()
    await this.#end()
  }

  readonly #orders: { [K in keyof Orders]: (...args: never[]) => unknown } = {
    cut: () => {
      for (const listener of this.#cuts) listener()
      for (const connection of this.#connections) connection.resetAndDestroy()
    },
    open: (isOpen: boolean) => {
      this.#isOpen = isOpen
    },
    stop: () => this.#end(),
    start: () => this.#serve(),
    say: async (topic: string, n: number, count = 1) => {
      for (let i = n; i < n + count; i++)
        await this.#app?.channels.publish(topic as never, 'heard' as never, { n: i } as never)
    },
    forget: (topic: string) => this.#app?.channels.forgetHistory(topic as never),
    dismiss: (topic: string, reason: string) => this.#app?.channels.leave({ topic: topic as never }, reason),
    position: async (topic: string) =>
      (await this.#app?.channels.history(topic as never, { limit: 1 }))?.from,
    seen: (topic: string) => this.#of(topic),
  }

  async #end(): Promise<void> {
    const app = this.#app
    this.#app = undefined
    await app?.close()
  }

  async #serve(): Promise<void> {
    const app = Fastify({ forceCloseConnections: true })
    const grant = (name: unknown, ttlMs: unknown) => ({
      assigns: { name: String(name) },
      ...(ttlMs === undefined ? {} : { expiresAt: Date.now() + Number(ttlMs) }),
    })
    await app.register(beryl, {
      channels: [this.#room()],
      longPoll: true,
      limits: { messages: false, joins: false },
      connect: ({ params, authToken }) => {
        const seen = this.#of(String(params.name))
        if (params.token !== undefined) seen.params.push(String(params.token))
        if (authToken !== undefined) seen.authTokens.push(authToken)
        return this.#isOpen ? grant(params.name, params.ttl) : reject()
      },
      renew: ({ token, connection }) => {
        this.#of(String(connection.assigns.name)).renewals.push(token)
        return token === 'forever' ? {} : { expiresAt: Date.now() + 3_600_000 }
      },
    })
    this.#prepare(app)
    app.server.on('connection', (connection) => {
      this.#connections.add(connection)
      connection.on('close', () => this.#connections.delete(connection))
    })
    await app.listen({ port: this.#port, host: '127.0.0.1' })
    this.#port = (app.server.address() as AddressInfo).port
    this.#app = app
  }

  #room() {
    return defineChannel(room, {
      history: { events: ['heard'], size: 50 },
      join: ({ topic, payload }) => {
        const { joins } = this.#of(topic)
        joins.push({ at: performance.now(), name: payload.name })
        if (payload.how === 'refused') return reject({ reason: 'unwelcome' })
        if (payload.how === 'busy' && joins.length === 1)
          return reject({ reason: 'busy', retry_after_ms: 300 })
        if (payload.how === 'crash' && joins.length === 1) throw new Error('as asked')
        if (payload.how === 'never') return new Promise<never>(() => {})
        return { assigns: { name: payload.name }, reply: { welcome: payload.name } }
      },
      joined: (socket) => socket.presence.track(socket.assigns.name, { name: socket.assigns.name }),
      in: {
        echo: (payload, { topic }) => {
          this.#of(topic).pushes.push(payload.text)
          return payload
        },
        refuse: () => fail({ reason: 'not today' }),
        queue: () => reply('queued', { place: 7 }),
        say: (payload, socket) => {
          socket.broadcast('said', payload)
          return {}
        },
        whisper: (payload, socket) => socket.broadcastFrom('said', payload),
        bytes: (payload) => payload.toReversed(),
        show: (payload, socket) => {
          socket.broadcast('shown', payload)
          return {}
        },
        rename: ({ text }, { assigns, presence }) => {
          presence.update(assigns.name, { name: text })
          return {}
        },
        hang: (_payload, { topic }) => {
          this.#of(topic).pushes.push('hang')
          return later(new Promise<never>(() => {}))
        },
        crash: () => {
          throw new Error('as asked')
        },
        stop: () => stop('normal', {}),
      },
      terminate: ({ kind }, { topic }) => {
        this.#of(topic).leaves.push(kind)
      },
    })
  }

  #of(topic: string): Mutable<Seen> {
    const seen = this.#seen.get(topic) ?? {
      joins: [],
      leaves: [],
      pushes: [],
      params: [],
      authTokens: [],
      renewals: [],
    }
    this.#seen.set(topic, seen)
    return seen
  }
}
