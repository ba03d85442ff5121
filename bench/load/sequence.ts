/**
 * Every message carries a number of nine digits, so that frames have one length and a number can be patched in and
 * read without parsing JSON. A number names a *lane* (one sender on one topic) and counts within it.
 */
export const DIGITS = 9
const FIRST = 100_000_000
const NUMBERS = 900_000_000

/** Stands in a template where the number will be. */
export const PLACEHOLDER = String(FIRST)

/** Divides the numbers among `lanes` lanes. */
export class Sequence {
  readonly #stride: number

  constructor(lanes: number) {
    this.#stride = Math.floor(NUMBERS / lanes)
  }

  /** The number of the `count`-th message (from 0) of `lane`. */
  at(lane: number, count: number): number {
    if (count >= this.#stride) throw new Error(`lane ${lane} is out of numbers after ${count} messages`)
    return FIRST + lane * this.#stride + count
  }

  lane(number: number): number {
    return Math.floor((number - FIRST) / this.#stride)
  }

  count(number: number): number {
    return (number - FIRST) % this.#stride
  }
}

/** The content of a message beside its number. */
export interface Content {
  /** Bytes of the `body`. */
  readonly bodyBytes: number
  /** Rows of a table, as an application has them: what compresses as JSON does. @default none */
  readonly rows?: number
}

/** The JSON text of a message: `{"seq":<placeholder>,"body":"<bodyBytes characters>"}`, and `"rows":[…]` where it has some. */
export function payloadText({ bodyBytes, rows }: Content): string {
  return JSON.stringify({
    seq: FIRST,
    body: bodyOf(bodyBytes),
    ...(rows === undefined ? {} : { rows: rowsOf(rows) }),
  })
}

/** Names, words, numbers, times and ids in the measure in which a list of an application has them. */
function rowsOf(count: number): object[] {
  return Array.from({ length: count }, (_, n) => ({
    id: (2_654_435_761 * (n + 1)).toString(36),
    name: NAMES[(n * 7) % NAMES.length],
    status: STATES[(n * 5) % STATES.length],
    score: (n * 7_919) % 10_000,
    at: new Date(1_795_000_000_000 + n * 86_413_577).toISOString(),
  }))
}

const NAMES = [
  'Ada Lovelace',
  'Grace Hopper',
  'Joe Armstrong',
  'Barbara Liskov',
  'Tony Hoare',
  'Radia Perlman',
  'Leslie Lamport',
]
const STATES = ['online', 'away', 'busy']

/** Letters in an order that shows a shifted or cut body. */
export function bodyOf(bytes: number): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789-'
  return letters.repeat(Math.ceil(bytes / letters.length)).slice(0, bytes)
}

const MARK = Buffer.from('"seq":')
const COLON = 0x3a
const QUOTE = 0x22
/** `,"body":"` between the number and the body. */
const BETWEEN = 9

/**
 * Finds the number of a message in a frame's bytes, trying first where it stood the last time.
 * @returns the offset of its first digit from `start`, or -1 where the frame is no numbered message
 */
export function findNumber(bytes: Buffer, start: number, end: number, hint: number): number {
  const hinted = start + hint
  if (hint > 0 && hinted < end && bytes[hinted - 1] === COLON && bytes[hinted - 2] === QUOTE) return hint
  const at = bytes.subarray(start, end).indexOf(MARK)
  return at === -1 ? -1 : at + MARK.length
}

export function readNumber(bytes: Buffer, at: number): number {
  let number = 0
  for (let offset = at; offset < at + DIGITS; offset += 1) number = number * 10 + (bytes[offset] ?? 0) - 48
  return number
}

/** True where the body behind the number at `at` ends after exactly `bodyBytes` bytes. */
export function bodyEnds(bytes: Buffer, at: number, bodyBytes: number): boolean {
  const body = at + DIGITS + BETWEEN
  return bytes[body - 1] === QUOTE && bytes[body + bodyBytes] === QUOTE
}

/** Compares the whole body behind the number at `at`. */
export function bodyEquals(bytes: Buffer, at: number, body: Buffer): boolean {
  const start = at + DIGITS + BETWEEN
  return bytes.compare(body, 0, body.length, start, start + body.length) === 0
}
