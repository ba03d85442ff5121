import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { WebSocket, WebSocketServer } from 'ws'
import { Deadline } from '../../ground/deadline.ts'
import { asError } from '../../ground/foreign.ts'
import type { LimitName } from '../../ground/telemetry.ts'
import type { Admission } from '../../session/admission.ts'
import type { Session } from '../../session/session.ts'
import type { Wire } from '../../session/wire.ts'
import type { AdmissionSlot } from '../admissions.ts'
import { Doorkeeper, type DoorOptions, type Handshake } from '../doorkeeper.ts'
import type { Entrance, Refusal } from '../entrance.ts'
import { addressOf } from '../handshake.ts'
import { addMount, announcedClient } from '../in-process.ts'
import { logSerializers, pathEndOf, withTrailingSlash } from '../mounting.ts'
import { endUnused } from '../unused.ts'
import { closeStrangers, ensureWebSocketServer, type FrameLimits, type Ours, separate } from './neighbours.ts'
import { answerClose } from './socket-wire.ts'
import { endRefused, letGo, socketOf, Upgrades } from './upgrades.ts'
import { checkVersions } from './versions.ts'
import { type Compression, type MakeWire, negotiable, wiresOf } from './wires.ts'

export interface WebSocketOptions extends Omit<DoorOptions, 'pathEnd'> {
  readonly path: string
  readonly compression: Compression
  readonly limits: DoorOptions['limits'] & {
    readonly payloadBytes: number
    readonly fragments: number
    readonly bufferedChunks: number
  }
  readonly drain: { readonly closeMs: number; readonly timeoutMs: number }
}

const RETRY_AFTER_SECONDS = '5'

const kSession = Symbol('beryl session')
const kSlot = Symbol('beryl slot')

type BerylWebSocket = WebSocket & { [kSession]?: Session; [kSlot]?: AdmissionSlot }

/** Mounts `<path>/websocket`, where Phoenix clients look for it. */
export async function mountWebSocket(
  app: FastifyInstance,
  options: WebSocketOptions,
  entrance: Entrance,
): Promise<Doorkeeper> {
  const door = new Doorkeeper({ ...options, pathEnd: pathEndOf(app) }, entrance)
  const { compression, limits } = options
  const ours: Ours = {
    compression: negotiable(compression),
    limits: frameLimits(limits),
    has: (request) => door.handshake(request) !== undefined,
    protocol: (request) => door.handshake(request)?.protocol,
  }
  const upgrades = Upgrades.of(app, finite(2 * limits.handshakeTimeoutMs))
  if (upgrades.closers.size === 0) warnOfHttp2(app)
  endUnused(app)
  const isBrought = await ensureWebSocketServer(app, ours)
  const server = app.websocketServer
  checkVersions(server)
  separate(server, ours, upgrades)
  const left = isBrought ? server : undefined
  closeWithServer(app, upgrades, () => closeAll({ door, entrance, options, upgrades, server: left }))
  const makeWire = wiresOf(compression, ours.limits.maxPayload ?? 0, entrance.clock)
  const route = websocketRoute({ door, entrance, makeWire })
  for (const url of withTrailingSlash(app, `${options.path}/websocket`)) {
    app.route({ ...route, url })
    app.route({ ...wrongMethods, url })
  }
  addMount(app, options.path)
  return door
}

function closeWithServer(app: FastifyInstance, upgrades: Upgrades, close: () => Promise<void>): void {
  let closing: Promise<void> | undefined
  const begin = (): Promise<void> => {
    closing ??= close()
    return closing
  }
  upgrades.closers.add(begin)
  app.addHook('preClose', async () => {
    upgrades.close()
    await begin()
  })
}

interface Mount {
  readonly door: Doorkeeper
  readonly entrance: Entrance
  readonly options: WebSocketOptions
  readonly upgrades: Upgrades
  /** The server that came with us: nobody else ends what is left on it. */
  readonly server: WebSocketServer | undefined
}

async function closeAll({ door, entrance, options, upgrades, server }: Mount): Promise<void> {
  const { closeMs, timeoutMs } = options.drain
  const deadline = new Deadline(entrance.clock, timeoutMs)
  const drained = entrance.drain(deadline)
  door.close()
  // Upgrades that are being asked about by hooks are answered with 503.
  server?.close()
  await drained
  if (server !== undefined) await closeStrangers(server, entrance.clock, deadline, closeMs)
  await upgrades.end(deadline)
}

