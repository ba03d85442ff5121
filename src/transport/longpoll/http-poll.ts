import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
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
  readonly #patienceMs: number
  #sentBefore = 0

  /**
   * Thousands wait at a time: neither a closure for each, nor a wrapper of a listener.
   *
   * @param patienceMs A client that takes nothing of its answer for so long is cut: its session may be over long before.
   */
  constructor(reply: FastifyReply, owner: PollOwner, patienceMs: number) {
    this.#reply = reply
    this.#owner = owner
    this.#patienceMs = patienceMs
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
    const { raw } = this.#reply
    // Of a socket whose client takes some, Node begins to count anew.
    if (!isTaken(raw)) raw.setTimeout(this.#patienceMs, cut)
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

/** True where the operating system has all of an answer, or none carries it: a request was injected. The type does not tell of HTTP/2. */
function isTaken(response: ServerResponse & { readonly stream?: Writable }): boolean {
  const { stream, socket } = response
  if (stream === undefined && !(socket instanceof Socket)) return true
  return response.writableEnded && (stream ?? response).writableLength === 0
}

// Shared by all polls

function cut(this: ServerResponse): void {
  this.destroy()
}

function onClose(this: Held): void {
  this[kPoll]?.gone()
}
