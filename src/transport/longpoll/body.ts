import { isUtf8 } from 'node:buffer'

/** A frame of a client. */
export interface Incoming {
  readonly data: Buffer
  readonly isBinary: boolean
}

/** The frames of a body. */
export interface Batch {
  readonly frames: readonly Incoming[]
  /** There are more lines than a batch may have: they were not taken. */
  readonly hasMore: boolean
}

/** The status of a body of which nothing is taken. */
export type BodyRefusal = 400 | 413

/** As in Phoenix, whose client sends no more at a time. */
export const BATCH_LINES = 100

const LINE_FEED = 10
/** The letters of the other alphabet, which Node's decoder takes as well. */
const BASE64_URL = /[-_]/

/**
 * The frames of the body of a POST: one, or with `application/x-ndjson` one a line. A line that begins as JSON does is a text,
 * any other the base64 of a binary frame. All of it is looked at before any of it is taken.
 *
 * @param maxBytes of one frame
 */
export function readBody(body: Buffer, isNdjson: boolean, maxBytes: number): Batch | BodyRefusal {
  if (body.length === 0) return 400
  if (!isNdjson) {
    const frame = bounded({ data: body, isBinary: false }, maxBytes)
    return typeof frame === 'number' ? frame : { frames: [frame], hasMore: false }
  }
  const frames: Incoming[] = []
  for (let at = 0; at < body.length; ) {
    if (frames.length === BATCH_LINES) return { frames, hasMore: true }
    const feed = body.indexOf(LINE_FEED, at)
    const end = feed === -1 ? body.length : feed
    const frame = readLine(body.subarray(at, end), maxBytes)
    if (typeof frame === 'number') return frame
    frames.push(frame)
    at = end + 1
  }
  return { frames, hasMore: false }
}

function readLine(bytes: Buffer, maxBytes: number): Incoming | BodyRefusal {
  const line = bytes.at(-1) === 13 ? bytes.subarray(0, -1) : bytes
  const isText = line[0] === 91 || line[0] === 123
  const data = isText ? line : fromBase64(line)
  if (data === undefined || line.length === 0) return 400
  return bounded({ data, isBinary: !isText }, maxBytes)
}

/** Over a WebSocket a text that is not UTF-8 does not come as far as this; read all the same, it would be another text. */
function bounded(frame: Incoming, maxBytes: number): Incoming | BodyRefusal {
  if (frame.data.length > maxBytes) return 413
  return frame.isBinary || isUtf8(frame.data) ? frame : 400
}

/** A decoder that leaves out what is no base64 gives fewer bytes. A pattern for all of a line would be too much for the stack. */
function fromBase64(line: Buffer): Buffer | undefined {
  const text = line.toString('latin1')
  const padding = text.endsWith('==') ? 2 : Number(text.endsWith('='))
  const data = Buffer.from(text, 'base64')
  const isWhole = data.length === (text.length / 4) * 3 - padding
  return isWhole && !BASE64_URL.test(text) ? data : undefined
}
