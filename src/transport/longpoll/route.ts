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
import { onCloseCalled, onServerCloses } from '../closing.ts'
import type { Refusal } from '../entrance.ts'
import { logSerializers, withTrailingSlash } from '../mounting.ts'
import { eachServer } from '../servers.ts'
import { endUnread, expectError, reword, rewordClosing } from './answers.ts'
import { hasHeader } from './asked.ts'
import { allowOrigin, answerPreflight } from './cors.ts'
import type { ResolvedLongPollOptions } from './options.ts'
import { Pollers } from './pollers.ts'
import { Polls } from './polls.ts'
import { Posts } from './posts.ts'
import { type Done, type LongPollRouteOptions, type LongPollWay, type PollEntrance, refuse } from './way.ts'

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

/** A time limit of handlers is none of polls: theirs is the window. Only where there is one, for each costs a timer. */
function withoutTimeout({ initialConfig }: FastifyInstance): { handlerTimeout?: number } {
  const { handlerTimeout = 0 } = initialConfig as { handlerTimeout?: number }
  return handlerTimeout > 0 ? { handlerTimeout: 2 ** 31 - 1 } : {}
}

class LongPollRoute {
  readonly routes: readonly Omit<RouteOptions, 'url'>[]
  readonly #at: PollEntrance
  readonly #polls: Polls
  readonly #posts: Posts

  constructor(options: LongPollRouteOptions, path: string, way: LongPollWay) {
    const { limits, longPoll } = options
    const { payloadBytes } = limits
    const pollers = new Pollers({ ...longPoll, path, payloadBytes, clock: way.entrance.clock })
    this.#at = { ...way, options, path, pollers }
    this.#polls = new Polls(this.#at)
    this.#posts = new Posts(this.#at)
    way.relay.serve(path, pollers)
    this.routes = this.#makeRoutes()
  }

  cutBodies(): void {
    this.#at.pollers.cutBodies()
  }

  #makeRoutes(): LongPollRoute['routes'] {
    const shared = { logSerializers, exposeHeadRoute: false, onSend: reword, onError: expectError } as const
    return [
      {
        ...shared,
        method: 'GET',
        onRequest: this.#inTurn((_request, _reply, done) => done()),
        handler: (request, reply) => this.#polls.get(request, reply),
      },
      {
        ...shared,
        method: 'POST',
        bodyLimit: this.#at.pollers.bodyBytes,
        onRequest: this.#inTurn((request, reply, done) => this.#posts.expect(request, reply, done)),
        handler: (request, reply) => this.#posts.post(request, reply),
      },
      // Both are answered in front of a body, for which Fastify would wait.
      {
        ...shared,
        method: 'OPTIONS',
        onRequest: this.#inTurn((request, reply) => void answerPreflight(request, reply)),
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

  /** Hooks that go on with a request which was not sent too early, of a page that may connect. */
  #inTurn(goOn: (request: FastifyRequest, reply: FastifyReply, done: Done) => void): onRequestHookHandler[] {
    return [
      (request, reply, done) => this.#awaitTurn(request, reply, done),
      (request, reply, done) => {
        if (this.#greet(request, reply, done)) goOn(request, reply, done)
      },
    ]
  }

  #awaitTurn(request: FastifyRequest, reply: FastifyReply, done: Done): void {
    const turn = this.#at.door.checkTurn(reply)
    if (turn === undefined) return done()
    void turn.then((refusal) => {
      if (refusal === undefined) done()
      else refuse(this.#at, request, reply, refusal)
    })
  }

  /** The pages that may not connect are told nothing else. False where the request is answered. */
  #greet(request: FastifyRequest, reply: FastifyReply, done: Done): boolean {
    const { checksOrigin } = this.#at.options
    try {
      const hasOrigin = hasHeader(request.raw, 'origin')
      const refusal =
        // The type does not tell, but Node does. Nothing is polled here: @fastify/websocket would open, and close.
        ((request.raw as { upgrade?: boolean }).upgrade ? UPGRADE : undefined) ??
        (hasOrigin ? this.#at.door.checkOrigin(request) : undefined)
      if (refusal !== undefined) refuse(this.#at, request, reply, refusal)
      else if (hasOrigin || !checksOrigin) allowOrigin(request, reply, checksOrigin)
      return refusal === undefined
    } catch (error) {
      done(asError(error))
      return false
    }
  }
}
