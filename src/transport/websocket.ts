import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import websocket from '@fastify/websocket'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { WebSocket } from 'ws'
import type { ConnectContext, Connection } from '../channel/infer.ts'
import { Rejection } from '../channel/result.ts'
import type { Codec } from '../protocol/message.ts'
import { negotiate } from '../protocol/negotiate.ts'
import type { Admission, Session } from '../session/session.ts'
import type { Wire } from '../session/wire.ts'
import { authToken, chooseProtocol, offeredProtocols, parseParams, redactUrl } from './handshake.ts'
import { answerClose, SenderWire, SocketWire } from './wire.ts'

/** What the WebSocket route asks of what stands behind it. */
export interface Gate {
  /** Why nobody can be let in now; `undefined` where they can. */
  readonly closedBecause: string | undefined
  makeConnectionId(): string
  now(): number
  open(admission: Admission, wire: Wire): Session
  refused(ip: string, reason: string, statusCode: number): void
}

export interface WebSocketOptions {
  readonly path: string
  readonly originAllowed: (origin: string, request: FastifyRequest) => boolean
  readonly connect: (context: ConnectContext) => unknown
  readonly connectionTopic: ((connection: Connection) => string | undefined) | undefined
  readonly subprotocols: readonly string[]
  readonly payloadBytes: number
  readonly compression: boolean
  /** Runs in `preClose`: resolves when the clients have been told and are gone. */
  readonly drain: () => Promise<void>
}

/** What is known of a client between the first hook and the upgrade. */
interface Handshake {
  readonly codec: Codec
  readonly params: Record<string, unknown>
  readonly token: string | undefined
  readonly protocol: string | undefined
  readonly reply: FastifyReply
  /** Known when `connect` has said yes. */
  admission: Admission | undefined
}

/** How long a peer has to answer a close frame before its connection is cut. */
const CLOSE_TIMEOUT_MS = 5_000

const handshakes = new WeakMap<IncomingMessage, Handshake>()
const kSession = Symbol('beryl session')

type BerylWebSocket = WebSocket & { [kSession]?: Session }

/** Mounts `<path>/websocket`, where Phoenix clients look for it. */
export async function mountWebSocket(
  app: FastifyInstance,
  options: WebSocketOptions,
  gate: Gate,
): Promise<void> {
  await ensureWebSocketPlugin(app, options)
  const url = `${options.path}/websocket`
  const route = websocketRoute(options, gate)
  for (const variant of withTrailingSlash(app, url)) {
    app.route({ ...route, url: variant })
    app.route({ method: ['POST', 'PUT', 'PATCH', 'DELETE'], url: variant, handler: badRequest })
  }
}

function websocketRoute(options: WebSocketOptions, gate: Gate): Omit<RouteOptions, 'url'> {
  return {
    method: 'GET',
    exposeHeadRoute: false,
    // Tokens travel in the query, and logs are read by many.
    logSerializers: { req: ({ method, url, ip }: FastifyRequest) => ({ method, url: redactUrl(url), ip }) },
    onRequest: (request, reply, done) => {
      const refusal = examine(options, gate, request, reply)
      if (refusal === undefined) return done()
      refuse(gate, request, reply, refusal)
    },
    preHandler: (request, reply) => admit(options, gate, request, reply),
    handler: (_request, reply) => reply.code(426).header('upgrade', 'websocket').send(),
    wsHandler: (ws, request) => open(gate, ws as BerylWebSocket, request),
  }
}

interface Refusal {
  readonly reason: string
  readonly statusCode: number
}

/** Looks at what costs nothing to look at. Runs before the application's `preHandler` hooks and `connect`. */
function examine(
  options: WebSocketOptions,
  gate: Gate,
  request: FastifyRequest,
  reply: FastifyReply,
): Refusal | undefined {
  const { origin } = request.headers
  if (typeof origin === 'string' && !options.originAllowed(origin, request)) {
    return { reason: 'origin', statusCode: 403 }
  }
  if (gate.closedBecause !== undefined) return { reason: gate.closedBecause, statusCode: 503 }
  const params = parseParams(request.raw.url ?? '')
  const codec = negotiate(params.vsn)
  if (codec === undefined) return { reason: 'vsn', statusCode: 403 }
  const offered = offeredProtocols(request.headers)
  const protocol = chooseProtocol(offered, options.subprotocols)
  if (protocol === false) return { reason: 'subprotocol', statusCode: 403 }
  handshakes.set(request.raw, {
    codec,
    params,
    token: authToken(offered),
    protocol,
    reply,
    admission: undefined,
  })
  return undefined
}

