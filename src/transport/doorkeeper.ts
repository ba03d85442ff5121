import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ConnectContext, Connection } from '../channel/connection.ts'
import { Rejection } from '../channel/result.ts'
import type { Timer } from '../ground/clock.ts'
import { show } from '../ground/errors.ts'
import { promised } from '../ground/foreign.ts'
import { patience } from '../ground/watch.ts'
import type { Codec } from '../protocol/message.ts'
import { negotiate } from '../protocol/negotiate.ts'
import type { Admission, Renew } from '../session/admission.ts'
import { Arrival } from '../session/arrival.ts'
import { type AdmissionLimits, type AdmissionSlot, Admissions } from './admissions.ts'
import type { Entrance, OpenWay, Refusal, RefusedNames } from './entrance.ts'
import { grantOf, topicOf, unreturned } from './granted.ts'
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
import { type RenewalOptions, renewalsOf } from './renewals.ts'

export interface DoorOptions extends RenewalOptions {
  readonly originAllowed: (origin: string, request: FastifyRequest) => boolean
  readonly connect: (context: ConnectContext) => unknown
  readonly subprotocols: readonly string[]
  readonly pathEnd: PathEnd
  readonly limits: AdmissionLimits & { readonly handshakeTimeoutMs: number }
}

/** A transport's own words of its requests, where they are no upgrades. */
export interface Approach {
  readonly transport: Connection['transport']
  /** The URL with the parameters of the client. */
  readonly url: string
  readonly token: string | undefined
}

/** A client between the first hook and the upgrade. */
export interface Handshake {
  /** `undefined`: as the request itself tells. */
  readonly transport: Connection['transport'] | undefined
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
export class Doorkeeper implements OpenWay {
  readonly #options: DoorOptions
  readonly #entrance: Entrance
  readonly #admissions: Admissions
  readonly #renew: Renew | undefined
  readonly #key = Symbol('beryl handshake')
  /** The clients that wait for `connect`: no more than `limits.pendingUpgrades`. */
  readonly #waiting = new Set<(why: symbol) => void>()

  constructor(options: DoorOptions, entrance: Entrance) {
    this.#options = options
    this.#entrance = entrance
    this.#admissions = new Admissions(options.limits)
    this.#renew = renewalsOf(options, entrance.clock)
  }

  /** The clients that were let in and are connected. */
  get connections(): number {
    return this.#admissions.connections
  }

