import { EventEmitter, once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request, STATUS_CODES } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { systemClock } from '../../src/ground/clock.ts'
import { beryl } from '../../src/index.ts'
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts'
import { RawClient } from './raw-client.ts'
import { mounts } from './recorded-app.ts'
import type { WireEvent } from './transcript.ts'

/** The recorded application on a port of its own, and on a clock that stands still until it is moved. */
export class RecordedServer {
  readonly clock: FakeClock
  readonly port: number
  readonly #app: FastifyInstance
  readonly #scopes: readonly FastifyInstance[]
  /** Emits `request` where a handler is about to be asked. */
  readonly #heard: EventEmitter
  /** A connection that no scenario uses: what it is answered stands behind what the server did before. */
  readonly #beside: RawClient

  private constructor(
    clock: FakeClock,
    app: FastifyInstance,
    scopes: readonly FastifyInstance[],
    heard: EventEmitter,
  ) {
    this.#heard = heard
    this.clock = clock
    this.#app = app
    this.#scopes = scopes
    this.port = (app.server.address() as AddressInfo).port
    this.#beside = new RawClient({
      port: this.port,
      path: '/socket/websocket?vsn=2.0.0&user=beside',
      headers: {},
    })
  }

  static async start(hasHistory = false): Promise<RecordedServer> {
    // Immediates stay real: they are turns of the event loop, not time.
    const clock: FakeClock = { ...fakeClock(), setImmediate: systemClock.setImmediate }
    const app = Fastify()
    const scopes: FastifyInstance[] = []
    const heard = new EventEmitter()
    app.addHook('onRequest', async () => void heard.emit('request'))
    app.setErrorHandler<{ statusCode?: number }>(({ statusCode = 500 }, _request, reply) =>
      reply.code(statusCode).send({ errors: { detail: STATUS_CODES[statusCode] } }),
    )
    for (const mount of mounts(clock, hasHistory)) {
      app.register(async (scope) => {
        await scope.register(beryl, mount)
        scopes.push(scope)
      })
    }
    addRoutes(app, scopes)
    await app.listen({ port: 0, host: '127.0.0.1' })
    const server = new RecordedServer(clock, app, scopes, heard)
    await server.#beside.next()
    return server
  }

  async stop(): Promise<void> {
    this.#beside.terminate()
    await this.empty(0)
    await this.close()
  }

  /** Closes the Fastify instance, whoever is connected. */
  async close(): Promise<void> {
    await this.#app.close()
  }

  /** Resolves when the server has done what it was asked before, over any connection. */
  fence(): Promise<void> {
    return this.#beside.fence()
  }

  /** Resolves when all clients but so many are gone, and nothing of them is left. */
  async empty(others = 1): Promise<void> {
    const left = (): number =>
      this.#scopes
        .map(({ channels }) => channels.status())
        .reduce((sum, { connections, channels, topics }) => sum + connections + channels + topics, 0)
    for (let turn = 0; left() > others; turn++) {
      if (turn === 20_000) throw new Error(`${left() - others} connections, channels or topics are left`)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** A request below WebSocket. Resolves when the server has heard of it, with its answer to come. */
  async request({ method, path, headers, body }: HttpRequest): Promise<{ answer: Promise<WireEvent> }> {
    const all = { host: `localhost:${this.port}`, ...headers }
    const sent = request({ host: '127.0.0.1', port: this.port, agent: false, method, path, headers: all })
    const heard = once(this.#heard, 'request')
    sent.end(body)
    const answer = answerTo(sent)
    await heard
    return { answer }
  }
}

/** A request as it was recorded. */
export interface HttpRequest {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

async function answerTo(sent: ClientRequest): Promise<WireEvent> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const chunks = await response.toArray()
  const headers = response.headers as Record<string, string>
  const body = Buffer.concat(chunks).toString()
  return { t: 'http_recv', status: response.statusCode as number, headers, body }
}

/** The recorded application's own routes: what it does outside of any connection. */
function addRoutes(app: FastifyInstance, scopes: readonly FastifyInstance[]): void {
  app.post<{ Querystring: { topic: string; event: string } }>('/control', ({ query }) => {
    for (const { channels } of scopes) control(channels, query.topic, query.event)
    return { ok: true }
  })
  app.get<{ Querystring: { topic: string } }>('/presence', ({ query }) =>
    scopes[0]?.presence.list(query.topic),
  )
}

/** Phoenix has one broadcast for all; here a connection's topic and a channel's topic are two things. */
function control(channels: FastifyInstance['channels'], topic: string, event: string): void {
  if (!topic.startsWith('user:')) return channels.broadcast(topic as never, event as never, {} as never)
  if (event === 'disconnect') channels.disconnect(topic)
}
