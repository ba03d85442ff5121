import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import websocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import type { PerMessageDeflateOptions, WebSocket, WebSocketServer } from 'ws'
import type { Clock } from '../../ground/clock.ts'
import type { Deadline } from '../../ground/deadline.ts'
import { berylError } from '../../ground/errors.ts'
import { patience } from '../../ground/watch.ts'
import { socketOf, type Upgrades } from './upgrades.ts'

// @fastify/websocket and its server are shared with whoever else in the application has WebSockets. What is theirs stays
// as it would be without us; what is ours is not touched by what they do with theirs.

/** Phoenix's word to caches between it and the client. */
const NOT_CACHED = 'Cache-Control: max-age=0, private, must-revalidate'

/** A peer has so long to answer a close frame before its connection is cut. */
const CLOSE_TIMEOUT_MS = 5_000

/** Of ws's options for what a client sends, those that are read for each connection. */
export interface FrameLimits {
  readonly maxPayload: number | undefined
  readonly maxFragments: number | undefined
  readonly maxBufferedChunks: number | undefined
}

/** The connections that are ours. */
export interface Ours {
  readonly limits: FrameLimits
  readonly compression: boolean | PerMessageDeflateOptions
  has(request: IncomingMessage): boolean
  protocol(request: IncomingMessage): string | undefined
}

/**
 * Registers @fastify/websocket where the scope does not have it.
 *
 * It routes every upgrade of the HTTP server that it listens to. A second one on the same server must not: it is given a
 * server that never upgrades, and serves what the first one routes to it.
 *
 * @returns Whether it was not there.
 */
export async function ensureWebSocketServer(app: FastifyInstance, ours: Ours): Promise<boolean> {
  if (app.hasDecorator('websocketServer')) {
    if (!known.has(app.websocketServer)) tellOfTheirs(app, ours)
    known.add(app.websocketServer)
    app.addHook('onReady', async () => checkRoutedOnce(app, []))
    return false
  }
  const others = listenersOf(app.server)
  const server = others.length === 0 ? app.server : new EventEmitter()
  const options = {
    perMessageDeflate: ours.compression,
    // The types do not have it yet.
    closeTimeout: CLOSE_TIMEOUT_MS,
    handleProtocols: (offered: Set<string>, request: IncomingMessage) =>
      (ours.has(request) ? ours.protocol(request) : [...offered][0]) ?? false,
    server: server as Server,
  }
  await app.register(websocket, {
    options,
    // Its own would close the clients without a code, and at once.
    preClose: (done) => done(),
  })
  known.add(app.websocketServer)
  const own = listenersOf(server).filter((each) => !others.includes(each))
  app.addHook('onReady', async () => checkRoutedOnce(app, own))
  return true
}

/** Their server was made with their option: nothing of ours changes it any more. */
function tellOfTheirs({ log, websocketServer }: FastifyInstance, { compression }: Ours): void {
  const before = '@fastify/websocket was registered before fastify-beryl'
  const theirs = Boolean(websocketServer.options?.perMessageDeflate)
  if (compression === false || theirs) log.info(`${before}: its own option perMessageDeflate applies`)
  else
    log.warn(
      `${before}, without perMessageDeflate, so that the option compression does nothing: give it options: { perMessageDeflate: { serverNoContextTakeover: true, clientNoContextTakeover: true } }, or register it behind`,
    )
}

/** The servers that an entrance uses already. */
const known = new WeakSet<WebSocketServer>()

type UpgradeListener = (...args: unknown[]) => void

function listenersOf(server: EventEmitter): UpgradeListener[] {
  return (server.listeners('upgrade') as UpgradeListener[]).filter((each) => markOf(each) !== undefined)
}

