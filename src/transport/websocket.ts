import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import websocket from '@fastify/websocket'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { WebSocket } from 'ws'
import { isPromiseLike } from '../channel/interpret.ts'
import type { Admission, Session } from '../session/session.ts'
import type { Wire } from '../session/wire.ts'
import type { LimitName } from '../telemetry.ts'
import { Doorkeeper, type DoorOptions, type Handshake, type House, type Refusal } from './doorkeeper.ts'
import { hideToken, redactUrl } from './handshake.ts'
import { redeemTicket } from './in-process.ts'
import { checkVersions } from './versions.ts'
import { answerClose, SenderWire, SocketWire } from './wire.ts'

/** What the WebSocket route asks of what stands behind it. */
export interface Gate extends House {
  open(admission: Admission, wire: Wire): Session
  refused(ip: string, refusal: Refusal): void
}

export interface WebSocketOptions extends DoorOptions {
  readonly path: string
  readonly compression: boolean
  readonly limits: DoorOptions['limits'] & {
    readonly payloadBytes: number
    readonly fragments: number
    readonly bufferedChunks: number
  }
  /** Runs in `preClose`: resolves when the clients have been told and are gone. */
  readonly drain: () => Promise<void>
}

/** How long a peer has to answer a close frame before its connection is cut. */
const CLOSE_TIMEOUT_MS = 5_000

const RETRY_AFTER_SECONDS = '5'

/** What Phoenix says to whatever stands between it and the client. */
const NOT_CACHED = 'Cache-Control: max-age=0, private, must-revalidate'

const kSession = Symbol('beryl session')

type BerylWebSocket = WebSocket & { [kSession]?: Session }

/** Mounts `<path>/websocket`, where Phoenix clients look for it. */
export async function mountWebSocket(
  app: FastifyInstance,
  options: WebSocketOptions,
  gate: Gate,
): Promise<void> {
  const door = new Doorkeeper(options, gate)
  endLateUpgrades(app)
  await ensureWebSocketPlugin(app, options, door)
  checkVersions(app.websocketServer)
  app.websocketServer.on('headers', (headers: string[], request: IncomingMessage) => {
    if (door.handshake(request) === undefined) return
    hideToken(headers)
    headers.push(NOT_CACHED)
  })
  const route = websocketRoute(door, gate)
  for (const url of withTrailingSlash(app, `${options.path}/websocket`)) {
    app.route({ ...route, url })
    app.route({ method: ['POST', 'PUT', 'PATCH', 'DELETE'], url, handler: badRequest })
  }
}

function websocketRoute(door: Doorkeeper, gate: Gate): Omit<RouteOptions, 'url'> {
  return {
    method: 'GET',
    exposeHeadRoute: false,
    // Tokens travel in the query, and logs are read by many.
    logSerializers: { req: ({ method, url, ip }: FastifyRequest) => ({ method, url: redactUrl(url), ip }) },
    onRequest: (request, reply, done) => goOn(gate, request, reply, done, door.examine(request, reply)),
    preHandler(request, reply, done) {
      const refusal = door.admit(request)
      if (!isPromiseLike(refusal)) return goOn(gate, request, reply, done, refusal)
      refusal.then((settled) => goOn(gate, request, reply, done, settled as Refusal | undefined), done)
    },
    handler: (request, reply) => openInProcess(door, gate, request, reply),
    onResponse: endRefused,
    wsHandler: (ws, request) => open(door, gate, ws as BerylWebSocket, request),
  }
}

/**
 * @fastify/websocket ends the connection of a refused upgrade, but not where a hook refuses that the application added
 * before it. Nothing reads that socket any more: it would not even notice that its client is gone.
 */
function endRefused({ raw }: FastifyRequest, _reply: FastifyReply, done: () => void): void {
  // The type does not tell, but Node does.
  if ((raw as { upgrade?: boolean }).upgrade) socketOf(raw)?.destroySoon()
  done()
}

/** On to the next hook, or back to the client. */
function goOn(
  gate: Gate,
  request: FastifyRequest,
  reply: FastifyReply,
  done: () => void,
  refusal: Refusal | undefined,
): void {
  if (refusal === undefined) return done()
  gate.refused(request.ip, refusal)
  if (refusal.statusCode === 503) reply.header('retry-after', RETRY_AFTER_SECONDS)
  reply.code(refusal.statusCode).send()
}

function open(door: Doorkeeper, gate: Gate, ws: BerylWebSocket, request: FastifyRequest): void {
  const { admission, place, reply } = door.handshake(request.raw) as Handshake
  const socket = socketOf(request.raw)
  letGo(ws, socket, reply)
  place.entered()
  const isDirect = socket !== undefined && ws.extensions === ''
  ws[kSession] = gate.open(admission as Admission, isDirect ? new SocketWire(ws, socket) : new SenderWire(ws))
  ws.close = answerClose
  ws.on('message', onMessage).on('close', onClose).on('error', onError).on('close', place.leave)
}

/** A request that asks for no upgrade is told to, unless it is that of a client in this process. */
function openInProcess(
  door: Doorkeeper,
  gate: Gate,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const client = redeemTicket(request.headers)
  if (client === undefined) return reply.code(426).header('upgrade', 'websocket').send()
  const { admission, place } = door.handshake(request.raw) as Handshake
  reply.raw.off('close', place.leave)
  place.entered()
  const open = (wire: Wire): Session => gate.open(admission as Admission, wire)
  client.admitted({ open, left: place.leave, clock: gate.clock })
  return reply.code(101).send()
}

