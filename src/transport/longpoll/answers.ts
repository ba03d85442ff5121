import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../ground/clock.ts'
import { onCloseCalled } from '../closing.ts'
import { eachServer } from '../servers.ts'
import { hasHeader } from './asked.ts'
import { heldOf, setWorded, unsetWorded } from './held.ts'
import type { PostAnswer } from './pollers.ts'

// Phoenix's client reads the JSON of an answer, and there its `status`, never that of HTTP. A JSON without one, or with one that
// it does not know, throws in it: it then polls no more, for ever. So whatever is answered in our place is said in its words.

const JSON_TYPE = 'application/json; charset=utf-8'
/** The word upon which every version of the client comes back after a while. */
const AGAIN = '{"status":500}'

/** The servers whose close was called. Most processes have none: `isAnyClosing` spares them the look with each answer. */
const closing = new WeakSet<object>()
let isAnyClosing = false

export function sendJson(reply: FastifyReply, body: string, statusCode = 200): void {
  setWorded(reply.raw)
  reply.code(statusCode).header('content-type', JSON_TYPE).header('cache-control', 'no-store').send(body)
}

/** Where Phoenix has such an answer it is 200 in HTTP. */
export function sendPostAnswer(reply: FastifyReply, { status, taken }: PostAnswer): void {
  const isPhoenix = status === 200 || status === 410
  const more = taken === undefined ? '' : `,"taken":${taken}`
  sendJson(reply, `{"status":${status}${more}}`, isPhoenix ? 200 : status)
}

/**
 * The answers to POSTs, which leave together at the end of the turn of the event loop, as frames do: a client whose process is woken once
 * reads several.
 */
export class PostAnswers {
  readonly #clock: Clock
  #waiting: (readonly [FastifyReply, PostAnswer])[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  send(reply: FastifyReply, answer: PostAnswer): void {
    if (this.#waiting.length === 0) this.#clock.setImmediate(() => this.#flush())
    this.#waiting.push([reply, answer])
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const [reply, answer] of waiting) sendPostAnswer(reply, answer)
  }
}

/** Not let in: `403` for good, any other number for now. */
export function sendRefusal(reply: FastifyReply, statusCode: number): void {
  if (statusCode === 403) return sendJson(reply, '{"status":403}')
  if (statusCode === 503) reply.header('retry-after', '5')
  sendJson(reply, AGAIN, statusCode)
}

type SendDone = (error: Error | null, payload?: unknown) => void

/** The last to see an answer. An error, or the answer of a hook or an error handler of others, is said in the client's words. */
export function reword(request: FastifyRequest, reply: FastifyReply, payload: unknown, done: SendDone): void {
  // A connection that is kept behind an answer given now would hold up the close for as long as Fastify keeps connections.
  if ((isAnyClosing && closing.has(reply.server.server)) || isUnread(request.raw))
    endConnection(request, reply)
  const { statusCode } = reply
  if (heldOf(reply.raw)?.isWorded || (statusCode < 400 && isAnswer(request, statusCode, payload)))
    return done(null, payload)
  if (payload instanceof Readable) payload.destroy()
  // Every poll of a session may have the same URL: an answer that were kept would be given to the next one.
  if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
  reply.removeHeader('content-encoding').removeHeader('content-length').header('content-type', JSON_TYPE)
  done(null, `{"status":${wordFor(request.method, statusCode)}}`)
}

/** True where the client can take what others answered: with a redirect, the answer to a preflight, or a word that it knows. */
function isAnswer({ method }: FastifyRequest, statusCode: number, payload: unknown): boolean {
  return statusCode >= 300 || method === 'OPTIONS' || isWord(payload)
}

/** The two words that need nothing else beside them. */
function isWord(payload: unknown): boolean {
  if (typeof payload !== 'string') return false
  try {
    const said: unknown = JSON.parse(payload)?.status
    return said === 403 || said === 500
  } catch {
    return false
  }
}

/** A hook of others failed where our answer had been given: it is that error which is to be said now. */
export function expectError(
  _request: FastifyRequest,
  reply: FastifyReply,
  _error: Error,
  done: () => void,
): void {
  unsetWorded(reply.raw)
  done()
}

/** Ends the connection behind an answer without words, where its request has a body that was not read. */
export function endUnread(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: SendDone,
): void {
  if (isUnread(request.raw)) endConnection(request, reply)
  done(null, payload)
}

/**
 * True where a request is answered in front of its body. That may never come, and its connection is none that Node counts as idle: a
 * close would wait for its client.
 */
function isUnread(request: IncomingMessage): boolean {
  if (request.complete) return false
  if (hasHeader(request, 'transfer-encoding')) return true
  return hasHeader(request, 'content-length') && request.headers['content-length'] !== '0'
}

/** HTTP/2 forbids the header. */
function endConnection({ raw }: FastifyRequest, reply: FastifyReply): void {
  if (raw.httpVersionMajor === 1) reply.header('connection', 'close')
}

function wordFor(method: string, statusCode: number): number {
  if (statusCode === 401 || statusCode === 403) return 403
  if (method === 'GET' || statusCode >= 500 || statusCode < 400) return 500
  return statusCode === 413 ? 413 : 400
}

/** While Fastify closes it answers 503 before any route is asked. */
export function rewordClosing(app: FastifyInstance, urls: readonly string[]): void {
  onCloseCalled(app, () => {
    closing.add(app.server)
    isAnyClosing = true
  })
  const isOurs = (url: string): boolean => urls.includes(url.split(/[?;]/, 1)[0] ?? '')
  eachServer(app, (server) =>
    server.prependListener('request', ({ url = '' }: IncomingMessage, response: ServerResponse) => {
      if (closing.has(app.server) && isOurs(url)) rewordUnavailable(response)
    }),
  )
}

function rewordUnavailable(response: ServerResponse): void {
  let isUnavailable = false
  response.writeHead = new Proxy(response.writeHead, {
    apply(target, self, args) {
      isUnavailable = args[0] === 503
      const headers = {
        'content-type': JSON_TYPE,
        'content-length': AGAIN.length,
        'cache-control': 'no-store',
      }
      return Reflect.apply(target, self, isUnavailable ? [503, headers] : args)
    },
  })
  response.end = new Proxy(response.end, {
    apply: (target, self, args) => Reflect.apply(target, self, isUnavailable ? [AGAIN] : args),
  })
}
