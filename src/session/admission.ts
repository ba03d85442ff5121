import type { Connection } from '../channel/infer.ts'
import type { Codec } from '../protocol/message.ts'

/** The client's admission: its connection and its rights. */
export interface Admission {
  readonly connection: Connection
  readonly codec: Codec
  /** The address for `channels.disconnect`. */
  readonly connectionTopic: string | undefined
  /** Wall-clock milliseconds: when the client must authenticate again. `undefined`: never. */
  readonly expiresAt: number | undefined
}
