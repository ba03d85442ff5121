/**
 * The price of reading one message: with `JSON.parse` of the whole, and with a decoder made for the array form of V2, a
 * scanner that takes the four strings of the head by hand and gives only the payload to `JSON.parse`. The last row is what a server does that checks nothing.
 *
 * Run it with `npm run bench:decode`.
 */
import { jsonParse } from '../src/protocol/json.ts'
import type { Message } from '../src/protocol/message.ts'
import { v2 } from '../src/protocol/v2.ts'

const ROUNDS = 15
const ROUND_MS = 40
const BODY_BYTES = [10, 100, 1_000, 10_000]

const parse = jsonParse({ onProtoPoisoning: 'error', onConstructorPoisoning: 'error' })
const QUOTE = 34
const BACKSLASH = 92
const COMMA = 44

type Decoder = (data: Buffer) => Message

const decoders: Readonly<Record<string, Decoder>> = {
  'as it is': (data) => v2.decode(data, false, parse),
  'head by hand, from the text': scanText,
  'head by hand, from the bytes': scanBytes,
  'nothing checked': (data) => fromArray(JSON.parse(data.toString('utf8'))),
}

function fromArray([joinRef, ref, topic, event, payload]: unknown[]): Message {
  return { joinRef, ref, topic, event, payload }
}

/** Takes the usual head only: four strings without escapes. Anything else is given to the decoder of the library. */
function scanText(data: Buffer): Message {
  const text = data.toString('utf8')
  const head: string[] = []
  let at = 1
  for (let field = 0; field < 4; field++) {
    const end = text.indexOf('"', at + 1)
    if (text.charCodeAt(at) !== QUOTE || end === -1 || text.charCodeAt(end + 1) !== COMMA)
      return v2.decode(data, false, parse)
    const value = text.slice(at + 1, end)
    if (value.includes('\\')) return v2.decode(data, false, parse)
    head.push(value)
    at = end + 2
  }
  const payload = parse(text.slice(at, -1))
  return { joinRef: head[0], ref: head[1], topic: head[2], event: head[3], payload }
}

/** The same without a string of the whole: the head stays bytes until it is cut. */
function scanBytes(data: Buffer): Message {
  const head: string[] = []
  let at = 1
  for (let field = 0; field < 4; field++) {
    const end = endOfString(data, at)
    if (end === -1 || data[end + 1] !== COMMA) return v2.decode(data, false, parse)
    head.push(data.toString('latin1', at + 1, end))
    at = end + 2
  }
  const payload = parse(data.toString('utf8', at, data.length - 1))
  return { joinRef: head[0], ref: head[1], topic: head[2], event: head[3], payload }
}

/** Where a plain ASCII string without escapes ends; -1 where it is none. */
function endOfString(data: Buffer, start: number): number {
  if (data[start] !== QUOTE) return -1
  for (let at = start + 1; at < data.length; at++) {
    const byte = data[at] as number
    if (byte === QUOTE) return at
    if (byte === BACKSLASH || byte > 126) return -1
  }
  return -1
}

function frame(bodyBytes: number): Buffer {
  const payload = { seq: 123_456, body: 'x'.repeat(bodyBytes) }
  return Buffer.from(JSON.stringify(['3', '17', 'bench:room:42', 'new_msg', payload]))
}

/** Nanoseconds a message, in one round. */
function measure(decode: Decoder, data: Buffer): number {
  let count = 0
  let sink = 0
  const begun = performance.now()
  let spent = 0
  while (spent < ROUND_MS) {
    for (let n = 0; n < 200; n++) sink += (decode(data).topic as string).length
    count += 200
    spent = performance.now() - begun
  }
  if (sink === 0) throw new Error('nothing was decoded')
  return (spent * 1e6) / count
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

/** Interleaved: each round every decoder has its turn, so that what disturbs the machine disturbs all alike. */
function compare(data: Buffer): number[] {
  const times = Object.values(decoders).map((): number[] => [])
  for (let round = 0; round <= ROUNDS; round++)
    for (const [index, decode] of Object.values(decoders).entries()) {
      const ns = measure(decode, data)
      if (round > 0) times[index]?.push(ns)
    }
  return times.map(median)
}

const columns = BODY_BYTES.map((bytes) => compare(frame(bytes)))
console.log(`${'ns a message; body of'.padEnd(32)}${BODY_BYTES.map((b) => `${b} B`.padStart(10)).join('')}`)
for (const [index, name] of Object.keys(decoders).entries())
  console.log(
    `${name.padEnd(32)}${columns.map((times) => (times[index] ?? 0).toFixed(0).padStart(10)).join('')}`,
  )
