import { isCount } from '../ground/argument.ts'
import { isName } from '../ground/name.ts'
import { ByteReader, ByteWriter, MalformedMessage } from '../replication/bytes.ts'
import { type Incarnation, MAX_GENERATION } from './incarnation.ts'
import { type PresenceRefs, type Row, receivedRow } from './row.ts'

/**
 * The messages between trackers. `uint` and `text` are those of `bytes.ts`:
 *
 *     magic  version  kind   generation  nonce   body
 *     0x62   0x01     uint   uint        uint
 *
 *     1 heartbeat   flags (1 = greeting) · sequence · |vector| · { node text · generation · nonce · sequence }
 *     2 changes     generation · nonce (whom it answers, or 0 · 0) · after · upTo · until · |gone| ·
 *                   { dot - previous dot } · rows text
 *     3 snapshot    the same without gone
 *     4 request     generation · nonce (of whom it asks) · since
 *     5 goodbye     holdMs
 *
 *     rows          JSON: [[dot - previous dot, owner, key, meta, topic], …]; without topic where it is that of the
 *                   row before. One text, because one parse of many rows costs a third of many parses.
 */
export type PresenceMessage = Heartbeat | RowsMessage | Request | Goodbye

interface FromIncarnation {
  readonly incarnation: Incarnation
}

/** I live, this is how far I am, and this is how far I know the others that I see. */
export interface Heartbeat extends FromIncarnation {
  readonly kind: 'heartbeat'
  /** Asks for a heartbeat in return. */
  readonly greeting: boolean
  readonly sequence: number
  readonly vector: ReadonlyMap<string, Progress>
}

/** The part of a node that is known: all changes of that incarnation up to and including `sequence`. */
export interface Progress extends FromIncarnation {
  readonly sequence: number
}

/**
 * A contiguous range of the sender's own changes. `changes` leads from a state that holds everything up to `after` to
 * one that holds everything up to `upTo`: `gone` are dots up to `after`, `rows` are later. `snapshot` is a page of all
 * rows, the first of which has `after` 0; a row that none of them lists is gone.
 */
export interface RowsMessage extends FromIncarnation {
  readonly kind: 'changes' | 'snapshot'
  /** The incarnation whose request this answers: it knows by that, that this was written after it began. */
  readonly answers: Incarnation
  readonly after: number
  readonly upTo: number
  /** The sender's latest change when it wrote this: the end of the last page. */
  readonly until: number
  readonly gone: readonly number[]
  readonly rows: readonly Row[]
}

/** Send me what you did after `since`. */
export interface Request extends FromIncarnation {
  readonly kind: 'request'
  readonly of: Incarnation
  readonly since: number
}

/** I end on purpose: remove my rows, `holdMs` from now. */
export interface Goodbye extends FromIncarnation {
  readonly kind: 'goodbye'
  readonly holdMs: number
}

const MAGIC = 0x62
const VERSION = 1
const KINDS = ['heartbeat', 'changes', 'snapshot', 'request', 'goodbye'] as const

/** The same message always gives the same bytes. */
export function encodeMessage(message: PresenceMessage): Uint8Array {
  const out = new ByteWriter()
    .uint(MAGIC)
    .uint(VERSION)
    .uint(KINDS.indexOf(message.kind) + 1)
  writeIncarnation(out, message.incarnation)
  switch (message.kind) {
    case 'heartbeat':
      writeHeartbeat(out, message)
      break
    case 'changes':
    case 'snapshot':
      writeRowsMessage(out, message)
      break
    case 'request':
      writeIncarnation(out, message.of)
      out.uint(message.since)
      break
    case 'goodbye':
      out.uint(message.holdMs)
      break
    default:
      message satisfies never
  }
  return out.finish()
}

/**
 * @param skipped told of a row that is none, which holds up no other
 * @throws MalformedMessage, SyntaxError or RangeError for anything else that {@link encodeMessage} did not make
 */
export function decodeMessage(bytes: Uint8Array, skipped: Skipped = () => {}): PresenceMessage {
  const from = new ByteReader(bytes)
  if (from.uint() !== MAGIC) throw new MalformedMessage('not a message of a tracker')
  if (from.uint() !== VERSION) throw new MalformedMessage('a version that is not known')
  const message = readMessage(from, KINDS[from.uint() - 1], skipped)
  from.end()
  return message
}

type Skipped = (error: MalformedMessage) => void

