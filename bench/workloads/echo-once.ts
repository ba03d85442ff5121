import { constants, deflateRawSync } from 'node:zlib'
import type { Connection } from '../load/connection.ts'
import { COMPRESSED, maskedFrame, maskedText, TEXT } from '../load/frames.ts'
import { payloadText } from '../load/sequence.ts'

/** Pushes 1 KB of JSON, compressed where the connection offered that, and waits for the reply. */
export function echoOnce(connection: Connection): Promise<void> {
  const { dialect, topics } = connection
  const push = String(dialect.push(topics[0] ?? '', 1, 'echo', payloadText({ bodyBytes: 100, rows: 8 })))
  return new Promise<void>((resolve, reject) => {
    connection.listen({
      frame: () => resolve(),
      lost: (_, why) => reject(new Error(`connection ${connection.index}: ${why}`)),
    })
    connection.write(dialect.extensions === undefined ? maskedText(push) : compressedText(push))
  }).finally(() => connection.listen(undefined))
}

function compressedText(text: string): Buffer {
  const data = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH })
  return maskedFrame(COMPRESSED | TEXT, data.subarray(0, -4))
}
