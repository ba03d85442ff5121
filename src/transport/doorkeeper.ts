import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ConnectContext, Connection, KnownAssigns } from '../channel/infer.ts'
import { Rejection } from '../channel/result.ts'
import type { Timer } from '../ground/clock.ts'
import { berylError, show } from '../ground/errors.ts'
import { promised } from '../ground/foreign.ts'
import { patience } from '../ground/watch.ts'
import type { Codec } from '../protocol/message.ts'
import { negotiate } from '../protocol/negotiate.ts'
import type { Admission } from '../session/admission.ts'
import { type AdmissionLimits, type AdmissionSlot, Admissions } from './admissions.ts'
import type { Entrance, Refusal } from './entrance.ts'
import {
  addressOf,
  authToken,
  checkNoBody,
  chooseProtocol,
  hasAddress,
  offeredProtocols,
  type PathEnd,
  parseParams,
} from './handshake.ts'

export interface DoorOptions {
  readonly originAllowed: (origin: string, request: FastifyRequest) => boolean
  readonly connect: (context: ConnectContext) => unknown
  readonly connectionTopic: ((connection: Connection) => string | undefined) | undefined
  readonly subprotocols: readonly string[]
  readonly pathEnd: PathEnd
  readonly limits: AdmissionLimits & { readonly handshakeTimeoutMs: number }
}

/** A client between the first hook and the upgrade. */
export interface Handshake {
  readonly codec: Codec
  readonly protocol: string | undefined
  readonly slot: AdmissionSlot
  readonly reply: FastifyReply
  readonly params: Record<string, unknown>
  readonly token: string | undefined
  /** Known when `connect` has said yes. */
  admission: Admission | undefined
}

/** Decides before the upgrade who may connect: first by what costs nothing to look at, then by asking `connect`. */
export class Doorkeeper {
  readonly #options: DoorOptions
  readonly #entrance: Entrance
  readonly #admissions: Admissions
  readonly #key = Symbol('beryl handshake')
  /** The clients that wait for `connect`: no more than `limits.pendingUpgrades`. */
  readonly #waiting = new Set<(why: symbol) => void>()

  constructor(options: DoorOptions, entrance: Entrance) {
    this.#options = options
    this.#entrance = entrance
    this.#admissions = new Admissions(options.limits)
  }

