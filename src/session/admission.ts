import type { Connection } from '../channel/connection.ts'
import type { Codec } from '../protocol/message.ts'
import type { Arrival } from './arrival.ts'

/** The client's admission: its connection and its rights. */
export interface Admission {
  readonly connection: Connection | Arrival
  readonly codec: Codec
  /** The address for `channels.disconnect`. */
  readonly connectionTopic: string | undefined
  /** Wall-clock milliseconds: when the client must authenticate again. `undefined`: never. */
  readonly expiresAt: number | undefined
  /** `undefined` where this door renews nothing. */
  readonly renew: Renew | undefined
}

/** Asks the application about a new token of a client. Never rejects, and answers within a limit of its own. */
export type Renew = (
  token: string,
  connection: Connection,
  connectionTopic: string | undefined,
) => Promise<Renewal>

/** The decision about a new token. Only `ok` changes anything. */
export type Renewal =
  | { readonly outcome: 'ok'; readonly connection: Connection; readonly expiresAt: number | undefined }
  | { readonly outcome: 'rejected'; readonly error: unknown }
  | { readonly outcome: 'crashed'; readonly error: unknown }
  | { readonly outcome: 'expired' | 'other_identity' | 'timeout' }