/** Asks `connect`. What it throws is the application's error: Fastify's error handler answers, with 500 by default. */
async function admit(
  options: WebSocketOptions,
  gate: Gate,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  const handshake = handshakes.get(request.raw) as Handshake
  const { params, token, codec } = handshake
  const assigns = await options.connect({ params, request, authToken: token })
  if (assigns instanceof Rejection)
    return refuse(gate, request, reply, { reason: 'connect', statusCode: 403 })
  if (gate.closedBecause !== undefined) {
    return refuse(gate, request, reply, { reason: gate.closedBecause, statusCode: 503 })
  }
  const connection = Object.freeze({
    id: gate.makeConnectionId(),
    assigns: (assigns ?? {}) as Connection['assigns'],
    ip: request.ip,
    transport: 'websocket',
    connectedAt: gate.now(),
  })
  handshake.admission = { connection, codec, connectionTopic: options.connectionTopic?.(connection) }
  return undefined
}

function refuse(gate: Gate, request: FastifyRequest, reply: FastifyReply, refusal: Refusal): FastifyReply {
  const { reason, statusCode } = refusal
  gate.refused(request.ip, reason, statusCode)
  if (statusCode === 503) reply.header('retry-after', '5')
  return reply.code(statusCode).send()
}

function open(gate: Gate, ws: BerylWebSocket, request: FastifyRequest): void {
  const { admission, reply } = handshakes.get(request.raw) as Handshake
  const socket = request.raw.socket as Socket | undefined
  letGo(ws, socket, reply)
  const isDirect = socket !== undefined && ws.extensions === ''
  ws[kSession] = gate.open(admission as Admission, isDirect ? new SocketWire(ws, socket) : new SenderWire(ws))
  ws.close = answerClose
  ws.on('message', onMessage).on('close', onClose).on('error', onError)
}

/**
 * An open connection needs nothing of its HTTP request any more. @fastify/websocket's error listener and the socket's
 * link to its response would keep both alive as long as the connection.
 */
function letGo(ws: WebSocket, socket: Socket | undefined, reply: FastifyReply): void {
  ws.removeAllListeners('error')
  if (socket !== undefined && reply.raw.socket === socket) reply.raw.detachSocket(socket)
}

/**
 * Registers @fastify/websocket where the scope does not have it.
 *
 * It routes every upgrade of the HTTP server that it listens to. A second one on the same server (a second scope with a
 * mount of its own) must not: it is given a server that never upgrades, and serves what the first one routes to it.
 */
async function ensureWebSocketPlugin(app: FastifyInstance, options: WebSocketOptions): Promise<void> {
  if (app.hasDecorator('websocketServer')) {
    app.log.warn(
      '@fastify/websocket was registered before fastify-beryl: its own options apply (maxPayload, perMessageDeflate, ' +
        'handleProtocols), and on close its preClose hook closes the clients before they can be told to come back',
    )
    app.addHook('preClose', options.drain)
    return
  }
  const { payloadBytes, compression, drain } = options
  const isFirst = !upgraded.has(app.server)
  upgraded.add(app.server)
  const serverOptions = {
    maxPayload: payloadBytes,
    perMessageDeflate: compression,
    clientTracking: false,
    closeTimeout: CLOSE_TIMEOUT_MS,
    handleProtocols: (_offered: Set<string>, request: IncomingMessage) =>
      handshakes.get(request)?.protocol ?? false,
    ...(isFirst ? {} : { server: new EventEmitter() as Server }),
  }
  await app.register(websocket, {
    options: serverOptions,
    // Its own would close the clients without a code.
    preClose: (done) => void drain().then(() => done(), done),
  })
}

const upgraded = new WeakSet<object>()

function withTrailingSlash(app: FastifyInstance, url: string): string[] {
  const { ignoreTrailingSlash, routerOptions } = app.initialConfig as {
    ignoreTrailingSlash?: boolean
    routerOptions?: { ignoreTrailingSlash?: boolean }
  }
  return ignoreTrailingSlash || routerOptions?.ignoreTrailingSlash ? [url] : [url, `${url}/`]
}

function badRequest(_request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return reply.code(400).send()
}

// Listeners, shared by all connections

function onMessage(this: BerylWebSocket, data: Buffer, isBinary: boolean): void {
  this[kSession]?.receive(data, isBinary)
}

function onClose(this: BerylWebSocket, code: number): void {
  this[kSession]?.disconnected(code)
}

function onError(this: BerylWebSocket, error: Error): void {
  this[kSession]?.failed(error)
}
