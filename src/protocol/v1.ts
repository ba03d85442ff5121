import { isUtf8 } from 'node:buffer'
import { isUint8Array } from 'node:util/types'
import { type Frame, textFrame } from './frame.ts'
import { boundDepth } from './json.ts'
import { type Codec, JsonText, MalformedFrame, type Ref } from './message.ts'

/**
 * Version 1 of Phoenix's protocol: text frames `{ topic, event, payload, ref }`. A `join_ref` is read where a client
 * sends one and never written. It has no binary form: a binary frame is read as text.
 */
export const v1: Codec = {
  version: '1.0.0',
  index: 0,

  decode(data, isBinary, parse) {
    if (isBinary && !isUtf8(data)) throw new MalformedFrame('a binary frame that is not UTF-8')
    const text = data.toString('utf8')
    const map = parse(text)
    if (typeof map !== 'object' || map === null || Array.isArray(map))
      throw new MalformedFrame('not an object')
    for (const field of FIELDS) if (!Object.hasOwn(map, field)) throw new MalformedFrame(`no ${field}`)
    const { topic, event, payload, ref, join_ref: joinRef = null } = map as Record<string, unknown>
    return boundDepth(text, { joinRef, ref, topic, event, payload })
  },

  encodePush(_joinRef, topic, event, payload, ref) {
    return encode(topic, event, payload, ref ?? null)
  },

  encodeReply(_joinRef, ref, topic, status, response) {
    if (isUint8Array(response)) return undefined
    return encode(topic, 'phx_reply', { response: response === undefined ? {} : response, status }, ref)
  },

  encodeBroadcast(topic, event, payload, ref) {
    return encode(topic, event, payload, ref ?? null)
  },

  encodeEnd(joinRef, topic, event, payload) {
    return textFrame(JSON.stringify({ event, payload, ref: joinRef, topic }))
  },
}

const FIELDS = ['topic', 'event', 'payload', 'ref']

function encode(topic: unknown, event: string, payload: unknown, ref: Ref): Frame | undefined {
  if (isUint8Array(payload)) return undefined
  if (!(payload instanceof JsonText)) return textFrame(JSON.stringify({ event, payload, ref, topic }))
  return textFrame(
    `{"event":${JSON.stringify(event)},"payload":${payload.text},"ref":${ref === null ? 'null' : JSON.stringify(ref)},"topic":${JSON.stringify(topic)}}`,
  )
}
