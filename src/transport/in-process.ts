import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Clock } from '../ground/clock.ts'
import type { Session } from '../session/session.ts'
import type { Wire } from '../session/wire.ts'

// A client that lives in the server's own process (`fastify-beryl/testing`). Its request takes the way of all others, by
// `fastify.inject`, and cannot be upgraded: it has no socket. It brings a wire of its own instead, and shows at the end
// of that way a ticket that only this process can have issued.

/** A client that waits for its request to be let in. */
export interface InProcessClient {
  /** The request was let in. Called before it is answered. */
  admitted(berth: Berth): void
}

/** A client's place on board. */
export interface Berth {
  /** Begins the session. Once. */
  open(wire: Wire): Session
  /** The client is gone, and its place free. */
  left(): void
  readonly clock: Clock
}

/** The header in which a request carries its ticket. */
export const TICKET_HEADER = 'x-beryl-ticket'

const waiting = new Map<string, InProcessClient>()

/** Issues a ticket for one request. */
export function issueTicket(client: InProcessClient): string {
  const ticket = randomBytes(18).toString('base64url')
  waiting.set(ticket, client)
  return ticket
}

/** Makes a ticket worthless. */
export function voidTicket(ticket: string): void {
  waiting.delete(ticket)
}

/** The client that waits for this request, if there is one. A ticket is good for one request. */
export function redeemTicket(headers: IncomingHttpHeaders): InProcessClient | undefined {
  const ticket = headers[TICKET_HEADER]
  if (typeof ticket !== 'string') return undefined
  const client = waiting.get(ticket)
  waiting.delete(ticket)
  return client
}
