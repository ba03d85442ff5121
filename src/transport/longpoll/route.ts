import type { IncomingHttpHeaders } from 'node:http'
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  onRequestHookHandler,
  RouteOptions,
} from 'fastify'
import type { Clock } from '../../ground/clock.ts'
import { Deadline } from '../../ground/deadline.ts'
import { asError } from '../../ground/foreign.ts'
import type { Admission } from '../../session/admission.ts'
import { onCloseCalled, onServerCloses } from '../closing.ts'
import type { Doorkeeper, DoorOptions, Handshake } from '../doorkeeper.ts'
import type { Entrance, Refusal } from '../entrance.ts'
import { addressOf } from '../handshake.ts'
import { logSerializers, withTrailingSlash } from '../mounting.ts'
import { eachServer } from '../servers.ts'
import {
  endUnread,
  expectError,
  PostAnswers,
  reword,
  rewordClosing,
  sendJson,
  sendPostAnswer,
  sendRefusal,
} from './answers.ts'
import { authTokenOf, hasHeader, tokenIn, urlWithoutToken } from './asked.ts'
import type { BodyRoom } from './body-budget.ts'
import { allowOrigin, answerPreflight } from './cors.ts'
import { type Held, heldOf, hold, isGone } from './held.ts'
import { HttpPoll, type PollTerms } from './http-poll.ts'
import type { ResolvedLongPollOptions } from './options.ts'
import { goneMs } from './poll-wire.ts'
import { Pollers, type PostAnswer, readPostAnswer } from './pollers.ts'
import type { PollRelay, Relayed } from './relay.ts'
import { type Claims, isToken } from './token.ts'

export interface LongPollRouteOptions {
  readonly path: string
  readonly checksOrigin: boolean
  readonly longPoll: ResolvedLongPollOptions
  readonly limits: DoorOptions['limits'] & { readonly payloadBytes: number }
  readonly drain: { readonly closeMs: number; readonly timeoutMs: number }
}

/** The parts of the node behind the route. */
export interface LongPollWay {
  readonly entrance: Entrance
  readonly door: Doorkeeper
  readonly relay: PollRelay
}

/** A type of which Fastify reads the body: it answers 415 to any other, and to an empty one. */
const MEDIA_TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(?:;|$)/

/** A request for a WebSocket: it is at the wrong path. */
const UPGRADE: Refusal = { reason: 'upgrade', statusCode: 400 }

/** Phoenix's word to caches, where an answer has no body. */
const NOT_CACHED = 'max-age=0, private, must-revalidate'

/** Mounts `<path>/longpoll`, where Phoenix clients look for it. */
export async function mountLongPoll(
  app: FastifyInstance,
  options: LongPollRouteOptions,
  way: LongPollWay,
): Promise<void> {
  const path = `${app.prefix}${options.path}`
  const urls = withTrailingSlash(app, '/longpoll')
  warnOfTimeouts(app, options.longPoll)
  rewordClosing(
    app,
    urls.map((url) => `${path}${url}`),
  )
  onCloseCalled(app, () => way.relay.close())
  const route = new LongPollRoute(options, path, way)
  endBodies(app, options.drain, way.entrance.clock, () => route.cutBodies())
  // A scope of its own: bodies are read as they come, and whatever type they claim to be of.
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    const timeout = withoutTimeout(app)
    for (const url of urls)
      for (const each of route.routes) scope.route({ ...timeout, ...each, url: `${options.path}${url}` })
  })
}

/** The server waits for each body that has begun to come: not for longer than for an answer to a close. */
function endBodies(
  app: FastifyInstance,
  { closeMs, timeoutMs }: LongPollRouteOptions['drain'],
  clock: Clock,
  cut: () => void,
): void {
  let deadline = new Deadline(clock, timeoutMs)
  onCloseCalled(app, () => {
    deadline = new Deadline(clock, timeoutMs)
  })
  eachServer(app, (server) =>
    onServerCloses(server, () => {
      const timer = clock.setTimeout(cut, deadline.within(closeMs))
      server.once('close', () => timer.cancel())
    }),
  )
}

/** A time limit of Fastify's that a poll cannot meet. */
function warnOfTimeouts(app: FastifyInstance, { windowMs }: ResolvedLongPollOptions): void {
  const { connectionTimeout = 0 } = app.initialConfig
  if (connectionTimeout === 0 || connectionTimeout > windowMs) return
  app.log.warn(
    `Fastify's connectionTimeout (${connectionTimeout} ms) cuts polls that wait: make it longer than longPoll.windowMs (${windowMs})`,
  )
}

type Done = (error?: Error) => void

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

