import { isUtf8 } from 'node:buffer'
import { isUint8Array } from 'node:util/types'
import { binaryFrame, type Frame, payloadStart, textFrame, textFrameAround } from './frame.ts'
import { boundDepth } from './json.ts'
import {
  type Codec,
  type JsonParse,
  JsonText,
  MalformedFrame,
  type Message,
  type Ref,
  type ReplyStatus,
} from './message.ts'

/**
 * Version 2 of Phoenix's protocol: text frames `[join_ref, ref, topic, event, payload]`, and binary frames whose
 * header gives each string one length byte:
 *
 *     push, client    00 |join_ref| |ref| |topic| |event|  join_ref ref topic event  data
 *     push, server    00 |join_ref| |topic| |event|        join_ref topic event      data
 *     reply           01 |join_ref| |ref| |topic| |status| join_ref ref topic status data
 *     broadcast       02 |topic| |event|                   topic event               data
 */
export const v2: Codec = {
  version: '2.0.0',
  index: 1,

  decode(data, isBinary, parse) {
    return isBinary ? decodeBinary(data) : decodeText(data, parse)
  },

  encodePush(joinRef, topic, event, payload, ref) {
    if (isUint8Array(payload)) return encodeBinary(PUSH, [refText(joinRef), topic, event], payload)
    return encodeText(joinRef, ref ?? null, topic, event, payload)
  },

  encodeShared(joinRef, topic, event, text) {
    return textFrameAround(headText(joinRef, null, topic, event), text.bytes, ']')
  },

  encodeReply(joinRef, ref, topic, status: ReplyStatus, response) {
    if (isUint8Array(response)) {
      return encodeBinary(REPLY, [refText(joinRef), refText(ref), String(topic), status], response)
    }
    return encodeText(joinRef, ref, topic, 'phx_reply', {
      response: response === undefined ? {} : response,
      status,
    })
  },

  encodeBroadcast(topic, event, payload, ref) {
    if (isUint8Array(payload)) return encodeBinary(BROADCAST, [topic, event], payload)
    return encodeText(null, ref ?? null, topic, event, payload)
  },

  encodeEnd(joinRef, topic, event, payload) {
    return encodeText(joinRef, joinRef, topic, event, payload)
  },
}

const PUSH = 0
const REPLY = 1
const BROADCAST = 2

function decodeText(data: Buffer, parse: JsonParse): Message {
  const text = data.toString('utf8')
  const array = parse(text)
  if (!Array.isArray(array)) throw new MalformedFrame('not an array')
  // Elements behind the fifth are ignored, as Phoenix does.
  if (array.length < 5) throw new MalformedFrame(`an array of ${array.length}, not 5`)
  return boundDepth(text, {
    joinRef: array[0],
    ref: array[1],
    topic: array[2],
    event: array[3],
    payload: array[4],
  })
}

function encodeText(joinRef: Ref, ref: Ref, topic: unknown, event: string, payload: unknown): Frame {
  if (!(payload instanceof JsonText)) return textFrame(JSON.stringify([joinRef, ref, topic, event, payload]))
  return textFrame(`${headText(joinRef, ref, topic, event)}${payload.text}]`)
}

/** All before the payload. */
function headText(joinRef: Ref, ref: Ref, topic: unknown, event: string): string {
  return `${JSON.stringify([joinRef, ref, topic, event]).slice(0, -1)},`
}

function decodeBinary(data: Buffer): Message {
  if (data.length < 5) throw new MalformedFrame('a binary frame without a header')
  if (data[0] !== PUSH) throw new MalformedFrame(`binary kind ${data[0]}`)
  let end = 5
  const next = (index: number): string => {
    const start = end
    end += data[index] as number
    return strictText(data, start, end)
  }
  return {
    joinRef: next(1),
    ref: next(2),
    topic: next(3),
    event: next(4),
    payload: data.subarray(end),
  }
}

function strictText(data: Buffer, start: number, end: number): string {
  if (end > data.length) throw new MalformedFrame('a binary length past the end')
  const bytes = data.subarray(start, end)
  if (!isUtf8(bytes)) throw new MalformedFrame('a binary header that is not UTF-8')
  return bytes.toString('utf8')
}

function encodeBinary(kind: number, names: string[], data: Uint8Array): Frame {
  const lengths = names.map((name) => Buffer.byteLength(name))
  const frame = binaryFrame(
    1 + names.length + lengths.reduce((sum, length) => sum + length, 0) + data.byteLength,
  )
  let at = payloadStart(frame)
  frame[at++] = kind
  for (const length of lengths) frame[at++] = lengthByte(length)
  for (const name of names) at += frame.write(name, at)
  frame.set(data, at)
  return frame
}

function lengthByte(length: number): number {
  if (length > 255) throw new RangeError(`a binary frame gives each name 255 bytes at most, got ${length}`)
  return length
}

/** A ref in a binary header, where there are only strings: `null` is empty, a number its digits. */
function refText(ref: Ref): string {
  if (ref === null || ref === undefined) return ''
  return typeof ref === 'string' ? ref : JSON.stringify(ref)
}