function readMessage(
  from: ByteReader,
  kind: (typeof KINDS)[number] | undefined,
  skipped: Skipped,
): PresenceMessage {
  const incarnation = readIncarnation(from)
  switch (kind) {
    case 'heartbeat':
      return {
        kind,
        incarnation,
        greeting: from.uint() === 1,
        sequence: from.uint(),
        vector: readVector(from),
      }
    case 'changes':
    case 'snapshot':
      return readRowsMessage(from, kind, incarnation, skipped)
    case 'request':
      return { kind, incarnation, of: readIncarnation(from), since: from.uint() }
    case 'goodbye':
      return { kind, incarnation, holdMs: from.uint() }
    case undefined:
      throw new MalformedMessage('a kind that is not known')
  }
}

function writeIncarnation(out: ByteWriter, { generation, nonce }: Incarnation): void {
  out.uint(generation).uint(nonce)
}

function readIncarnation(from: ByteReader): Incarnation {
  const incarnation = { generation: from.uint(), nonce: from.uint() }
  if (incarnation.generation > MAX_GENERATION) throw new MalformedMessage('a generation that nobody reaches')
  return incarnation
}

function writeHeartbeat(out: ByteWriter, { greeting, sequence, vector }: Heartbeat): void {
  out
    .uint(greeting ? 1 : 0)
    .uint(sequence)
    .uint(vector.size)
  for (const [node, progress] of vector) {
    out.text(node)
    writeIncarnation(out, progress.incarnation)
    out.uint(progress.sequence)
  }
}

function readVector(from: ByteReader): Map<string, Progress> {
  const vector = new Map<string, Progress>()
  for (let left = from.uint(); left > 0; left--) {
    const node = from.text()
    const progress = { incarnation: readIncarnation(from), sequence: from.uint() }
    if (isName(node)) vector.set(node, progress)
  }
  return vector
}

function writeRowsMessage(out: ByteWriter, message: RowsMessage): void {
  writeIncarnation(out, message.answers)
  out.uint(message.after).uint(message.upTo).uint(message.until)
  if (message.kind === 'changes') writeDots(out, message.gone)
  out.text(rowsToText(message.rows, message.after))
}

function rowsToText(rows: readonly Row[], after: number): string {
  let dot = after
  let topic: string | undefined
  const cells = rows.map((row) => {
    const head = JSON.stringify([row.dot - dot, row.owner, row.key]).slice(0, -1)
    const end = row.topic === topic ? '' : `,${JSON.stringify(row.topic)}`
    dot = row.dot
    topic = row.topic
    return `${head},${row.text}${end}]`
  })
  return `[${cells.join()}]`
}

function readRowsMessage(
  from: ByteReader,
  kind: 'changes' | 'snapshot',
  incarnation: Incarnation,
  skipped: Skipped,
): RowsMessage {
  const answers = readIncarnation(from)
  const [after, upTo, until] = [from.uint(), from.uint(), from.uint()]
  if (after > upTo || upTo > until) throw new MalformedMessage('a range that ends before it begins')
  const gone = kind === 'changes' ? readDots(from, after) : []
  return { kind, incarnation, answers, after, upTo, until, gone, rows: readRows(from, after, upTo, skipped) }
}

function readRows(from: ByteReader, after: number, upTo: number, skipped: Skipped): Row[] {
  const cells: unknown = JSON.parse(from.text())
  if (!Array.isArray(cells)) throw new MalformedMessage('rows that are no list')
  const rows: Row[] = []
  let dot = after
  let topic: unknown
  for (const cell of cells) {
    if (!Array.isArray(cell)) throw new MalformedMessage('a row that is no list')
    const [step, owner, key, meta]: unknown[] = cell
    if (!isCount(step)) throw new MalformedMessage('a row without a dot')
    if (cell.length > 4) topic = cell[4]
    dot = nextDot(step, dot, upTo)
    const row =
      isCount(owner) && typeof key === 'string' && typeof topic === 'string' && isMeta(meta)
        ? receivedRow(topic, key, owner, meta, dot)
        : undefined
    if (row === undefined) skipped(new MalformedMessage('a row that is none'))
    else rows.push(row)
  }
  return rows
}

function isMeta(value: unknown): value is PresenceRefs {
  return (
    typeof value === 'object' && value !== null && 'phx_ref' in value && typeof value.phx_ref === 'string'
  )
}

function writeDots(out: ByteWriter, dots: readonly number[]): void {
  out.uint(dots.length)
  let previous = 0
  for (const dot of dots) {
    out.uint(dot - previous)
    previous = dot
  }
}

function readDots(from: ByteReader, upTo: number): number[] {
  const dots: number[] = []
  let dot = 0
  for (let left = from.uint(); left > 0; left--) {
    dot = nextDot(from.uint(), dot, upTo)
    dots.push(dot)
  }
  return dots
}

function nextDot(step: number, previous: number, upTo: number): number {
  if (step === 0 || previous + step > upTo) throw new MalformedMessage('a dot outside its range')
  return previous + step
}