function frameLimits(limits: WebSocketOptions['limits']): FrameLimits {
  // ws takes 0 for no limit.
  return {
    maxPayload: finite(limits.payloadBytes),
    maxFragments: finite(limits.fragments),
    maxBufferedChunks: finite(limits.bufferedChunks),
  }
}

interface Served {
  readonly door: Doorkeeper
  readonly entrance: Entrance
  readonly makeWire: MakeWire
}

function websocketRoute(served: Served): Omit<RouteOptions, 'url'> {
  const { door, entrance } = served
  return {
    method: 'GET',
    exposeHeadRoute: false,
    logSerializers,
    onRequest: (request, reply, done) =>
      ask(entrance, request, reply, done, () => {
        const turn = door.checkTurn(reply)
        if (turn === undefined) return door.examine(request, reply)
        return turn.then((refusal) => refusal ?? door.examine(request, reply))
      }),
    preHandler: (request, reply, done) => ask(entrance, request, reply, done, () => door.admit(request)),
    handler: (request, reply) => openInProcess(door, entrance, request, reply),
    onResponse: endRefused,
    wsHandler(ws, request) {
      open(served, ws as BerylWebSocket, request)
    },
  }
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
  entrance: Entrance,
  request: FastifyRequest,
  reply: FastifyReply,
  done: Done,
  question: () => Refusal | undefined | Promise<Refusal | undefined>,
): void {
  try {
    const answer = question()
    if (!(answer instanceof Promise)) return goOn(entrance, request, reply, done, answer)
    answer.then(
      (refusal) => goOn(entrance, request, reply, done, refusal),
      (error: unknown) => fail(request, done, error),
    )
  } catch (error) {
    fail(request, done, error)
  }
}

function fail(request: FastifyRequest, done: Done, error: unknown): void {
  announcedClient(request.headers)?.refused?.({ reason: 'error', error })
  done(asError(error))
}

/** On to the next hook, or back to the client. */
function goOn(
  entrance: Entrance,
  request: FastifyRequest,
  reply: FastifyReply,
  done: Done,
  refusal: Refusal | undefined,
): void {
  if (refusal === undefined) return done()
  entrance.refused(addressOf(request), refusal)
  announcedClient(request.headers)?.refused?.(refusal)
  if (refusal.statusCode === 503) reply.header('retry-after', RETRY_AFTER_SECONDS)
  reply.code(refusal.statusCode).send()
}

function open({ door, entrance, makeWire }: Served, ws: BerylWebSocket, request: FastifyRequest): void {
  const { admission, slot, reply } = door.handshake(request.raw) as Handshake
  const socket = socketOf(request.raw)
  letGo(ws, socket, reply)
  slot.entered(reply.raw)
  ws[kSession] = entrance.open(admission as Admission, makeWire(ws, socket))
  ws[kSlot] = slot
  ws.close = answerClose
  ws.on('message', onMessage).on('close', onClose).on('error', onError)
}

/** HTTP/2 has no upgrades: there the header, which HTTP/1 demands of this answer, is forbidden. */
function askForUpgrade({ raw }: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (raw.httpVersionMajor < 2) reply.header('upgrade', 'websocket')
  return reply.code(426).send()
}

/** A request that asks for no upgrade is told to, unless it is that of a client in this process. */
function openInProcess(
  door: Doorkeeper,
  entrance: Entrance,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const client = announcedClient(request.headers)
  if (client === undefined) return askForUpgrade(request, reply)
  const { admission, slot } = door.handshake(request.raw) as Handshake
  slot.entered(reply.raw)
  const open = (wire: Wire): Session => entrance.open(admission as Admission, wire)
  client.admitted({ open, left: () => slot.leave(), clock: entrance.clock })
  return reply.code(101).send()
}

function warnOfHttp2(app: FastifyInstance): void {
  const { http2, https } = app.initialConfig
  if (http2 !== true || (typeof https === 'object' && https.allowHTTP1)) return
  app.log.warn(
    'the server speaks HTTP/2 alone, over which no WebSocket opens: give Fastify https: { allowHTTP1: true }; ' +
      'HTTP/2 without TLS cannot have it',
  )
}

function finite(limit: number): number {
  return Number.isFinite(limit) ? limit : 0
}

// Listeners, shared by all connections

function onMessage(this: BerylWebSocket, data: Buffer, isBinary: boolean): void {
  // Behind a close: compressed messages are not unpacked any more, and come empty.
  if (this.readyState === this.OPEN) this[kSession]?.receive(data, isBinary)
}

function onClose(this: BerylWebSocket, code: number): void {
  try {
    this[kSession]?.disconnected(code)
  } finally {
    this[kSlot]?.leave()
  }
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
