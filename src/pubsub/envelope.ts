import { isUtf8 } from 'node:buffer'
import { isUint8Array } from 'node:util/types'
import { isName } from '../ground/name.ts'
import { unwritable } from '../protocol/carried.ts'
import { isTooDeep } from '../protocol/json.ts'
import { JsonText } from '../protocol/message.ts'
import { isReservedEvent } from '../protocol/topic.ts'

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
  /** The connection that a broadcast passes by, or that a push, an info or a dismissal is for. */
  readonly connectionId: string | undefined
  /** The connections that an info or a dismissal is for. */
  readonly connectionTopic?: string | undefined
  /** Any JSON value, {@link JsonText} or bytes on the way out. On the way in text or bytes; `undefined` for none. */
  readonly payload: unknown
}

/**
 * `group`: a broadcast to the topics of a group, as each node knows it. Its topic is the name of the group.
 *
 * A node that does not know a kind drops it, counted. New ones come last.
 */
export type EnvelopeKind = 'broadcast' | 'push' | 'disconnect' | 'lane' | 'group' | 'info' | 'dismissal'

/** Runs are below this. */
export const RUNS = 2 ** 48 - 1

const VERSION = 2
const KINDS: readonly EnvelopeKind[] = [
  'broadcast',
  'push',
  'disconnect',
  'lane',
  'group',
  'info',
  'dismissal',
]
const HEADER = 18

/** @throws `BERYL_ERR_PAYLOAD_INVALID` where the payload is no JSON */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  const { node, topic, event, connectionId, connectionTopic, payload } = envelope
  const binary = isUint8Array(payload)
  const head = JSON.stringify({ node, topic, event, connectionId, connectionTopic, binary })
  const headBytes = Buffer.byteLength(head)
  const body = binary ? payload : jsonOf(envelope)
  const bodyStart = HEADER + headBytes
  const bytes = Buffer.allocUnsafe(bodyStart + Buffer.byteLength(body))
  bytes[0] = VERSION
  bytes[1] = KINDS.indexOf(envelope.kind)
  bytes.writeUIntBE(envelope.run, 2, 6)
  bytes.writeUIntBE(envelope.sequence, 8, 6)
  bytes.writeUInt32BE(headBytes, 14)
  bytes.write(head, HEADER)
  if (typeof body === 'string') bytes.write(body, bodyStart)
  else bytes.set(body, bodyStart)
  return bytes
}

function jsonOf({ topic, event, payload }: Envelope): string {
  if (payload instanceof JsonText) return payload.text
  if (payload === undefined) return ''
  try {
    return JSON.stringify(payload)
  } catch (cause) {
    throw unwritable(topic, event, cause)
  }
}

/** Versions are below the printable characters, with which what others write begins. */
const VERSIONS = 32

/** True for an envelope of a version that this one cannot read. */
export function isNewer(data: unknown): boolean {
  const version = isUint8Array(data) ? (data[0] ?? 0) : 0
  return version > VERSION && version < VERSIONS
}

/** `undefined` for anything that is not an envelope of this version. Never throws. */
export function decodeEnvelope(data: Uint8Array): Envelope | undefined {
  try {
    return isUint8Array(data) ? decode(Buffer.from(data.buffer, data.byteOffset, data.byteLength)) : undefined
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
  if (!isHead(head) || !fitsKind(kind, head)) return undefined
  const body = bytes.subarray(bodyStart)
  const payload = head.binary ? body : body.length === 0 ? undefined : jsonText(body)
  const { node, topic, event, connectionId, connectionTopic } = head
  const [run, sequence] = [bytes.readUIntBE(2, 6), bytes.readUIntBE(8, 6)]
  return { kind, node, run, sequence, topic, event, connectionId, connectionTopic, payload }
}

/** @throws where it is not one JSON value in well-formed UTF-8, as deep as a client's may be: browsers end a connection over it */
function jsonText(body: Buffer): JsonText {
  if (!isUtf8(body)) throw new TypeError('not UTF-8')
  const text = body.toString('utf8')
  if (isTooDeep(text)) throw new RangeError('nested too deeply')
  JSON.parse(text)
  return new JsonText(text)
}

/** Topics, events and reasons go into the frames of clients: they have to fit there. */
function fitsKind(kind: EnvelopeKind, { topic, event }: Head): boolean {
  if (!isName(topic)) return false
  if (kind === 'lane' || kind === 'disconnect') return true
  if (kind === 'dismissal') return event === '' || isName(event)
  return isName(event) && !isReservedEvent(event)
}

interface Head {
  readonly node: string
  readonly topic: string
  readonly event: string
  readonly connectionId: string | undefined
  readonly connectionTopic: string | undefined
  readonly binary: boolean
}

function isHead(value: unknown): value is Head {
  if (typeof value !== 'object' || value === null) return false
  const { node, topic, event, connectionId, connectionTopic, binary } = value as Record<string, unknown>
  return (
    // The nodes tell each other whom they know: a name without end would make what they say too long to be carried.
    isName(node) &&
    typeof topic === 'string' &&
    typeof event === 'string' &&
    typeof binary === 'boolean' &&
    (connectionId === undefined || typeof connectionId === 'string') &&
    (connectionTopic === undefined || typeof connectionTopic === 'string')
  )
}
