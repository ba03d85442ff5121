import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { guardSignal } from '../ground/signal.ts'
import type { Connection, Socket, SocketPresence } from './infer.ts'
import { checkStopReason, type StopReason } from './result.ts'

/** The demands of a socket on the process of its channel. */
export interface SocketHost {
  readonly topic: string
  readonly topicId: string
  readonly joinRef: unknown
  readonly connection: Connection
  readonly server: FastifyInstance
  readonly log: FastifyBaseLogger
  readonly presence: SocketPresence<unknown>
  push(event: string, payload: unknown): void
  broadcast(event: string, payload: unknown): void
  broadcastFrom(event: string, payload: unknown): void
  requestStop(reason: StopReason): void
  /** Code of the application failed where nobody waits for it: for the operator. */
  failed(event: string, error: unknown): void
}

/** The socket that handlers see: the public face of a channel process. */
export class ChannelSocket implements Socket {
  assigns: unknown
  readonly #host: SocketHost
  #log: FastifyBaseLogger | undefined
  #controller: AbortController | undefined

  constructor(host: SocketHost, assigns: unknown) {
    this.#host = host
    this.assigns = assigns
  }

  get id(): string {
    return this.#host.connection.id
  }

  get topic(): string {
    return this.#host.topic
  }

  get topicId(): string {
    return this.#host.topicId
  }

  get joinRef(): unknown {
    return this.#host.joinRef
  }

  get connection(): Connection {
    return this.#host.connection
  }

  get server(): FastifyInstance {
    return this.#host.server
  }

  get log(): FastifyBaseLogger {
    this.#log ??= this.#host.log
    return this.#log
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      guardSignal(this.#controller.signal, (error) => this.#host.failed('signal', error))
    }
    // Of its own: what listens to a signal that is shared is kept for ever.
    if (this.#controller === ENDED) this.#controller = aborted()
    return this.#controller.signal
  }

  get presence(): never {
    // Erased here: `infer.ts` gives each channel's socket the presence that its schema declares.
    return this.#host.presence as never
  }

  push(event: string, payload: unknown): void {
    this.#host.push(event, payload)
  }

  broadcast(event: string, payload: unknown): void {
    this.#host.broadcast(event, payload)
  }

  broadcastFrom(event: string, payload: unknown): void {
    this.#host.broadcastFrom(event, payload)
  }

  stop(reason: StopReason = 'normal'): void {
    checkStopReason('socket.stop', reason)
    this.#host.requestStop(reason)
  }

  /** @internal Aborts the signal of a socket whose channel has ended, also one that is asked for afterwards. */
  static ended(socket: ChannelSocket, reason: unknown): void {
    socket.#controller ??= ENDED
    if (socket.#controller !== ENDED) socket.#controller.abort(reason)
  }
}

/** Stands in all sockets that ended before anybody asked for their signal. */
const ENDED = new AbortController()

function aborted(): AbortController {
  const controller = new AbortController()
  controller.abort(new Error('the channel has ended'))
  return controller
}
