import { type Frame, framePayload, isBinaryFrame } from '../protocol/frame.ts'

// The client's half of the wire. The server's half is `protocol/`, the real one.

/** What a client sends. */
export interface ClientMessage {
  readonly joinRef: string | null
  readonly ref: string | null
  readonly topic: string
  readonly event: string
  /** JSON, or bytes (on version 2 alone). */
  readonly payload: unknown
}

/** What a server sent. Replies are events named `phx_reply` whose payload is `{ status, response }`. */
export interface ServerMessage {
  /** Absent, as `null`, in broadcasts, and on version 1 always. */
  readonly joinRef: unknown
  readonly ref: unknown
  readonly topic: string
  readonly event: string
  readonly payload: unknown
}

/** One version of the wire, seen from the client. */
export interface ClientCodec {
  encode(message: ClientMessage): { readonly data: Buffer; readonly isBinary: boolean }
  decode(frame: Frame): ServerMessage
}

export const clientV1: ClientCodec = {
  encode({ ref, topic, event, payload }) {
    if (payload instanceof Uint8Array) throw new TypeError('version 1 of the protocol carries no bytes')
    return { data: Buffer.from(JSON.stringify({ topic, event, payload, ref })), isBinary: false }
  },

  decode(frame) {
    const { topic, event, payload, ref } = JSON.parse(framePayload(frame).toString())
    return { joinRef: null, ref, topic, event, payload }
  },
}

export const clientV2: ClientCodec = {
  encode({ joinRef, ref, topic, event, payload }) {
    if (payload instanceof Uint8Array) {
      return { data: encodeBinary([joinRef ?? '', ref ?? '', topic, event], payload), isBinary: true }
    }
    return { data: Buffer.from(JSON.stringify([joinRef, ref, topic, event, payload])), isBinary: false }
  },

  decode(frame) {
    if (isBinaryFrame(frame)) return decodeBinary(framePayload(frame))
    const [joinRef, ref, topic, event, payload] = JSON.parse(framePayload(frame).toString())
    return { joinRef, ref, topic, event, payload }
  },
}

const PUSH = 0
const REPLY = 1
/** Which names stand in the header, by the kind of frame that a server sends. */
const HEADERS = [
  ['joinRef', 'topic', 'event'],
  ['joinRef', 'ref', 'topic', 'status'],
  ['topic', 'event'],
] as const

function encodeBinary(names: readonly string[], payload: Uint8Array): Buffer {
  const fields = names.map((name) => Buffer.from(name))
  const head = Buffer.from([PUSH, ...fields.map(({ length }) => length)])
  return Buffer.concat([head, ...fields, payload])
}

function decodeBinary(data: Buffer): ServerMessage {
  const kind = data[0] as 0 | 1 | 2
  const names = HEADERS[kind]
  const head: Partial<Record<'joinRef' | 'ref' | 'topic' | 'event' | 'status', string>> = {}
  let at = 1 + names.length
  names.forEach((name, index) => {
    const end = at + (data[1 + index] as number)
    head[name] = data.toString('utf8', at, end)
    at = end
  })
  const bytes = Buffer.from(data.subarray(at))
  const { joinRef = null, ref = null, topic = '', event = 'phx_reply', status } = head
  return { joinRef, ref, topic, event, payload: kind === REPLY ? { status, response: bytes } : bytes }
}
