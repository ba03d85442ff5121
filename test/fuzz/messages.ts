import type { Dice } from './dice.ts'

/** The content of one WebSocket message of a client. */
export interface Sent {
  readonly data: Buffer
  readonly isBinary: boolean
}

export type Version = '1.0.0' | '2.0.0'

/**
 * Topics of the fuzzed application: most exist, some refuse, crash or wait, and some are names that JavaScript knows.
 */
export const TOPICS = [
  'room:1',
  'room:2',
  'room:',
  'shy:1',
  'bang:1',
  'slow:1',
  'strict:1',
  'nobody:1',
  'phoenix',
  '',
  '__proto__',
  'constructor',
  'room:__proto__',
  'toString',
  `room:${'x'.repeat(250)}`,
  `room:${'é'.repeat(200)}`,
  'room:\u{1f47b}',
] as const

export const EVENTS = [
  'phx_join',
  'phx_join',
  'phx_join',
  'phx_leave',
  'echo',
  'say',
  'wait',
  'bytes',
  'boom',
  'quit',
  'heartbeat',
  'phx_reply',
  'phx_error',
  'phx_close',
  'presence_diff',
  'disconnect',
  'unknown',
  '',
  '__proto__',
  'constructor',
  'hasOwnProperty',
] as const

const REFS = ['1', '2', '3', '4', '5', '', '__proto__', 'constructor', 'x'.repeat(300)] as const

/** A message as a client might make it: often right, sometimes wrong, sometimes rubbish. */
export function randomMessage(dice: Dice, version: Version): Sent {
  const sane = version === '2.0.0' && dice.oneIn(4) ? binaryMessage(dice) : textMessage(dice, version)
  if (!dice.oneIn(4)) return sane
  return dice.oneIn(8) ? { ...sane, isBinary: !sane.isBinary } : { ...sane, data: mutate(dice, sane.data) }
}

function textMessage(dice: Dice, version: Version): Sent {
  const [joinRef, ref, topic, event, payload] = fields(dice)
  const message =
    version === '2.0.0'
      ? [joinRef, ref, topic, event, payload]
      : { topic, event, payload, ref, ...(dice.oneIn(2) ? { join_ref: joinRef } : {}) }
  return { data: Buffer.from(reshape(dice, JSON.stringify(message), message)), isBinary: false }
}

function fields(dice: Dice): unknown[] {
  const joinRef = dice.oneIn(8) ? randomJson(dice, 2) : dice.pick(['1', '1', '1', null, dice.pick(REFS)])
  const ref = dice.oneIn(8) ? randomJson(dice, 2) : dice.pick(REFS)
  const topic = dice.oneIn(24) ? randomJson(dice, 2) : dice.pick(dice.oneIn(2) ? TOPICS.slice(0, 2) : TOPICS)
  const event = dice.oneIn(24) ? randomJson(dice, 2) : dice.pick(EVENTS)
  return [joinRef, ref, topic, event, randomPayload(dice)]
}

function randomPayload(dice: Dice): unknown {
  if (dice.oneIn(3)) return { body: 'hello' }
  return dice.oneIn(3) ? { n: dice.below(10) } : randomJson(dice, 3)
}

const SCALARS = [
  null,
  true,
  false,
  0,
  -0,
  1.5,
  1e308,
  -1,
  2 ** 53,
  '',
  'a',
  '\u0000',
  'é\u{1f47b}',
  '\\',
  '"',
]
const KEYS = [
  'a',
  'body',
  'n',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'toJSON',
  'then',
  'length',
  '',
]

/** Any JSON value, with keys that mean something to JavaScript. */
export function randomJson(dice: Dice, depth: number): unknown {
  if (depth === 0 || dice.oneIn(2)) return dice.pick(SCALARS)
  const size = dice.below(4)
  if (dice.oneIn(2)) return Array.from({ length: size }, () => randomJson(dice, depth - 1))
  return Object.fromEntries(
    Array.from({ length: size }, () => [dice.pick(KEYS), randomJson(dice, depth - 1)]),
  )
}

/** Rewrites the text of a message in ways that no `JSON.stringify` would. */
function reshape(dice: Dice, text: string, message: object): string {
  if (!dice.oneIn(5)) return text
  const entries = Object.entries(message)
  const [field] = dice.pick(entries)
  const foreign = dice.pick(FOREIGN)(dice)
  const parts = entries.map(([key, value]) => {
    const json = key === field ? foreign : JSON.stringify(value)
    return Array.isArray(message) ? json : `${JSON.stringify(key)}:${json}`
  })
  if (dice.oneIn(6)) parts.pop()
  if (dice.oneIn(6)) parts.push(...parts.slice(-1))
  return Array.isArray(message) ? `[${parts.join(',')}]` : `{${parts.join(',')}}`
}

/** JSON texts that are hard on somebody. */
const FOREIGN: readonly ((dice: Dice) => string)[] = [
  (dice) => nested(dice, '[', ']'),
  (dice) => nested(dice, '{"a":', '}', '1'),
  () => '{"__proto__":{"polluted":true}}',
  () => '{"\\u005f_proto__":1}',
  () => '{"constructor":{"prototype":{"polluted":true}}}',
  () => '"\\ud800"',
  () => '"\\udc00\\ud800"',
  () => '1e400',
  () => '123456789012345678901234567890',
  () => '{"a":1,"a":2}',
  () => '"\u2028"',
  () => 'NaN',
  () => '01',
  () => '',
  () => ' \n\t[ ] ',
  () => `"${'y'.repeat(20_000)}"`,
  () => '{"toString":null,"valueOf":null}',
  () => '[[[{"toString":1}]]]',
]

/** Around and far above the depth that is allowed. */
function nested(dice: Dice, open: string, close: string, core = ''): string {
  const depth = dice.pick([10, 499, 500, 501, 5_000])
  return open.repeat(depth) + core + close.repeat(depth)
}

/** A binary push, whose header lies at times. */
function binaryMessage(dice: Dice): Sent {
  const names = [dice.pick(['1', '1', ...REFS]), dice.pick(REFS), dice.pick(TOPICS), dice.pick(EVENTS)]
  const bytes = names.map((name) => Buffer.from(name))
  const lengths = bytes.map(({ length }) => (dice.oneIn(20) ? dice.below(256) : length & 255))
  const kind = dice.oneIn(20) ? dice.below(256) : 0
  const data = Buffer.concat([Buffer.from([kind, ...lengths]), ...bytes, dice.bytes(dice.below(40))])
  return { data: dice.oneIn(20) ? data.subarray(0, dice.below(data.length + 1)) : data, isBinary: true }
}

/** Flips, drops, doubles or inserts some bytes. */
export function mutate(dice: Dice, original: Buffer): Buffer {
  let data = Buffer.from(original)
  for (let change = dice.below(4); change >= 0; change--) {
    const at = dice.below(data.length + 1)
    const kind = dice.below(4)
    if (kind === 0 && at < data.length) data[at] = dice.next()
    else if (kind === 1) data = Buffer.concat([data.subarray(0, at), data.subarray(at + 1 + dice.below(8))])
    else if (kind === 2)
      data = Buffer.concat([data.subarray(0, at), dice.bytes(1 + dice.below(4)), data.subarray(at)])
    else data = Buffer.concat([data.subarray(0, at), data.subarray(dice.below(data.length + 1))])
  }
  return data
}
