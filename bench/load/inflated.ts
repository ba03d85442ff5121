import { constants, inflateRawSync } from 'node:zlib'

const TAIL = Buffer.from([0, 0, 0xff, 0xff])

let latest: { readonly data: Buffer; readonly message: Buffer } | undefined

/** A compressed message as it was. A broadcast comes a thousand times: it is inflated once, and then compared. */
export function inflated(data: Buffer): Buffer {
  if (latest?.data.equals(data)) return latest.message
  const message = inflateRawSync(Buffer.concat([data, TAIL]), { finishFlush: constants.Z_SYNC_FLUSH })
  latest = { data: Buffer.from(data), message }
  return message
}
