import { ByteReader, ByteWriter, MalformedMessage } from '../replication/bytes.ts'
import { LANE_PAGE_BYTES } from '../replication/lane.ts'
import type { Entry, Segment } from './group-set.ts'

/**
 * The messages between the groups of several nodes, in the `uint` and `text` of `replication/bytes.ts`:
 *
 *     magic  version  kind   body
 *     0x67   0x01     uint
 *
 *     1 digest     flags (1 = greeting) · known · holding      this is what I have; ask if it is not what you have
 *     2 request                                              send me all you have
 *     3 segments   |segments| · { writer text · after · upTo · |entries| · { n - previous n · entry } }
 *
 *     entry        group text · 0, or 1 and topic text
 */
export type GroupMessage =
  | Digest
  | { readonly kind: 'request' }
  | { readonly kind: 'segments'; readonly segments: readonly Segment[] }

export interface Digest {
  readonly kind: 'digest'
  /** Asks for a digest in return. */
  readonly greeting: boolean
  readonly known: number
  readonly holding: number
}

const MAGIC = 0x67
const VERSION = 1
const KINDS = ['digest', 'request', 'segments'] as const

export function encodeMessage(message: GroupMessage): Uint8Array {
  const out = new ByteWriter()
    .uint(MAGIC)
    .uint(VERSION)
    .uint(KINDS.indexOf(message.kind) + 1)
  switch (message.kind) {
    case 'digest':
      out
        .uint(message.greeting ? 1 : 0)
        .uint(message.known)
        .uint(message.holding)
      break
    case 'request':
      break
    case 'segments':
      out.uint(message.segments.length)
      for (const segment of message.segments) writeSegment(out, segment)
      break
    default:
      message satisfies never
  }
  return out.finish()
}

/** @throws MalformedMessage for anything that {@link encodeMessage} did not make */
export function decodeMessage(bytes: Uint8Array): GroupMessage {
  const from = new ByteReader(bytes)
  if (from.uint() !== MAGIC) throw new MalformedMessage('not a message of groups')
  if (from.uint() !== VERSION) throw new MalformedMessage('a version that is not known')
  const message = readBody(from, KINDS[from.uint() - 1])
  from.end()
  return message
}

/** Splits segments so that each message is about {@link LANE_PAGE_BYTES} long: pieces of a segment follow on each other. */
export function* paginate(segments: Iterable<Segment>): Generator<Segment[]> {
  let page: Segment[] = []
  let bytes = 0
  for (const piece of pieces(segments)) {
    const size = sizeOf(piece)
    if (bytes > 0 && bytes + size > LANE_PAGE_BYTES) {
      yield page
      page = []
      bytes = 0
    }
    page.push(piece)
    bytes += size
  }
  if (page.length > 0) yield page
}

const ENTRIES_A_PIECE = 256
const SEGMENT_BYTES = 64
const ENTRY_BYTES = 16

function* pieces(segments: Iterable<Segment>): Generator<Segment> {
  for (const { writer, after, upTo, entries } of segments) {
    let from = after
    for (let at = ENTRIES_A_PIECE; at < entries.length; at += ENTRIES_A_PIECE) {
      const piece = entries.slice(at - ENTRIES_A_PIECE, at)
      const end = piece.at(-1)?.[0] ?? from
      yield { writer, after: from, upTo: end, entries: piece }
      from = end
    }
    yield { writer, after: from, upTo, entries: entries.filter(([n]) => n > from) }
  }
}

// A UTF-16 unit takes at most three bytes of UTF-8.
function sizeOf({ writer, entries }: Segment): number {
  return entries.reduce(
    (bytes, [, { group, topic = '' }]) => bytes + ENTRY_BYTES + (group.length + topic.length) * 3,
    SEGMENT_BYTES + writer.length * 3,
  )
}

function readBody(from: ByteReader, kind: (typeof KINDS)[number] | undefined): GroupMessage {
  switch (kind) {
    case 'digest':
      return { kind, greeting: from.uint() === 1, known: from.uint(), holding: from.uint() }
    case 'request':
      return { kind }
    case 'segments': {
      const segments: Segment[] = []
      for (let left = from.uint(); left > 0; left--) segments.push(readSegment(from))
      return { kind, segments }
    }
    case undefined:
      throw new MalformedMessage('a kind that is not known')
  }
}

function writeSegment(out: ByteWriter, { writer, after, upTo, entries }: Segment): void {
  out.text(writer).uint(after).uint(upTo).uint(entries.length)
  let previous = after
  for (const [n, { group, topic }] of entries) {
    out.uint(n - previous).text(group)
    if (topic === undefined) out.uint(0)
    else out.uint(1).text(topic)
    previous = n
  }
}

function readSegment(from: ByteReader): Segment {
  const [writer, after, upTo] = [from.text(), from.uint(), from.uint()]
  if (after > upTo) throw new MalformedMessage('a range that ends before it begins')
  const entries: [number, Entry][] = []
  let n = after
  for (let left = from.uint(); left > 0; left--) {
    const step = from.uint()
    n += step
    if (step === 0 || n > upTo) throw new MalformedMessage('a number outside its range')
    const group = from.text()
    entries.push([n, { group, topic: from.uint() === 1 ? from.text() : undefined }])
  }
  return { writer, after, upTo, entries }
}
