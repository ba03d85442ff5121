import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { sendJson } from './answers.ts'
import type { Waiting } from './poll-wire.ts'

/** Is told when the connection of a poll is gone, whether it was answered or not. */
export interface PollOwner {
  gaveUp(poll: Waiting): void
}

const kPoll = Symbol('beryl longpoll')

type Held = ServerResponse & { [kPoll]?: HttpPoll }

/** A poll that waits for its answer at the end of its own connection. */
export class HttpPoll implements Waiting {
  readonly #reply: FastifyReply
  readonly #owner: PollOwner
  #sentBefore = 0

  /** Thousands wait at a time: neither a closure for each, nor a wrapper of a listener. */
  constructor(reply: FastifyReply, owner: PollOwner) {
    this.#reply = reply
    this.#owner = owner
    const response: Held = reply.raw
    response[kPoll] = this
    response.on('close', onClose)
  }

  gone(): void {
    this.#owner.gaveUp(this)
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
  this[kPoll]?.gone()
}