  /** The handshake of a request that was not refused. */
  handshake(raw: IncomingMessage): Handshake | undefined {
    return (raw as Greeted)[this.#key]
  }

  /** Looks at the head of the request. The slot that it takes is given back when the reply ends without an upgrade. */
  examine(request: FastifyRequest, reply: FastifyReply): Refusal | undefined {
    const forbidden = this.#checkOrigin(request)
    if (forbidden !== undefined) return forbidden
    const { closedBecause } = this.#entrance
    if (closedBecause !== undefined) return { reason: closedBecause, statusCode: 503 }
    checkNoBody(request.headers)
    const params = parseParams(request.raw.url ?? '', this.#options.pathEnd)
    const codec = negotiate(params.vsn)
    if (codec === undefined) return UNKNOWN_VERSION
    const offered = offeredProtocols(request.headers)
    const protocol = chooseProtocol(offered, this.#options.subprotocols)
    if (protocol === false) return UNKNOWN_PROTOCOL
    const token = authToken(offered)
    const slot = this.#admissions.take(hasAddress(request) ? addressOf(request) : undefined)
    if (typeof slot === 'string') return fullBecause(slot)
    reply.raw.once('close', slot.leave)
    const handshake = { codec, protocol, slot, reply, params, token, admission: undefined }
    ;(request.raw as Greeted)[this.#key] = handshake
    return undefined
  }

  #checkOrigin(request: FastifyRequest): Refusal | undefined {
    const { origin } = request.headers
    if (typeof origin !== 'string') return undefined
    const allowed: unknown = this.#options.originAllowed(origin, request)
    if (allowed === true) return undefined
    // An async check gives a promise, which is truthy. How it ends does not matter any more.
    const later = promised(allowed)?.then(undefined, () => {})
    return later === undefined ? FORBIDDEN_ORIGIN : ASYNC_ORIGIN
  }

  /**
   * Asks `connect`; gives a promise only where that does. What `connect` throws is the application's error: Fastify's
   * error handler answers, by default with 500.
   */
  admit(request: FastifyRequest): Refusal | undefined | Promise<Refusal | undefined> {
    const { params, token } = this.handshake(request.raw) as Handshake
    const granted = this.#options.connect({ params, request, authToken: token })
    const later = promised(granted)
    if (later === undefined) return this.#granted(request, granted)
    return this.#withinTime(later).then((settled) => this.#granted(request, settled))
  }

  #granted(request: FastifyRequest, granted: unknown): Refusal | undefined {
    if (granted === TIMED_OUT) return TOO_SLOW
    if (granted instanceof Rejection) return REJECTED
    const closedBecause =
      this.#entrance.closedBecause ?? (granted === CLOSED ? 'not running: draining' : undefined)
    if (closedBecause !== undefined) return { reason: closedBecause, statusCode: 503 }
    const handshake = this.handshake(request.raw) as Handshake
    const { assigns, expiresAt } = grantOf(granted)
    if (expiresAt !== undefined && expiresAt <= this.#entrance.clock.date()) return EXPIRED
    const connection: Connection = Object.freeze({
      id: this.#entrance.makeConnectionId(),
      assigns,
      ip: addressOf(request),
      transport: request.ws ? 'websocket' : 'test',
      connectedAt: this.#entrance.clock.date(),
    })
    const connectionTopic = topicOf(this.#options.connectionTopic?.(connection))
    handshake.admission = { connection, codec: handshake.codec, connectionTopic, expiresAt }
    return undefined
  }

  /** Answers all who wait for `connect` that nobody is let in any more. */
  close(): void {
    for (const refuse of this.#waiting) refuse(CLOSED)
  }

  async #withinTime(work: Promise<unknown>): Promise<unknown> {
    const { handshakeTimeoutMs } = this.#options.limits
    let timer: Timer | undefined
    let refuse: (why: symbol) => void = () => {}
    const settled = new Promise((resolve, reject) => {
      refuse = resolve
      this.#waiting.add(refuse)
      if (Number.isFinite(handshakeTimeoutMs))
        timer = patience(this.#entrance.clock, handshakeTimeoutMs, () => resolve(TIMED_OUT))
      work.then(resolve, reject)
    })
    return settled.finally(() => {
      this.#waiting.delete(refuse)
      timer?.cancel()
    })
  }
}

/**
 * A request that carries its handshake itself: a WeakMap would keep both alive over every collection of the young
 * generation, and with them all that belongs to a request, until they are old.
 */
type Greeted = IncomingMessage & { [key: symbol]: Handshake | undefined }

const TIMED_OUT = Symbol('too slow')
const CLOSED = Symbol('closed')
const TOO_SLOW: Refusal = { reason: 'too slow', statusCode: 503, limit: 'limits.handshakeTimeoutMs' }
const REJECTED: Refusal = { reason: 'connect', statusCode: 403 }
const EXPIRED: Refusal = { reason: 'expired', statusCode: 403 }
const FORBIDDEN_ORIGIN: Refusal = { reason: 'origin', statusCode: 403 }
const ASYNC_ORIGIN: Refusal = { reason: 'origin: checkOrigin gave a promise', statusCode: 403 }
const UNKNOWN_VERSION: Refusal = { reason: 'vsn', statusCode: 403 }
const UNKNOWN_PROTOCOL: Refusal = { reason: 'subprotocol', statusCode: 403 }

function fullBecause(limit: keyof AdmissionLimits): Refusal {
  const statusCode = limit === 'connectionsPerIp' ? 429 : 503
  return { reason: `limit ${limit}`, statusCode, limit: `limits.${limit}` }
}

/**
 * `connect` gives the assigns, or `{ assigns, expiresAt }`. What is neither lets nobody in: `false` is no permission.
 *
 * @throws `BERYL_ERR_CONNECT_INVALID`
 */
function grantOf(granted: unknown): { assigns: KnownAssigns; expiresAt: number | undefined } {
  if (granted === undefined) return { assigns: {} as KnownAssigns, expiresAt: undefined }
  if (!isRecord(granted))
    return refuseGrant('the assigns as an object, { assigns, expiresAt } or reject(…)', granted)
  if (!('expiresAt' in granted && 'assigns' in granted))
    return { assigns: granted as KnownAssigns, expiresAt: undefined }
  const { assigns = {}, expiresAt } = granted as { assigns: unknown; expiresAt: unknown }
  if (!isRecord(assigns)) return refuseGrant('assigns as an object', assigns)
  return {
    assigns: assigns as KnownAssigns,
    expiresAt: expiresAt === undefined ? undefined : timeOf(expiresAt),
  }
}

function timeOf(expiresAt: unknown): number {
  const ms = expiresAt instanceof Date ? expiresAt.getTime() : expiresAt
  if (typeof ms === 'number' && !Number.isNaN(ms)) return ms
  return refuseGrant('expiresAt as a Date or in milliseconds since the epoch', expiresAt)
}

function topicOf(topic: unknown): string | undefined {
  if (topic === undefined || typeof topic === 'string') return topic
  promised(topic)?.then(undefined, () => {})
  return refuseGrant('connectionTopic to give a string or undefined', topic)
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refuseGrant(wanted: string, got: unknown): never {
  throw berylError('BERYL_ERR_CONNECT_INVALID', wanted, show(got))
}
