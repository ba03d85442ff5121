import { isBytes } from '../contract/bytes.ts'

// The client's half of the wire, for every JavaScript: no module of Node, no Buffer. The server's half is `protocol/`.

/** A message of a client. */
export interface ClientMessage {
  readonly joinRef: string | null
  readonly ref: string | null
  readonly topic: string
  readonly event: string
  /** JSON, or bytes (on version 2 alone). */
  readonly payload: unknown
}

/** A message of a server. Replies are events named `phx_reply` whose payload is `{ status, response }`. */
export interface ServerMessage {
  /** Absent, as `null`, in broadcasts, and on version 1 always. */
  readonly joinRef: unknown
  readonly ref: unknown
  readonly topic: string
  readonly event: string
  readonly payload: unknown
}

/** One version of the wire, seen from the client. A string is a text message of WebSocket, bytes are a binary one. */
export interface ClientCodec {
  encode(message: ClientMessage): string | Uint8Array
  decode(data: string | Uint8Array): ServerMessage
}

export const clientV1: ClientCodec = {
  encode({ ref, topic, event, payload }) {
    if (isBytes(payload)) throw new TypeError('version 1 of the protocol carries no bytes')
    return JSON.stringify({ topic, event, payload, ref })
  },

  decode(data) {
    if (typeof data !== 'string') throw new TypeError('version 1 of the protocol carries no bytes')
    const { topic, event, payload, ref } = JSON.parse(data)
    return { joinRef: null, ref, topic, event, payload }
  },
}

export const clientV2: ClientCodec = {
  encode({ joinRef, ref, topic, event, payload }) {
    if (isBytes(payload)) return encodeBinary([joinRef ?? '', ref ?? '', topic, event], payload)
    return JSON.stringify([joinRef, ref, topic, event, payload])
  },

  decode(data) {
    if (typeof data !== 'string') return decodeBinary(data)
    const [joinRef, ref, topic, event, payload] = JSON.parse(data)
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

const encoder = new TextEncoder()
const decoder = new TextDecoder()

function encodeBinary(names: readonly string[], payload: Uint8Array): Uint8Array {
  const fields = names.map((name) => encoder.encode(name))
  const parts = [Uint8Array.of(PUSH, ...fields.map(({ length }) => length)), ...fields, payload]
  const data = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    data.set(part, at)
    at += part.length
  }
  return data
}

function decodeBinary(data: Uint8Array): ServerMessage {
  const kind = data[0]
  const names = HEADERS[kind as 0 | 1 | 2]
  const head: Partial<Record<'joinRef' | 'ref' | 'topic' | 'event' | 'status', string>> = {}
  let at = 1 + names.length
  names.forEach((name, index) => {
    const end = at + (data[1 + index] ?? 0)
    head[name] = decoder.decode(data.subarray(at, end))
    at = end
  })
  const bytes = data.subarray(at)
  const { joinRef = null, ref = null, topic = '', event = 'phx_reply', status } = head
  return { joinRef, ref, topic, event, payload: kind === REPLY ? { status, response: bytes } : bytes }
}