  /** The handshake of a request that was not refused. */
  handshake(raw: IncomingMessage): Handshake | undefined {
    return (raw as Greeted)[this.#key]
  }

  /** Looks at the head of the request. The slot that it takes is given back when the reply ends without an upgrade. */
  examine(request: FastifyRequest, reply: FastifyReply, approach?: Approach): Refusal | undefined {
    const forbidden = this.checkOrigin(request)
    if (forbidden !== undefined) return forbidden
    const { closedBecause } = this.#entrance
    if (closedBecause !== undefined) return { reason: closedBecause, statusCode: 503 }
    // A poll may announce one, which nobody reads.
    if (approach === undefined) checkNoBody(request.headers)
    const params = parseParams(approach?.url ?? request.raw.url ?? '', this.#options.pathEnd)
    const codec = negotiate(params.vsn)
    if (codec === undefined) return refused('vsn', { wanted: 'vsn 1.0.0 or 2.0.0', got: show(params.vsn) })
    const offered = offeredProtocols(request.headers)
    const protocol = chooseProtocol(offered, this.#options.subprotocols)
    if (protocol === false)
      return refused('subprotocol', {
        wanted: `one of the option subprotocols: ${this.#options.subprotocols.join(', ')}`,
      })
    const token = approach === undefined ? authToken(offered) : approach.token
    const admissions = this.#admissions
    const counts = admissions.countsAddresses && hasAddress(request)
    const slot = admissions.take(counts ? addressOf(request) : undefined)
    if (typeof slot === 'string') return fullBecause(slot)
    slot.heldBy(reply.raw)
    const transport = approach?.transport
    const handshake = { transport, codec, protocol, slot, reply, params, token, admission: undefined }
    ;(request.raw as Greeted)[this.#key] = handshake
    return undefined
  }

  /**
   * Refuses a request that was sent before the answer to the one in front of it on its connection (pipelining). Until its own answer
   * has the connection Node does not tell of the end of that: whatever such a request holds it would hold for ever.
   *
   * Over TLS an answer may end for Node a moment after its client has it, and has asked anew: so it gives a promise where there seems to
   * be one in front, and looks again when Node has heard of all ends.
   */
  checkTurn({ raw }: FastifyReply): Promise<Refusal | undefined> | undefined {
    if (raw.socket !== null) return undefined
    return new Promise((resolve) => {
      this.#entrance.clock.setImmediate(() =>
        resolve(raw.socket === null || raw.destroyed ? PIPELINED : undefined),
      )
    })
  }

  /** Refuses the pages that may not connect. */
  checkOrigin(request: FastifyRequest): Refusal | undefined {
    const { origin } = request.headers
    if (typeof origin !== 'string') return undefined
    const allowed: unknown = this.#options.originAllowed(origin, request)
    if (allowed === true) return undefined
    // An async check gives a promise, which is truthy. How it ends does not matter any more.
    const later = promised(allowed)?.then(undefined, () => {})
    return forbidden(later === undefined ? 'origin' : 'origin: checkOrigin gave a promise', origin, request)
  }

  /**
   * Asks `connect`; gives a promise only where that does. What `connect` throws is the application's error: Fastify's
   * error handler answers, by default with 500.
   */
  admit(request: FastifyRequest): Refusal | undefined | Promise<Refusal | undefined> {
    const { params, token } = this.handshake(request.raw) as Handshake
    const granted = this.#connect({ params, request, authToken: token })
    const later = promised(granted)
    if (later === undefined) return this.#granted(request, granted)
    const asked = later.catch((thrown) => {
      throw unreturned('connect', thrown)
    })
    return this.#withinTime(asked).then((settled) => this.#granted(request, settled))
  }

  #connect(context: ConnectContext): unknown {
    try {
      return this.#options.connect(context)
    } catch (thrown) {
      throw unreturned('connect', thrown)
    }
  }

  #granted(request: FastifyRequest, granted: unknown): Refusal | undefined {
    if (granted === TIMED_OUT) return TOO_SLOW
    if (granted instanceof Rejection) return { reason: 'connect', statusCode: 403, error: granted.error }
    const closedBecause =
      this.#entrance.closedBecause ?? (granted === CLOSED ? 'not running: draining' : undefined)
    if (closedBecause !== undefined) return { reason: closedBecause, statusCode: 503 }
    const handshake = this.handshake(request.raw) as Handshake
    const { assigns, expiresAt } = grantOf('connect', granted)
    if (expiresAt !== undefined && expiresAt <= this.#entrance.clock.date()) return expired(expiresAt)
    const connection = new Arrival({
      id: this.#entrance.makeConnectionId(),
      assigns,
      // Asked for now: a client that sends its join and cuts the connection would be heard without an address.
      ip: addressOf(request),
      transport: handshake.transport ?? (request.ws ? 'websocket' : 'test'),
      connectedAt: this.#entrance.clock.date(),
    })
    const name = this.#options.connectionTopic
    const connectionTopic = name && topicOf('connect', name(connection.introduced))
    const { codec } = handshake
    handshake.admission = { connection, codec, connectionTopic, expiresAt, renew: this.#renew }
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
const PIPELINED: Refusal = { reason: 'pipelined', statusCode: 400 }
const TOO_SLOW: Refusal = { reason: 'too slow', statusCode: 503, limit: 'limits.handshakeTimeoutMs' }

function refused(reason: string, names: RefusedNames): Refusal {
  return { reason, statusCode: 403, names }
}

function expired(expiresAt: number): Refusal {
  const wanted = 'expiresAt in the future, in milliseconds since the epoch (exp of a JWT is in seconds)'
  return refused('expired', { wanted, got: show(expiresAt) })
}

/** Of two hosts that differ the operator must see both: a proxy that does not pass on the host is the usual cause. */
function forbidden(reason: string, origin: string, { host }: FastifyRequest): Refusal {
  return refused(reason, {
    wanted: 'an origin for which checkOrigin gives true: by default that of the host',
    origin,
    host,
  })
}

function fullBecause(limit: keyof AdmissionLimits): Refusal {
  const statusCode = limit === 'connectionsPerIp' ? 429 : 503
  return { reason: `limit ${limit}`, statusCode, limit: `limits.${limit}` }
}
