import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { refuseArgument } from '../ground/argument.ts'
import type { Timer } from '../ground/clock.ts'
import { guardSignal } from '../ground/signal.ts'
import type { Ref } from '../protocol/message.ts'
import { topicId } from '../protocol/topic.ts'
import type { Subscriber } from '../pubsub/broadcast.ts'
import type { LogPosition } from '../pubsub/log.ts'
import type { Connection } from './connection.ts'
import type { CompiledChannel } from './definition.ts'
import type { Socket, SocketPresence } from './infer.ts'
import { publishId, publishLogged, sendLogged } from './logged.ts'
import { checkOut } from './outgoing.ts'
import type { ChannelRuntime, Outlet } from './outlet.ts'
import { checkStopReason, type StopReason } from './result.ts'
import type { TimerKind } from './timers.ts'

/** The channel behind a socket: its surroundings, and what it alone can do. */
export interface SocketHost extends Subscriber {
  readonly runtime: ChannelRuntime
  readonly outlet: Outlet
  readonly definition: CompiledChannel
  readonly topic: string
  readonly joinRef: Ref
  push(event: string, payload: unknown): void
  requestStop(reason: StopReason): void
  startTimer(kind: TimerKind, callback: () => unknown, ms: number): Timer
}

/** The socket that handlers see: the public face of a channel process. */
export class ChannelSocket implements Socket {
  assigns: unknown
  readonly #channel: SocketHost
  #presence: SocketPresence<unknown> | undefined
  #log: FastifyBaseLogger | undefined
  #controller: AbortController | undefined

  constructor(channel: SocketHost, assigns: unknown) {
    this.#channel = channel
    this.assigns = assigns
  }

  get id(): string {
    return this.#channel.connectionId
  }

  get topic(): string {
    return this.#channel.topic
  }

  get topicId(): string {
    return topicId(this.#channel.definition.pattern, this.topic)
  }

  get joinRef(): unknown {
    return this.#channel.joinRef
  }

  get connection(): Connection {
    return this.#channel.outlet.connection
  }

  get server(): FastifyInstance {
    return this.#channel.runtime.host.server
  }

  get log(): FastifyBaseLogger {
    this.#log ??= this.#channel.outlet.log.child({ topic: this.topic })
    return this.#log
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      guardSignal(this.#controller.signal, (error) =>
        this.#channel.outlet.crashed(this.topic, 'signal', error),
      )
    }
    // Of its own: what listens to a signal that is shared is kept for ever.
    if (this.#controller === ENDED) this.#controller = abortedController()
    return this.#controller.signal
  }

  get presence(): never {
    // Erased here: `infer.ts` gives each channel's socket the presence that its schema declares.
    this.#presence ??= this.#channel.runtime.presence.of(this)
    return this.#presence as never
  }

  push(event: string, payload: unknown): void {
    ChannelSocket.#behind(this, 'push').push(event, payload)
  }

  broadcast(event: string, payload: unknown): void {
    const { definition, runtime, topic } = ChannelSocket.#behind(this, 'broadcast')
    checkOut(definition, event, payload)
    if (definition.history?.events.has(event))
      sendLogged(runtime.history, definition, { topic, event, payload })
    else runtime.pubsub.broadcast(topic, event, payload)
  }

  broadcastFrom(event: string, payload: unknown): void {
    const channel = ChannelSocket.#behind(this, 'broadcastFrom')
    const { definition, runtime, topic } = channel
    checkOut(definition, event, payload)
    if (definition.history?.events.has(event))
      sendLogged(runtime.history, definition, { topic, event, payload, except: this.id })
    else runtime.pubsub.broadcast(topic, event, payload, channel)
  }

  async publish(event: string, payload: unknown, options?: unknown): Promise<LogPosition> {
    const { definition, runtime, topic } = ChannelSocket.#behind(this, 'publish')
    checkOut(definition, event, payload)
    const id = publishId('socket.publish', options)
    return publishLogged(runtime.history, definition, { topic, event, payload, id })
  }

  setTimeout(callback: () => unknown, ms: number): Timer {
    return ChannelSocket.#behind(this, 'setTimeout').startTimer('setTimeout', callback, ms)
  }

  setInterval(callback: () => unknown, ms: number): Timer {
    return ChannelSocket.#behind(this, 'setInterval').startTimer('setInterval', callback, ms)
  }

  stop(reason: StopReason = 'normal'): void {
    checkStopReason('socket.stop', reason)
    ChannelSocket.#behind(this, 'stop').requestStop(reason)
  }

  /** A method that was taken out of its socket has lost it. To bind them all would cost every channel. */
  static #behind(socket: ChannelSocket | undefined, method: string): SocketHost {
    if (socket !== undefined && #channel in socket) return socket.#channel
    return refuseArgument(`socket.${method}`, 'this', `the socket: call socket.${method}(…) itself`, socket)
  }

  /** @internal Aborts the signal of a socket whose channel has ended, also one that is asked for afterwards. */
  static ended(socket: ChannelSocket, reason: unknown): void {
    socket.#controller ??= ENDED
    if (socket.#controller !== ENDED) socket.#controller.abort(reason)
  }
}

/** Stands in all sockets that ended before anybody asked for their signal. */
const ENDED = new AbortController()

function abortedController(): AbortController {
  const controller = new AbortController()
  controller.abort(new Error('the channel has ended'))
  return controller
}