/** A time limit of handlers is none of polls: theirs is the window. Only where there is one, for each costs a timer. */
function withoutTimeout({ initialConfig }: FastifyInstance): { handlerTimeout?: number } {
  const { handlerTimeout = 0 } = initialConfig as { handlerTimeout?: number }
  return handlerTimeout > 0 ? { handlerTimeout: 2 ** 31 - 1 } : {}
}

class LongPollRoute {
  readonly routes: readonly Omit<RouteOptions, 'url'>[]
  readonly #options: LongPollRouteOptions
  readonly #entrance: Entrance
  readonly #door: Doorkeeper
  readonly #relay: PollRelay
  readonly #pollers: Pollers
  readonly #path: string
  readonly #pollTerms: PollTerms
  readonly #postAnswers: PostAnswers
  /** The polls for sessions of other nodes whose clients have not taken all of the answer yet. */
  readonly #untaken = new Map<string, HttpPoll>()

  constructor(options: LongPollRouteOptions, path: string, { entrance, door, relay }: LongPollWay) {
    const { limits, longPoll } = options
    const { payloadBytes } = limits
    this.#options = options
    this.#entrance = entrance
    this.#door = door
    this.#pollers = new Pollers({ ...longPoll, path, payloadBytes, clock: entrance.clock })
    this.#path = path
    this.#pollTerms = { clock: entrance.clock, patienceMs: goneMs(longPoll) }
    this.#postAnswers = new PostAnswers(entrance.clock)
    this.#relay = relay
    relay.serve(path, this.#pollers)
    this.routes = this.#makeRoutes()
  }

  cutBodies(): void {
    this.#pollers.cutBodies()
  }

  #makeRoutes(): LongPollRoute['routes'] {
    const awaitTurn: onRequestHookHandler = (request, reply, done) => this.#awaitTurn(request, reply, done)
    const shared = { logSerializers, exposeHeadRoute: false, onSend: reword, onError: expectError } as const
    return [
      {
        ...shared,
        method: 'GET',
        onRequest: [
          awaitTurn,
          (request, reply, done) => {
            if (this.#greet(request, reply, done)) done()
          },
        ],
        handler: (request, reply) => this.#get(request, reply),
      },
      {
        ...shared,
        method: 'POST',
        bodyLimit: this.#pollers.bodyBytes,
        onRequest: [
          awaitTurn,
          (request, reply, done) => {
            if (this.#greet(request, reply, done)) this.#expectBody(request, reply, done)
          },
        ],
        handler: (request, reply) => this.#post(request, reply),
      },
      // Both are answered in front of a body, for which Fastify would wait.
      {
        ...shared,
        method: 'OPTIONS',
        onRequest: [
          awaitTurn,
          (request, reply, done) => {
            if (this.#greet(request, reply, done)) answerPreflight(request, reply)
          },
        ],
        handler: (_request, reply) => reply,
      },
      {
        logSerializers,
        method: ['PUT', 'PATCH', 'DELETE', 'HEAD'],
        onRequest: (request, reply, done) => {
          if (this.#greet(request, reply, done)) reply.header('cache-control', NOT_CACHED).code(400).send()
        },
        onSend: endUnread,
        handler: (_request, reply) => reply,
      },
    ]
  }

  #awaitTurn(request: FastifyRequest, reply: FastifyReply, done: Done): void {
    const turn = this.#door.checkTurn(reply)
    if (turn === undefined) return done()
    void turn.then((refusal) => {
      if (refusal === undefined) done()
      else this.#refuse(request, reply, refusal)
    })
  }

  /** The pages that may not connect are told nothing else. False where the request is answered. */
  #greet(request: FastifyRequest, reply: FastifyReply, done: Done): boolean {
    try {
      const hasOrigin = hasHeader(request.raw, 'origin')
      const refusal =
        // The type does not tell, but Node does. Nothing is polled here: @fastify/websocket would open, and close.
        ((request.raw as { upgrade?: boolean }).upgrade ? UPGRADE : undefined) ??
        (hasOrigin ? this.#door.checkOrigin(request) : undefined)
      if (refusal !== undefined) this.#refuse(request, reply, refusal)
      else if (hasOrigin || !this.#options.checksOrigin)
        allowOrigin(request, reply, this.#options.checksOrigin)
      return refusal === undefined
    } catch (error) {
      done(asError(error))
      return false
    }
  }

  #refuse(request: FastifyRequest, reply: FastifyReply, refusal: Refusal): void {
    this.#entrance.refused(addressOf(request), refusal)
    sendRefusal(reply, refusal.statusCode)
  }

  // A poll, or a client that is new

  #get(request: FastifyRequest, reply: FastifyReply): void {
    if (isGone(reply.raw)) return
    const token = tokenIn(request.raw)
    const claims = this.#pollers.read(token)
    const wire = claims?.owner
    if (claims !== undefined && wire === undefined && claims.node !== this.#entrance.node)
      return this.#pollElsewhere(request, reply, token, claims)
    if (wire === undefined || claims === undefined) return this.#open(request, reply, isToken(token))
    wire.poll(claims.last, request.url.length, new HttpPoll(reply, wire, this.#pollTerms))
  }

  #pollElsewhere(request: FastifyRequest, reply: FastifyReply, token: string, claims: Claims): void {
    if (this.#relay.count >= this.#options.limits.connections) return sendRefusal(reply, 503)
    const { session } = claims
    this.#untaken.get(session)?.cut()
    let cancel = (): void => {}
    const gaveUp = (): void => {
      cancel()
      if (this.#untaken.get(session) === poll) this.#untaken.delete(session)
    }
    const poll = new HttpPoll(reply, { gaveUp }, this.#pollTerms)
    cancel = this.#relay.poll(this.#relayed(claims, token), request.url.length, {
      answered: (body) => {
        poll.answer(body.toString())
        if (!poll.isTaken) this.#untaken.set(session, poll)
      },
      gone: () => this.#open(request, reply, true),
      // It is asked again, with the same token: whatever was lost comes with the next answer.
      lost: () => poll.answer(`{"messages":[],"status":204,"token":"${token}"}`),
    })
  }

  #relayed({ node }: Claims, token: string): Relayed {
    return { node, token, path: this.#path, pubsubTimeoutMs: this.#options.longPoll.pubsubTimeoutMs }
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
    const refusal = this.#door.examine(request, reply, approach) ?? (await this.#door.admit(request))
    if (refusal !== undefined) this.#refuse(request, reply, refusal)
    else if (!isGone(reply.raw)) return this.#door.handshake(request.raw)?.admission
    return undefined
  }

  #begin(request: FastifyRequest, reply: FastifyReply, admission: Admission, isReopened: boolean): void {
    const { slot } = this.#door.handshake(request.raw) as Handshake
    const wire = this.#pollers.make(admission.connection.id, isReopened, () => slot.leave())
    try {
      // The slot is that of the session from here on, and not of this request.
      slot.entered(reply.raw)
      wire.carry(this.#entrance.open(admission, wire))
      sendJson(reply, `{"messages":[],"status":410,"token":"${wire.issue()}"}`)
    } catch (error) {
      wire.terminate()
      void reply.send(asError(error))
    }
  }

  // Messages

  /** Looks at the head: nothing is read of a body that is too long, or for nobody. */
  #expectBody({ raw }: FastifyRequest, reply: FastifyReply, done: Done): void {
    if (isGone(reply.raw)) return
    const token = tokenIn(raw)
    const claims = this.#pollers.read(token)
    const wire = claims?.owner
    if (claims === undefined || (wire === undefined && claims.node === this.#entrance.node))
      return sendPostAnswer(reply, { status: 410 })
    const { bodyBytes } = this.#pollers
    // Without a length it may be as long as may be.
    const bytes = Number(raw.headers['content-length'] ?? bodyBytes)
    if (bytes > bodyBytes) wire?.session?.limitReached('limits.payloadBytes')
    if (bytes > bodyBytes) return sendPostAnswer(reply, { status: 413 })
    const room = this.#pollers.room(claims.session, bytes, reply.raw)
    if (typeof room === 'number') return sendPostAnswer(reply, { status: room })
    hold(reply.raw, new Posting(claims, token, room))
    readWhateverType(raw.headers)
    done()
  }

  #post(request: FastifyRequest, reply: FastifyReply): void {
    const posting = heldOf(reply.raw) as Posting
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
    if (isGone(reply.raw) && !this.#takeRoomAgain(posting, body.length, reply)) return
    posting.hasCome()
    const isNdjson = request.headers['content-type'] === 'application/x-ndjson'
    const done = (answer: PostAnswer): void => {
      posting.room.release()
      this.#postAnswers.send(reply, answer)
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
    const room = this.#pollers.room(posting.claims.session, bytes, reply.raw)
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
    if (claims.node === this.#entrance.node) return this.#pollers.post(claims.session, body, isNdjson, done)
    if (this.#relay.count >= this.#options.limits.connections) return done({ status: 503 })
    this.#relay.post(this.#relayed(claims, token), body, isNdjson, {
      answered: (answer) => done(readPostAnswer(answer.toString())),
      gone: () => done({ status: 410 }),
      lost: () => done({ status: 500 }),
    })
  }
}
