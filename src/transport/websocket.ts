import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import websocket from '@fastify/websocket'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { WebSocket } from 'ws'
import { show } from '../errors.ts'
import type { Admission, Session } from '../session/session.ts'
import type { Wire } from '../session/wire.ts'
import type { LimitName } from '../telemetry.ts'
import { Doorkeeper, type DoorOptions, type Handshake, type House, type Refusal } from './doorkeeper.ts'
import { hideToken, redactUrl } from './handshake.ts'
import { redeemTicket } from './in-process.ts'
import { boundUpgrades, endLateUpgrades, endRefused, letGo, socketOf } from './upgrades.ts'
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
  warnOfHttp2(app)
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
    app.route({ ...wrongMethods, url })
  }
}

function websocketRoute(door: Doorkeeper, gate: Gate): Omit<RouteOptions, 'url'> {
  return {
    method: 'GET',
    exposeHeadRoute: false,
    logSerializers,
    onRequest: (request, reply, done) => ask(gate, request, reply, done, () => door.examine(request, reply)),
    preHandler: (request, reply, done) => ask(gate, request, reply, done, () => door.admit(request)),
    handler: (request, reply) => openInProcess(door, gate, request, reply),
    onResponse: endRefused,
    wsHandler: (ws, request) => open(door, gate, ws as BerylWebSocket, request),
  }
}

/** Tokens travel in the query, and logs are read by many. */
const logSerializers = {
  req: ({ method, url, ip }: FastifyRequest) => ({ method, url: redactUrl(url), ip }),
}

const wrongMethods: Omit<RouteOptions, 'url'> = {
  method: ['POST', 'PUT', 'PATCH', 'DELETE'],
  logSerializers,
  // Not the handler: @fastify/websocket puts its own in the place where such a request asks for an upgrade.
  onRequest: (_request, reply) => void reply.code(400).send(),
  onResponse: endRefused,
  handler: (_request, reply) => reply,
}

type Done = (error?: Error) => void

/** Asks the door, now or when it knows. What it throws is the application's, for Fastify's error handler. */
function ask(
  gate: Gate,
  request: FastifyRequest,
  reply: FastifyReply,
  done: Done,
  question: () => Refusal | undefined | Promise<Refusal | undefined>,
): void {
  try {
    const answer = question()
    if (!(answer instanceof Promise)) return goOn(gate, request, reply, done, answer)
    answer.then(
      (refusal) => goOn(gate, request, reply, done, refusal),
      (error: unknown) => done(asError(error)),
    )
  } catch (error) {
    done(asError(error))
  }
}

/** Fastify takes `undefined` for no error, and lets whoever threw it in. */
function asError(thrown: unknown): Error {
  const isObject = typeof thrown === 'object' && thrown !== null
  return isObject ? (thrown as Error) : new Error(`the thrown value is no error: ${show(thrown)}`)
}

/** On to the next hook, or back to the client. */
function goOn(
  gate: Gate,
  request: FastifyRequest,
  reply: FastifyReply,
  done: Done,
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

/** HTTP/2 has no upgrades: there the header, which HTTP/1 demands of this answer, is forbidden. */
function askForUpgrade({ raw }: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (raw.httpVersionMajor < 2) reply.header('upgrade', 'websocket')
  return reply.code(426).send()
}

/** A request that asks for no upgrade is told to, unless it is that of a client in this process. */
function openInProcess(
  door: Doorkeeper,
  gate: Gate,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const client = redeemTicket(request.headers)
  if (client === undefined) return askForUpgrade(request, reply)
  const { admission, place } = door.handshake(request.raw) as Handshake
  reply.raw.off('close', place.leave)
  place.entered()
  const open = (wire: Wire): Session => gate.open(admission as Admission, wire)
  client.admitted({ open, left: place.leave, clock: gate.clock })
  return reply.code(101).send()
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
  if (isFirst) boundUpgrades(app, finite(2 * limits.handshakeTimeoutMs))
}

const upgraded = new WeakSet<object>()

function warnOfHttp2(app: FastifyInstance): void {
  const { http2, https } = app.initialConfig
  if (http2 !== true || (typeof https === 'object' && https.allowHTTP1)) return
  app.log.warn(
    'the server speaks HTTP/2 alone, over which no client can connect: give Fastify https: { allowHTTP1: true }; ' +
      'HTTP/2 without TLS cannot have it',
  )
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

// Listeners, shared by all connections

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
