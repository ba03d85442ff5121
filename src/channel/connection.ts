import type { FastifyRequest } from 'fastify'

// Types only: a client's connection, and what the application decides about it.

/**
 * The assigns that `connect` gives, as the type checker knows them. The application says what is in them:
 *
 *     declare module 'fastify-beryl' { interface ConnectionAssigns { userId: string } }
 */
// biome-ignore lint/suspicious/noEmptyInterface: made to be augmented
export interface ConnectionAssigns {}

/** The assigns of a connection: unknown fields where the application says nothing of them. */
export type KnownAssigns = keyof ConnectionAssigns extends never ? Record<string, unknown> : ConnectionAssigns

/**
 * A client's connection, as handlers see it. Frozen: a renewal with other assigns makes a new one, which `socket.connection`
 * shows from then on.
 */
export interface Connection {
  /** Unique over all nodes. What `channels.push` and `channels.broadcastFrom` address. */
  readonly id: string
  /** The assigns that `connect` gave, or the last renewal. */
  readonly assigns: KnownAssigns
  /** The client's address, as Fastify sees it (`trustProxy` counts). `''` over a Unix socket. */
  readonly ip: string
  readonly transport: 'websocket' | 'longpoll' | 'test'
  /** Wall-clock milliseconds since the epoch. */
  readonly connectedAt: number
}

/** The time for which a client is let in. */
interface GrantedTime {
  /**
   * A date, or wall-clock milliseconds. 30 s before it the client is told; at it, unless renewed, the connection is closed
   * with 1001. @default never
   */
  readonly expiresAt?: Date | number | undefined
}

/** The results of `connect`, in the shape of those of `join`. Assigns may be left out where none are registered. */
export type ConnectGrant = GrantedTime &
  (Record<never, never> extends KnownAssigns
    ? { readonly assigns?: KnownAssigns | undefined }
    : { readonly assigns: KnownAssigns })

/** The results of `renew`. */
export type RenewGrant = GrantedTime & {
  /** @default those that the connection has */
  readonly assigns?: KnownAssigns | undefined
}

/** The argument of `connect`, before the upgrade. */
export interface ConnectContext {
  /** The query of the URL, nested as Phoenix nests it (`a[b]=1`, `l[]=1`). */
  readonly params: Record<string, unknown>
  /** The request of the upgrade, which has been through the hooks of the scope. */
  readonly request: FastifyRequest
  /** The token that a Phoenix client gave as `authToken`, carried in the sub-protocol header. */
  readonly authToken: string | undefined
}

/** The argument of `renew`. */
export interface RenewContext {
  /** The new token, as the client sent it. */
  readonly token: string
  /** The connection that it is to be for, with the assigns that it has now. */
  readonly connection: Connection
}
