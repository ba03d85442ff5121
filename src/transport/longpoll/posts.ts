import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { PostAnswers, sendPostAnswer } from './answers.ts'
import { tokenIn } from './asked.ts'
import type { BodyRoom } from './body-budget.ts'
import { type Held, heldOf, hold, isGone } from './held.ts'
import { type PostAnswer, readPostAnswer } from './pollers.ts'
import type { Claims } from './token.ts'
import { type Done, isRelayFull, type PollEntrance, relayed } from './way.ts'

/** A type of which Fastify reads the body: it answers 415 to any other, and to an empty one. */
const MEDIA_TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(?:;|$)/

/** A body is read whatever its head says that it is: a type that is none is one of which nothing is known. */
function readWhateverType(headers: IncomingHttpHeaders): void {
  const type = headers['content-type']
  if (type !== undefined && !MEDIA_TYPE.test(type)) headers['content-type'] = 'application/octet-stream'
}

/** A POST, of which the head has come. */
class Posting implements Held {
  readonly claims: Claims
  readonly token: string
  room: BodyRoom
  isWorded = false
  #hasCome = false

  constructor(claims: Claims, token: string, room: BodyRoom) {
    this.claims = claims
    this.token = token
    this.room = room
  }

  /** From here on its frames may wait for their session, whether or not its client still waits for the answer. */
  hasCome(): void {
    this.#hasCome = true
    this.room.arrived()
  }

  closed(): void {
    if (!this.#hasCome) this.room.release()
  }
}

/** The POSTs of one way in: frames for a session, here or on another node. */
export class Posts {
  readonly #at: PollEntrance
  readonly #answers: PostAnswers

  constructor(at: PollEntrance) {
    this.#at = at
    this.#answers = new PostAnswers(at.entrance.clock)
  }

  /** Looks at the head: nothing is read of a body that is too long, or for nobody. */
  expect({ raw }: FastifyRequest, reply: FastifyReply, done: Done): void {
    if (isGone(reply.raw)) return
    const token = tokenIn(raw)
    const claims = this.#at.pollers.read(token)
    const wire = claims?.owner
    if (claims === undefined || (wire === undefined && claims.node === this.#at.entrance.node))
      return sendPostAnswer(reply, { status: 410 })
    const { bodyBytes } = this.#at.pollers
    // Without a length it may be as long as may be.
    const bytes = Number(raw.headers['content-length'] ?? bodyBytes)
    if (bytes > bodyBytes) wire?.session?.limitReached('limits.payloadBytes')
    if (bytes > bodyBytes) return sendPostAnswer(reply, { status: 413 })
    const room = this.#at.pollers.room(claims.session, bytes, reply.raw)
    if (typeof room === 'number') return sendPostAnswer(reply, { status: room })
    hold(reply.raw, new Posting(claims, token, room))
    readWhateverType(raw.headers)
    done()
  }

  post(request: FastifyRequest, reply: FastifyReply): void {
    const posting = heldOf(reply.raw) as Posting
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
    if (isGone(reply.raw) && !this.#takeRoomAgain(posting, body.length, reply)) return
    posting.hasCome()
    const isNdjson = request.headers['content-type'] === 'application/x-ndjson'
    const done = (answer: PostAnswer): void => {
      posting.room.release()
      this.#answers.send(reply, answer)
    }
    try {
      this.#deliver(posting, body, isNdjson, done)
    } catch (error) {
      posting.room.release()
      throw error
    }
  }

  /** The client went before a hook of the application let its body in, which gave the room back. False where there is none any more. */
  #takeRoomAgain(posting: Posting, bytes: number, reply: FastifyReply): boolean {
    posting.room.release()
    const room = this.#at.pollers.room(posting.claims.session, bytes, reply.raw)
    if (typeof room === 'number') return false
    posting.room = room
    return true
  }

  #deliver(
    { claims, token }: Posting,
    body: Buffer,
    isNdjson: boolean,
    done: (answer: PostAnswer) => void,
  ): void {
    if (claims.node === this.#at.entrance.node)
      return this.#at.pollers.post(claims.session, body, isNdjson, done)
    if (isRelayFull(this.#at)) return done({ status: 503 })
    this.#at.relay.post(relayed(this.#at, claims, token), body, isNdjson, {
      answered: (answer) => done(readPostAnswer(answer.toString())),
      gone: () => done({ status: 410 }),
      lost: () => done({ status: 500 }),
    })
  }
}
