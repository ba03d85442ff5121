import { answer, refuseMessage } from '../channel/answer.ts'
import type { Connection } from '../channel/connection.ts'
import type { Outlet } from '../channel/outlet.ts'
import type { Clock } from '../ground/clock.ts'
import type { ReplyReason } from '../ground/refusals.ts'
import type { RenewOutcome } from '../ground/telemetry.ts'
import type { Message } from '../protocol/message.ts'
import { PHOENIX_TOPIC } from '../protocol/topic.ts'
import type { Renew, Renewal } from './admission.ts'

/** A client is told so long before its end. */
const NOTICE_MS = 30_000

/** The client that was let in, for a time or for good. */
export interface Grantee extends Outlet {
  readonly connectionTopic: string | undefined
  readonly isOpen: boolean
  /** From now on everything sees this connection. */
  renewed(connection: Connection): void
  renewalDecided(askedAt: number, outcome: RenewOutcome, error?: unknown): void
  /** The time is over. */
  expired(): void
}

/**
 * The time for which a client was let in, and its renewal with a new token. Made for those whose time is limited, and for
 * those that ask. At most one renewal is being decided.
 */
export class Grant {
  readonly #client: Grantee
  readonly #renew: Renew | undefined
  readonly #clock: Clock
  #expiresAt: number | undefined
  #isTold = false
  #isPending = false

  constructor(client: Grantee, renew: Renew | undefined, expiresAt: number | undefined, clock: Clock) {
    this.#client = client
    this.#renew = renew
    this.#expiresAt = expiresAt
    this.#clock = clock
  }

  /** Tells the client, once, that its time ends soon; ends the connection when it is over. */
  look(date: number): void {
    if (this.#expiresAt === undefined) return
    const leftMs = this.#expiresAt - date
    if (leftMs <= 0) return this.#client.expired()
    if (leftMs > NOTICE_MS || this.#isTold) return
    this.#isTold = true
    const payload = { expires_in_ms: Math.ceil(leftMs) }
    const frame = this.#client.codec.encodeBroadcast(PHOENIX_TOPIC, 'expiring', payload)
    if (frame !== undefined) this.#client.send(frame)
  }

  /** The client shows a new token. */
  renew(message: Message): void {
    const client = this.#client
    if (this.#renew === undefined)
      return refuseMessage(client, null, message, { reason: 'renew_unsupported' })
    if (this.#isPending) return refuseMessage(client, null, message, { reason: 'renew_pending' })
    const token = tokenOf(message)
    if (token === undefined) return refuseMessage(client, null, message, NO_TOKEN)
    this.#isPending = true
    const askedAt = this.#clock.now()
    this.#renew(token, client.connection, client.connectionTopic)
      .then((renewal) => this.#decided(message, askedAt, renewal))
      .catch((error) => client.broke(error))
  }

  #decided(message: Message, askedAt: number, renewal: Renewal): void {
    this.#isPending = false
    if (!this.#client.isOpen) return
    const { outcome } = renewal
    if (outcome === 'ok') this.#extend(message, renewal.connection, renewal.expiresAt)
    else if (outcome === 'rejected') return this.#reject(message, askedAt, renewal.error)
    else refuseMessage(this.#client, null, message, { reason: REASONS[outcome] })
    this.#client.renewalDecided(askedAt, outcome, outcome === 'crashed' ? renewal.error : undefined)
  }

  #extend(message: Message, connection: Connection, expiresAt: number | undefined): void {
    this.#expiresAt = expiresAt
    this.#isTold = false
    this.#client.renewed(connection)
    answer(this.#client, null, message, 'ok', { expires_at: expiresAt ?? null })
    this.look(this.#clock.date())
  }

  /** To write the error may run code of the application (`toJSON`). */
  #reject(message: Message, askedAt: number, response: unknown): void {
    try {
      answer(this.#client, null, message, 'error', response)
      this.#client.renewalDecided(askedAt, 'rejected')
    } catch (error) {
      refuseMessage(this.#client, null, message, { reason: 'renew_crashed' })
      this.#client.renewalDecided(askedAt, 'crashed', error)
    }
  }
}

const REASONS = {
  crashed: 'renew_crashed',
  expired: 'expired',
  other_identity: 'other_identity',
  timeout: 'renew_timeout',
} as const satisfies Record<string, ReplyReason>

const NO_TOKEN = {
  reason: 'invalid_payload',
  errors: [{ path: '/token', message: 'must be a string' }],
} as const

/** The token of `{ "token": "…" }`; `undefined` where there is none. */
function tokenOf({ payload }: Message): string | undefined {
  if (typeof payload !== 'object' || payload === null || !('token' in payload)) return undefined
  return typeof payload.token === 'string' ? payload.token : undefined
}
