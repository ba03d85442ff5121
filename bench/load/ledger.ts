import { Latencies } from '../measure/latencies.ts'
import type { Dialect } from './dialect.ts'
import {
  bodyEnds,
  bodyEquals,
  type Content,
  findNumber,
  payloadText,
  readNumber,
  Sequence,
} from './sequence.ts'

/** The counts that must all be 0 for a figure to count. */
export interface Faults {
  /** Messages that never came. */
  lost: number
  doubled: number
  outOfOrder: number
  /** Wrong bodies, messages for somebody else, and frames that are no message at all. */
  wrong: number
  /** Connections that the server closed. */
  closed: number
}

/** A connection, as the books need it. */
export interface Recipient {
  readonly index: number
  readonly dialect: Pick<Dialect, 'pong'>
  /** Where the last message's number stood in its frame; kept by the ledger. */
  numberAt: number
  writeText(text: string): void
}

export function noFaults(): Faults {
  return { lost: 0, doubled: 0, outOfOrder: 0, wrong: 0, closed: 0 }
}

/** One body in so many is compared as a whole; of the others the length is checked. */
const WHOLE_EVERY = 251

/**
 * Keeps the books of a load: which messages of which lane went out, what each connection must get and got.
 * A connection gets, of every lane that it follows, each message once and in order.
 */
export class Ledger {
  readonly faults = noFaults()
  /** Good deliveries since the last {@link take}. */
  #delivered = 0
  #latencies = new Latencies()
  /** Deliveries that are due and have not come. */
  #outstanding = 0
  readonly #sequence: Sequence
  readonly #followers: readonly number[]
  readonly #sentAt: number[][]
  /** Per connection: lane → the count that must come next. */
  readonly #expected: Map<number, number>[]
  readonly #bodyBytes: number
  /** The body, and all that stands behind it. */
  readonly #body: Buffer
  #untilWhole = 0

  /** `lanesOf[i]` lists the lanes whose messages connection `i` must get. */
  constructor(lanesOf: readonly (readonly number[])[], lanes: number, content: Content) {
    this.#sequence = new Sequence(lanes)
    this.#expected = lanesOf.map((own) => new Map(own.map((lane) => [lane, 0])))
    this.#sentAt = Array.from({ length: lanes }, () => [])
    this.#followers = countFollowers(lanesOf, lanes)
    this.#bodyBytes = content.bodyBytes
    this.#body = behindNumber(content)
  }

  get outstanding(): number {
    return this.#outstanding
  }

  /** Enters the next message of `lane`, sent at `now`, and returns its number. */
  send(lane: number, now: number): number {
    const sentAt = this.#sentAt[lane]
    if (sentAt === undefined) throw new Error(`no lane ${lane}`)
    this.#outstanding += this.#followers[lane] ?? 0
    return this.#sequence.at(lane, sentAt.push(now) - 1)
  }

  /** Checks a received frame against the books. Returns the lane of a good message, else -1. */
  receive(connection: Recipient, bytes: Buffer, start: number, end: number, now: number): number {
    const offset = findNumber(bytes, start, end, connection.numberAt)
    if (offset === -1) return this.#notNumbered(connection, bytes.toString('utf8', start, end))
    connection.numberAt = offset
    const at = start + offset
    if (!this.#bodyIsRight(bytes, at)) return this.#fault('wrong')
    return this.#enter(connection, readNumber(bytes, at), now)
  }

  /** The deliveries since the last call. */
  take(): { operations: number; latencies: Latencies } {
    const taken = { operations: this.#delivered, latencies: this.#latencies }
    this.#delivered = 0
    this.#latencies = new Latencies()
    return taken
  }

  /** Counts what has not come as lost; the run is over. */
  writeOff(): void {
    this.faults.lost += this.#outstanding
    this.#outstanding = 0
  }

  #enter(connection: Recipient, number: number, now: number): number {
    const lane = this.#sequence.lane(number)
    const count = this.#sequence.count(number)
    const expected = this.#expected[connection.index]
    const next = expected?.get(lane)
    const sentAt = this.#sentAt[lane]?.[count]
    if (next === undefined || sentAt === undefined) return this.#fault('wrong')
    if (count < next) return this.#fault('doubled')
    if (count > next) this.faults.outOfOrder += 1
    expected?.set(lane, count + 1)
    this.#outstanding -= 1
    this.#delivered += 1
    this.#latencies.add(now - sentAt)
    return lane
  }

  #bodyIsRight(bytes: Buffer, at: number): boolean {
    if (this.#untilWhole-- > 0) return bodyEnds(bytes, at, this.#bodyBytes)
    this.#untilWhole = WHOLE_EVERY
    return bodyEnds(bytes, at, this.#bodyBytes) && bodyEquals(bytes, at, this.#body)
  }

  #notNumbered(connection: Recipient, text: string): number {
    const pong = connection.dialect.pong?.(text)
    if (pong === undefined) return this.#fault('wrong')
    connection.writeText(pong)
    return -1
  }

  #fault(kind: keyof Faults): number {
    this.faults[kind] += 1
    return -1
  }
}

/** The text of a message from the body on. */
function behindNumber(content: Content): Buffer {
  const text = payloadText(content)
  const body = '"body":"'
  return Buffer.from(text.slice(text.indexOf(body) + body.length))
}

function countFollowers(lanesOf: readonly (readonly number[])[], lanes: number): number[] {
  const followers = new Array<number>(lanes).fill(0)
  for (const own of lanesOf) for (const lane of own) followers[lane] = (followers[lane] ?? 0) + 1
  return followers
}
