import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { Clock } from '../../ground/clock.ts'
import { sendJson } from './answers.ts'
import { type Held, hold } from './held.ts'
import type { Waiting } from './poll-wire.ts'

/** Is told when the connection of a poll is gone, whether it was answered or not. */
export interface PollOwner {
  gaveUp(poll: Waiting): void
}

/** Of all polls of an entrance. */
export interface PollTerms {
  readonly clock: Clock
  /** A client that takes nothing of its answer for so long is cut: its session may be over long before. */
  readonly patienceMs: number
}

/** A poll that waits for its answer at the end of its own connection. */
export class HttpPoll implements Waiting, Held {
  isWorded = false
  readonly #reply: FastifyReply
  readonly #owner: PollOwner
  readonly #terms: PollTerms
  #isTaken = true
  /** The operating system had all of the answer at once: its end is no news. */
  #isOut = false

  constructor(reply: FastifyReply, owner: PollOwner, terms: PollTerms) {
    this.#reply = reply
    this.#owner = owner
    this.#terms = terms
    hold(reply.raw, this)
  }

  closed(): void {
    this.#isTaken = true
    if (!this.#isOut) this.#owner.gaveUp(this)
  }

  answer(body: string): void {
    sendJson(this.#reply, body)
    const { raw } = this.#reply
    this.#isTaken = isTaken(raw)
    this.#isOut = this.#isTaken
    // Of a socket whose client takes some, Node begins to count anew.
    if (!this.#isTaken) raw.setTimeout(this.#terms.patienceMs, cutLate)
  }

  /** False while a part of the answer waits for its client to take it. */
  get isTaken(): boolean {
    return this.#isTaken
  }

  /** Over TLS Node may hear that an answer is out a moment after its client, who asks anew: it is heard out first. */
  cut(): void {
    if (this.#isTaken) return
    this.#terms.clock.setImmediate(() => {
      if (!this.#isTaken) this.#reply.raw.destroy()
    })
  }

  get sentBytes(): number {
    const { socket } = this.#reply.raw
    // Over HTTP/2 a response that is closed has none.
    if (this.#isTaken || !socket) return 0
    return (socket.bytesWritten ?? 0) - (socket.writableLength ?? 0)
  }
}

/** True where the operating system has all of an answer, or none carries it: a request was injected. The type does not tell of HTTP/2. */
function isTaken(response: ServerResponse & { readonly stream?: Writable }): boolean {
  const { stream, socket } = response
  if (stream === undefined && !(socket instanceof Socket)) return true
  return response.writableEnded && (stream ?? response).writableLength === 0
}

// Shared by all polls

function cutLate(this: ServerResponse): void {
  this.destroy()
}