/** The methods that its listener calls: names of properties, which a bundler leaves as they are. */
const CALLS = [/\.assignSocket\(/, /\.routing\(/]

/** By its text alone: a listener of the application may have this name, and is not called for a request that there is not. */
function isOfFastifyWebsocket(listener: UpgradeListener): boolean {
  if (listener.name !== 'onUpgrade') return false
  const text = Function.prototype.toString.call(listener)
  return CALLS.every((call) => call.test(text))
}

/**
 * Under which symbol a listener of @fastify/websocket keeps the socket in the request: each copy of the package has its
 * own. It does so before it looks at the request, which must not be looked at here. `undefined`: a listener of others.
 */
function markOf(listener: UpgradeListener): symbol | undefined {
  if (!isOfFastifyWebsocket(listener)) return undefined
  const request = {
    get method(): never {
      throw new Error('not to be routed')
    },
  }
  try {
    listener(request, new EventEmitter(), Buffer.alloc(0))
    return undefined
  } catch {
    return Object.getOwnPropertySymbols(request)[0]
  }
}

/**
 * Others' listeners come first: @fastify/http-proxy ends the process where somebody has answered before it, while
 * @fastify/websocket leaves alone what is answered.
 *
 * @throws `BERYL_ERR_WEBSOCKET_TWICE` where each client would be routed, and asked, more than once.
 */
function checkRoutedOnce(app: FastifyInstance, own: readonly UpgradeListener[]): void {
  const others = listenersOf(app.server).filter((each) => !own.includes(each))
  const [other] = others
  if (other === undefined) return comeLast(app, own)
  const mark = markOf(own[0] ?? other)
  if (others.length > 1 || markOf(other) !== mark)
    throw berylError('BERYL_ERR_WEBSOCKET_TWICE', others.length + 1)
  // Theirs came later, to a scope beside ours. It routes ours too.
  for (const each of own) app.server.off('upgrade', each)
  comeLast(app, others)
}

function comeLast({ server }: FastifyInstance, listeners: readonly UpgradeListener[]): void {
  for (const each of listeners)
    if (server.listeners('upgrade').includes(each)) server.off('upgrade', each).on('upgrade', each)
}

/**
 * Holds our clients apart from those of others on the same server: they have limits of their own, and are not among its
 * clients, for who closes or tells them all does not mean ours.
 */
export function separate(server: WebSocketServer, ours: Ours, upgrades: Upgrades): void {
  const options: Partial<FrameLimits> = server.options
  const tracking: { clients?: Set<WebSocket> | undefined } = server
  let theirs:
    | { readonly limits: Partial<FrameLimits>; readonly clients: Set<WebSocket> | undefined }
    | undefined
  const giveBack = (): void => {
    if (theirs === undefined) return
    Object.assign(options, theirs.limits)
    tracking.clients = theirs.clients
    theirs = undefined
  }
  allowListeners(server)
  server.on('headers', (headers: string[], request: IncomingMessage) => {
    if (!ours.has(request)) return
    if (request.headers['sec-websocket-protocol'] !== undefined) nameProtocol(headers, ours.protocol(request))
    headers.push(NOT_CACHED)
    // ws reads them for each connection, in the same turn, between this event and the next.
    const { maxPayload, maxFragments, maxBufferedChunks } = options
    theirs = { limits: { maxPayload, maxFragments, maxBufferedChunks }, clients: tracking.clients }
    Object.assign(options, ours.limits)
    tracking.clients = undefined
    // Where a listener of others throws there will be no connection.
    queueMicrotask(giveBack)
  })
  server.prependListener('connection', (_ws: WebSocket, request: IncomingMessage) => {
    giveBack()
    const socket = socketOf(request)
    if (socket !== undefined) upgrades.taken(socket)
  })
}

/** Each entrance listens: Node takes more than ten for a leak. */
function allowListeners(server: WebSocketServer): void {
  const most = server.getMaxListeners()
  if (most !== 0) server.setMaxListeners(most + 1)
}

/** The choice of another's `handleProtocols`, even where it is the token that stands beside `phoenix`. */
function nameProtocol(headers: string[], protocol: string | undefined): void {
  const at = headers.findIndex((header) => /^sec-websocket-protocol:/i.test(header))
  if (at !== -1) headers.splice(at, 1)
  if (protocol !== undefined && at !== -1) headers.push(`Sec-WebSocket-Protocol: ${protocol}`)
}

/** Tells the others' clients to come back, and cuts those that do not answer within `closeMs`. */
export async function closeStrangers(
  server: WebSocketServer,
  clock: Clock,
  deadline: Deadline,
  closeMs: number,
): Promise<void> {
  const strangers = [...server.clients]
  const timer = patience(clock, deadline.within(closeMs), () => {
    for (const ws of strangers) ws.terminate()
  })
  await Promise.all(strangers.map((ws) => gone(ws)))
  timer.cancel()
}

function gone(ws: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    if (ws.readyState === ws.CLOSED) return resolve()
    ws.once('close', () => resolve())
    ws.close(1012)
  })
}
