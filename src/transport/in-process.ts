import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../ground/clock.ts'
import type { Session } from '../session/session.ts'
import type { Wire } from '../session/wire.ts'

// A client that lives in the server's own process (`fastify-beryl/testing`). Its request takes the way of all others, by
// `fastify.inject`, and cannot be upgraded: it has no socket. It brings a wire of its own instead, and shows at the end
// of that way a key that only this process can have issued.

/** A client that waits for its request to be let in. */
export interface InProcessClient {
  /** The request was let in. Called before it is answered. */
  admitted(connection: InProcessConnection): void
  /** The request was refused by the door, or asking it failed. Called before it is answered. */
  refused?(why: InProcessRefusal): void
}

/** A refusal, as far as it may be told within the server. */
export interface InProcessRefusal {
  readonly reason: string
  /** The error that was thrown, or given to `reject`. */
  readonly error?: unknown
}

/** The connection of a client that was let in. */
export interface InProcessConnection {
  /** Begins the session. Once. */
  open(wire: Wire): Session
  /** The client is gone, and its slot free. */
  left(): void
  readonly clock: Clock
}

/** The header in which a request carries its key. */
export const CLIENT_KEY_HEADER = 'x-beryl-ticket'

const waiting = new Map<string, InProcessClient>()

/** Announces the client of one request, and gives the key that the request is to carry. */
export function announceClient(client: InProcessClient): string {
  const key = randomBytes(18).toString('base64url')
  waiting.set(key, client)
  return key
}

/** Makes a key worthless. */
export function forgetClient(key: string): void {
  waiting.delete(key)
}

/** The client that waits for this request, if there is one. A key is good for one request. */
export function announcedClient(headers: IncomingHttpHeaders): InProcessClient | undefined {
  const key = headers[CLIENT_KEY_HEADER]
  if (typeof key !== 'string') return undefined
  const client = waiting.get(key)
  waiting.delete(key)
  return client
}

/** A way in that a client of this process may take. */
export interface InProcessMount {
  readonly scope: FastifyInstance
  /** Where clients connect, behind the prefix of the scope. */
  readonly path: string
}

/** By the server that all scopes of an application share: an instance does not see what is mounted in those below it. */
const mounts = new WeakMap<object, InProcessMount[]>()

export function addMount(scope: FastifyInstance, path: string): void {
  const others = mounts.get(scope.server) ?? []
  mounts.set(scope.server, [...others, { scope, path: `${scope.prefix}${path}` }])
}

/** All mounts of a server, in the order in which they were made. */
export function mountsOf(server: object): readonly InProcessMount[] {
  return mounts.get(server) ?? []
}
