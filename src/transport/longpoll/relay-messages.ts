/**
 * The talk of two nodes about one request of a client whose session is on the other: asked here, answered there.
 *
 *     u32 BE      head (JSON)        body: a page of what a client sent, or is sent
 *     |head|      { kind, id, … }    bytes
 */
export type RelayMessage = Poll | Post | Cancel | Held | Gone | Answer

/** A poll with its token, for the entrance of that path. */
export interface Poll {
  readonly kind: 'poll'
  /** Of the node that asks: unique among its requests. */
  readonly id: number
  readonly path: string
  readonly token: string
  /** Bytes that came from the client. */
  readonly bytes: number
}

/** A page of the body of a POST. */
export interface Post extends Omit<Poll, 'kind'>, Paged {
  readonly kind: 'post'
  readonly isNdjson: boolean
}

/** The client of a poll is gone. */
export interface Cancel {
  readonly kind: 'cancel'
  readonly id: number
}

/** The session is here: an answer comes within so long. */
export interface Held {
  readonly kind: 'held'
  readonly id: number
  readonly ms: number
}

/** There is no such session here. */
export interface Gone {
  readonly kind: 'gone'
  readonly id: number
}

/** A page of an answer. */
export interface Answer extends Paged {
  readonly kind: 'answer'
  readonly id: number
}

interface Paged {
  readonly page: number
  readonly pages: number
  readonly body: Uint8Array
}

const LENGTH_BYTES = 4

export function encodeRelay(message: RelayMessage): Uint8Array {
  const { body = new Uint8Array(), ...rest } = { body: undefined, ...message }
  const head = Buffer.from(JSON.stringify(rest))
  const bytes = Buffer.allocUnsafe(LENGTH_BYTES + head.length + body.length)
  bytes.writeUInt32BE(head.length)
  bytes.set(head, LENGTH_BYTES)
  bytes.set(body, LENGTH_BYTES + head.length)
  return bytes
}

/** `undefined` for what is no message of this version. The body is a copy. Never throws. */
export function decodeRelay(given: Uint8Array): RelayMessage | undefined {
  try {
    const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength)
    const start = LENGTH_BYTES + bytes.readUInt32BE()
    const head: unknown = JSON.parse(bytes.toString('utf8', LENGTH_BYTES, start))
    return isObject(head) ? messageOf(head, Uint8Array.from(bytes.subarray(start))) : undefined
  } catch {
    return undefined
  }
}

type Head = Readonly<Record<string, unknown>>

function messageOf(head: Head, body: Uint8Array): RelayMessage | undefined {
  const { kind, id, path, token, bytes, ms, page, pages, isNdjson } = head
  if (!isCount(id)) return undefined
  if (kind === 'cancel' || kind === 'gone') return { kind, id }
  if (kind === 'held') return isCount(ms) ? { kind, id, ms } : undefined
  const isPaged = isCount(page) && isCount(pages) && page < pages
  if (kind === 'answer') return isPaged ? { kind, id, page, pages, body } : undefined
  if (typeof path !== 'string' || typeof token !== 'string' || !isCount(bytes)) return undefined
  if (kind === 'poll') return { kind, id, path, token, bytes }
  if (kind !== 'post' || !isPaged || typeof isNdjson !== 'boolean') return undefined
  return { kind, id, path, token, bytes, isNdjson, page, pages, body }
}

function isObject(value: unknown): value is Head {
  return typeof value === 'object' && value !== null
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** The pages of a body: at least one. */
export function pagesOf(body: Uint8Array, pageBytes: number): Uint8Array[] {
  const count = Math.max(1, Math.ceil(body.length / pageBytes))
  return Array.from({ length: count }, (_, page) => body.subarray(page * pageBytes, (page + 1) * pageBytes))
}
