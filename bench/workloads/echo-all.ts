import { constants, deflateRawSync } from 'node:zlib'
import type { Connection } from '../load/connection.ts'
import { COMPRESSED, maskedFrame, maskedText, TEXT } from '../load/frames.ts'
import { payloadText } from '../load/sequence.ts'

/** Pushes of each connection: what is made for a while by the first ones, of all together, would else be booked on connections. */
const TIMES = 2
const AT_A_TIME = 50

/** Lets each connection push 1 KB of JSON, compressed where it offered that, and get it back: a few times. */
export async function echoAll(crowd: readonly Connection[]): Promise<void> {
  for (let time = 0; time < TIMES; time += 1)
    for (let at = 0; at < crowd.length; at += AT_A_TIME)
      await Promise.all(crowd.slice(at, at + AT_A_TIME).map(echoOnce))
}

function echoOnce(connection: Connection): Promise<void> {
  const { dialect, topics } = connection
  const push = String(dialect.push(topics[0] ?? '', 1, 'echo', payloadText({ bodyBytes: 100, rows: 9 })))
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
