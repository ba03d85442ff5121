import { unwritable } from '../protocol/carried.ts'
import { JsonText } from '../protocol/message.ts'

/**
 * The message between nodes:
 *
 *     version  kind  run      sequence   |head|     head (JSON)                     body
 *     u8       u8    u48 BE   u48 BE     u32 BE     { node, topic, event, … }       JSON text or raw bytes
 *
 * The sequence counts the envelopes of one run, from 1. A receiver drops what it has seen and ignores, counted, what it
 * does not understand.
 *
 * Two versions at work at the same time: fields may be added to the head, since older nodes pass over them. A change of
 * anything else takes a new version, which one release has to read before the next one writes it.
 */
export interface Envelope {
  readonly kind: EnvelopeKind
  readonly node: string
  /** A start of the pubsub, by chance: a node keeps its name when that is restarted, and its sequence begins again. */
  readonly run: number
  readonly sequence: number
  readonly topic: string
  readonly event: string
  /** The connection that a broadcast passes by, or that a push is for. */
  readonly connectionId: string | undefined
  /** A JSON value or bytes; {@link JsonText} on the way out. */
  readonly payload: unknown
}

export type EnvelopeKind = 'broadcast' | 'push' | 'disconnect' | 'lane'

/** Runs are below this. */
export const RUNS = 2 ** 48 - 1

const VERSION = 2
const KINDS: readonly EnvelopeKind[] = ['broadcast', 'push', 'disconnect', 'lane']
const HEADER = 18

/** Throws where the payload is no JSON. */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  const binary = envelope.payload instanceof Uint8Array
  const { node, topic, event, connectionId } = envelope
  const head = Buffer.from(JSON.stringify({ node, topic, event, connectionId, binary }))
  const body = binary ? (envelope.payload as Uint8Array) : jsonOf(envelope)
  const bytes = Buffer.allocUnsafe(HEADER + head.length + body.byteLength)
  bytes[0] = VERSION
  bytes[1] = KINDS.indexOf(envelope.kind)
  bytes.writeUIntBE(envelope.run, 2, 6)
  bytes.writeUIntBE(envelope.sequence, 8, 6)
  bytes.writeUInt32BE(head.length, 14)
  bytes.set(head, HEADER)
  bytes.set(body, HEADER + head.length)
  return bytes
}

function jsonOf({ topic, event, payload }: Envelope): Uint8Array {
  if (payload instanceof JsonText) return Buffer.from(payload.text)
  try {
    return Buffer.from(payload === undefined ? '' : JSON.stringify(payload))
  } catch (cause) {
    throw unwritable(topic, event, cause)
  }
}

/** `undefined` for anything that is not an envelope of this version. Never throws. */
export function decodeEnvelope(data: Uint8Array): Envelope | undefined {
  try {
    return data instanceof Uint8Array
      ? decode(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
      : undefined
  } catch {
    return undefined
  }
}

/** Throws where the JSON is none. */
function decode(bytes: Buffer): Envelope | undefined {
  if (bytes.length < HEADER || bytes[0] !== VERSION) return undefined
  const kind = KINDS[bytes[1] as number]
  const bodyStart = HEADER + bytes.readUInt32BE(14)
  if (kind === undefined || bodyStart > bytes.length) return undefined
  const head: unknown = JSON.parse(bytes.toString('utf8', HEADER, bodyStart))
  if (!isHead(head)) return undefined
  const body = bytes.subarray(bodyStart)
  const payload = head.binary ? body : body.length === 0 ? undefined : JSON.parse(body.toString('utf8'))
  const { node, topic, event, connectionId } = head
  const [run, sequence] = [bytes.readUIntBE(2, 6), bytes.readUIntBE(8, 6)]
  return { kind, node, run, sequence, topic, event, connectionId, payload }
}

interface Head {
  readonly node: string
  readonly topic: string
  readonly event: string
  readonly connectionId: string | undefined
  readonly binary: boolean
}

function isHead(value: unknown): value is Head {
  if (typeof value !== 'object' || value === null) return false
  const { node, topic, event, connectionId, binary } = value as Record<string, unknown>
  return (
    typeof node === 'string' &&
    typeof topic === 'string' &&
    typeof event === 'string' &&
    typeof binary === 'boolean' &&
    (connectionId === undefined || typeof connectionId === 'string')
  )
}
