import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { guardSignal } from '../ground/signal.ts'
import type { TopicMessage } from '../protocol/message.ts'
import type { Connection } from './connection.ts'
import type { JoinRequest } from './definition.ts'
import type { TerminateReason } from './infer.ts'
import type { Host, Outlet } from './outlet.ts'

/** The argument of `join`. Its expensive parts are made where they are used. */
export class JoinQuestion implements JoinRequest {
  readonly topic: string
  readonly id: string
  readonly payload: unknown
  readonly server: FastifyInstance
  readonly #outlet: Outlet
  #controller: AbortController | undefined
  #goneFor: TerminateReason | undefined

  constructor(outlet: Outlet, host: Host, { topic, payload }: TopicMessage, id: string) {
    this.topic = topic
    this.id = id
    this.payload = payload
    this.server = host.server
    this.#outlet = outlet
  }

  get connection(): Connection {
    return this.#outlet.connection
  }

  get log(): FastifyBaseLogger {
    return this.#outlet.log
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      guardSignal(this.#controller.signal, (error) => this.#outlet.crashed(this.topic, 'signal', error))
      if (this.#goneFor !== undefined) this.#controller.abort(this.#goneFor)
    }
    return this.#controller.signal
  }

  /** Nobody waits for the answer any more. */
  abort(reason: TerminateReason): void {
    this.#goneFor = reason
    this.#controller?.abort(reason)
  }
}
