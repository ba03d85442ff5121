import type { FastifyReply, FastifyRequest } from 'fastify'
import { asError } from '../../ground/foreign.ts'
import type { Admission } from '../../session/admission.ts'
import type { Handshake } from '../doorkeeper.ts'
import { sendJson, sendRefusal } from './answers.ts'
import { authTokenOf, tokenIn, urlWithoutToken } from './asked.ts'
import { isGone } from './held.ts'
import { HttpPoll, type PollTerms } from './http-poll.ts'
import { goneMs } from './poll-wire.ts'
import { type Claims, isToken } from './token.ts'
import { isRelayFull, type PollEntrance, refuse, relayed } from './way.ts'

/** The GETs of one way in: each a poll of a session, here or on another node, or the first of a new one. */
export class Polls {
  readonly #at: PollEntrance
  readonly #terms: PollTerms
  /** The polls for sessions of other nodes whose clients have not taken all of the answer yet. */
  readonly #untaken = new Map<string, HttpPoll>()

  constructor(at: PollEntrance) {
    this.#at = at
    this.#terms = { clock: at.entrance.clock, patienceMs: goneMs(at.options.longPoll) }
  }

  /** A poll, or a client that is new. */
  get(request: FastifyRequest, reply: FastifyReply): void {
    if (isGone(reply.raw)) return
    const token = tokenIn(request.raw)
    const claims = this.#at.pollers.read(token)
    const wire = claims?.owner
    if (claims !== undefined && wire === undefined && claims.node !== this.#at.entrance.node)
      return this.#pollElsewhere(request, reply, token, claims)
    if (wire === undefined || claims === undefined) return this.#open(request, reply, isToken(token))
    wire.poll(claims.last, request.url.length, new HttpPoll(reply, wire, this.#terms))
  }

  #pollElsewhere(request: FastifyRequest, reply: FastifyReply, token: string, claims: Claims): void {
    if (isRelayFull(this.#at)) return sendRefusal(reply, 503)
    const { session } = claims
    this.#untaken.get(session)?.cut()
    let cancel = (): void => {}
    const gaveUp = (): void => {
      cancel()
      if (this.#untaken.get(session) === poll) this.#untaken.delete(session)
    }
    const poll = new HttpPoll(reply, { gaveUp }, this.#terms)
    cancel = this.#at.relay.poll(relayed(this.#at, claims, token), request.url.length, {
      answered: (body) => {
        poll.answer(body.toString())
        if (!poll.isTaken) this.#untaken.set(session, poll)
      },
      gone: () => this.#open(request, reply, true),
      // It is asked again, with the same token: whatever was lost comes with the next answer.
      lost: () => poll.answer(`{"messages":[],"status":204,"token":"${token}"}`),
    })
  }

  /** @param isReturning The client shows the token of a session that is gone. */
  #open(request: FastifyRequest, reply: FastifyReply, isReturning: boolean): void {
    this.#admit(request, reply, isReturning ? urlWithoutToken(request.raw) : request.url).then(
      (admission) => {
        if (admission !== undefined) this.#begin(request, reply, admission, isReturning)
      },
      (error: unknown) => void reply.send(asError(error)),
    )
  }

  /** `undefined` where the client was refused, or went meanwhile. */
  async #admit(request: FastifyRequest, reply: FastifyReply, url: string): Promise<Admission | undefined> {
    const approach = { transport: 'longpoll', url, token: authTokenOf(request.headers) } as const
    const refusal = this.#at.door.examine(request, reply, approach) ?? (await this.#at.door.admit(request))
    if (refusal !== undefined) refuse(this.#at, request, reply, refusal)
    else if (!isGone(reply.raw)) return this.#at.door.handshake(request.raw)?.admission
    return undefined
  }

  #begin(request: FastifyRequest, reply: FastifyReply, admission: Admission, isReopened: boolean): void {
    const { slot } = this.#at.door.handshake(request.raw) as Handshake
    const wire = this.#at.pollers.make(admission.connection.id, isReopened, () => slot.leave())
    try {
      // The slot is that of the session from here on, and not of this request.
      slot.entered(reply.raw)
      wire.carry(this.#at.entrance.open(admission, wire))
      sendJson(reply, `{"messages":[],"status":410,"token":"${wire.issue()}"}`)
    } catch (error) {
      wire.terminate()
      void reply.send(asError(error))
    }
  }
}
