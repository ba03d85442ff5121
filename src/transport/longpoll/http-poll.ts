import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { sendJson } from './answers.ts'
import type { Waiting } from './poll-wire.ts'

const kGone = Symbol('beryl longpoll gone')

type Held = ServerResponse & { [kGone]?: () => void }

/** A poll that waits for its answer at the end of its own connection. */
export class HttpPoll implements Waiting {
  readonly #reply: FastifyReply
  #sentBefore = 0

  constructor(reply: FastifyReply) {
    this.#reply = reply
  }

  /** Calls `gone` when the connection is, whether it was answered or not. */
  watch(gone: () => void): this {
    const response: Held = this.#reply.raw
    response[kGone] = gone
    response.once('close', onClose)
    return this
  }

  answer(body: string): void {
    this.#sentBefore = this.#taken
    sendJson(this.#reply, body)
  }

  get sentBytes(): number {
    return this.#taken - this.#sentBefore
  }

  /** Of all that the connection ever carried. None where the request was injected. */
  get #taken(): number {
    const { socket } = this.#reply.raw
    return socket === null ? this.#sentBefore : (socket.bytesWritten ?? 0) - (socket.writableLength ?? 0)
  }
}

// Shared by all polls

function onClose(this: Held): void {
  this[kGone]?.()
}