/**
 * An open connection needs nothing of its HTTP request any more. @fastify/websocket's error listener and the socket's
 * link to its response would keep both alive as long as the connection.
 */
function letGo(ws: WebSocket, socket: Socket | undefined, reply: FastifyReply): void {
  ws.removeAllListeners('error')
  // Its end would give back the client's place.
  reply.raw.removeAllListeners('close')
  if (socket === undefined) return
  socket.removeListener('timeout', cut).removeListener('end', cut)
  if (reply.raw.socket === socket) reply.raw.detachSocket(socket)
}

/**
 * Registers @fastify/websocket where the scope does not have it.
 *
 * It routes every upgrade of the HTTP server that it listens to. A second one on the same server (a second scope with a
 * mount of its own) must not: it is given a server that never upgrades, and serves what the first one routes to it.
 */
async function ensureWebSocketPlugin(
  app: FastifyInstance,
  options: WebSocketOptions,
  door: Doorkeeper,
): Promise<void> {
  if (app.hasDecorator('websocketServer')) {
    app.log.warn(
      '@fastify/websocket was registered before fastify-beryl: its own options apply (maxPayload, perMessageDeflate, ' +
        'handleProtocols), and on close its preClose hook closes the clients before they can be told to come back',
    )
    app.addHook('preClose', options.drain)
    return
  }
  const { compression, drain, limits } = options
  const isFirst = !upgraded.has(app.server)
  upgraded.add(app.server)
  const serverOptions = {
    // ws takes 0 for no limit.
    maxPayload: finite(limits.payloadBytes),
    maxFragments: finite(limits.fragments),
    maxBufferedChunks: finite(limits.bufferedChunks),
    perMessageDeflate: compression,
    clientTracking: false,
    closeTimeout: CLOSE_TIMEOUT_MS,
    handleProtocols: (_offered: Set<string>, request: IncomingMessage) =>
      door.handshake(request)?.protocol ?? false,
    ...(isFirst ? {} : { server: new EventEmitter() as Server }),
  }
  await app.register(websocket, {
    options: serverOptions,
    // Its own would close the clients without a code.
    preClose: (done) => void drain().then(() => done(), done),
  })
  if (isFirst) boundUpgrades(app, limits.handshakeTimeoutMs)
}

const upgraded = new WeakSet<object>()

/**
 * Outside of the scope that has @fastify/websocket, or where the URL cannot be read, an upgrade is answered (404, 400) and
 * its connection then belongs to nobody: neither the HTTP server nor ws would ever end it, not even when its client has.
 * Whatever comes of an upgrade comes within the time for a handshake; ws switches this off where it takes over. Most are
 * done when @fastify/websocket has heard of them: they are read, and need no timer.
 */
function boundUpgrades(app: FastifyInstance, handshakeTimeoutMs: number): void {
  const timeoutMs = finite(2 * handshakeTimeoutMs)
  app.server.on('upgrade', (request, stream) => {
    if (stream.listenerCount('data') === 0) socketOf(request)?.setTimeout(timeoutMs, cut).on('end', cut)
  })
}

/**
 * While Fastify closes it answers an upgrade with 503 before any hook, and nobody ends the socket, which no server counts
 * as idle: `close` would wait for as long as the client stays. Clients come back within 10 ms, so there is often one.
 */
function endLateUpgrades(app: FastifyInstance): void {
  let isClosing = false
  app.addHook('preClose', (done) => {
    isClosing = true
    done()
  })
  app.server.on('upgrade', (request) => {
    // Behind the answer, which another listener gives in this turn.
    if (isClosing) queueMicrotask(() => socketOf(request)?.destroySoon())
  })
}

/**
 * What a request came in on; nothing with `injectWS`. Node 26 hands over a stream of its own where an upgrade has a body,
 * with none of a socket's methods: a listener that expects them would end the process.
 */
function socketOf(request: IncomingMessage): Socket | undefined {
  return request.socket as Socket | undefined
}

function withTrailingSlash(app: FastifyInstance, url: string): string[] {
  const { ignoreTrailingSlash, routerOptions } = app.initialConfig as {
    ignoreTrailingSlash?: boolean
    routerOptions?: { ignoreTrailingSlash?: boolean }
  }
  return ignoreTrailingSlash || routerOptions?.ignoreTrailingSlash ? [url] : [url, `${url}/`]
}

function finite(limit: number): number {
  return Number.isFinite(limit) ? limit : 0
}

function badRequest(_request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return reply.code(400).send()
}

// Listeners, shared by all connections

function cut(this: Socket): void {
  this.destroy()
}

function onMessage(this: BerylWebSocket, data: Buffer, isBinary: boolean): void {
  this[kSession]?.receive(data, isBinary)
}

function onClose(this: BerylWebSocket, code: number): void {
  this[kSession]?.disconnected(code)
}

function onError(this: BerylWebSocket, error: Error): void {
  this[kSession]?.failed(error, limitOf(error))
}

/** The limit that made ws refuse a frame. Two have a code in common. */
function limitOf({ code, message }: Error & { code?: string }): LimitName | undefined {
  switch (code) {
    case 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH':
    case 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH':
      return 'limits.payloadBytes'
    case 'WS_ERR_TOO_MANY_BUFFERED_PARTS':
      return message.includes('fragments') ? 'limits.fragments' : 'limits.bufferedChunks'
    default:
      return undefined
  }
}
