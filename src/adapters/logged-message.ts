import type { LogPosition } from '../pubsub/log.ts'
import type { LoggedMessage } from './driver.ts'

// An entry of a log, as it goes to those who subscribe to its topic:
//
//     mark  epoch  space  offset  space  text (UTF-8)

/** The mark at the beginning: no envelope begins so. */
export const MARK = '\u0000beryl-log '
const MARK_BYTES = Buffer.from(MARK)
const HEAD = /^([\w-]{1,64}) (\d{1,16}) /
/** The head of a message: an epoch and an offset. */
const MAX_HEAD = 82

export function encodeLogged({ epoch, offset }: LogPosition, text: string): Buffer {
  return Buffer.from(`${MARK}${epoch} ${offset} ${text}`)
}

/** `undefined` for a message that is none of a log. */
export function decodeLogged(message: Uint8Array): LoggedMessage | undefined {
  const start = MARK_BYTES.length
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
  if (!bytes.subarray(0, start).equals(MARK_BYTES)) return undefined
  const [head, epoch = '', offset] = HEAD.exec(bytes.toString('latin1', start, start + MAX_HEAD)) ?? []
  if (head === undefined) return undefined
  return {
    position: { epoch, offset: Number(offset) },
    text: bytes.toString('utf8', start + head.length),
  }
}
