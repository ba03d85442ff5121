import type { LogPosition } from '../../../src/pubsub/log.ts'

// The books of clients, held against the log: each entry once, in order, or a mark where something may be missing.

/** An entry that a client took, with the position that it had then. */
export interface Taken extends LogPosition {
  readonly writer: string
  readonly n: number
}

/** From a join that was not recovered up to the next. */
export interface Segment extends LogPosition {
  readonly taken: Taken[]
}

export interface Book {
  readonly topic: string
  readonly segments: readonly Segment[]
}

/** A log in the end, and what of its former epochs is still good. */
export interface Truth extends LogPosition {
  /** The last offset of a former epoch that is still good. */
  readonly previous: readonly LogPosition[]
  /** The entries up to the last one. */
  readonly entries: readonly { readonly writer: string; readonly n: number }[]
}

/** Of each writer the positions of its entries, from the first on. */
export type Accepted = ReadonlyMap<string, readonly LogPosition[]>

export interface Verdict {
  received: number
  /** Not taken, though nothing says so. */
  lost: number
  doubled: number
  reordered: number
  /** Taken, and the log has another entry there. */
  foreign: number
  /** Joins that were not recovered, but for the first. */
  marks: number
  /** Marks where nothing that the client had was gone. */
  needless: number
  /** Accepted entries that the engine itself has lost. */
  gone: number
  /** Accepted entries that the log does not have, though it should. */
  dropped: number
}

export function judge(
  books: readonly Book[],
  truths: ReadonlyMap<string, Truth>,
  accepted: ReadonlyMap<string, Accepted>,
): Verdict {
  const verdict: Verdict = {
    received: 0,
    lost: 0,
    doubled: 0,
    reordered: 0,
    foreign: 0,
    marks: 0,
    needless: 0,
    gone: 0,
    dropped: 0,
  }
  for (const [topic, truth] of truths) {
    const written = accepted.get(topic) ?? new Map()
    weigh(written, truth, verdict)
    for (const book of books) if (book.topic === topic) new Audit(truth, written, verdict).read(book)
  }
  return verdict
}

/** True where the log went on without what was there. */
function isGone({ epoch, offset }: LogPosition, truth: Truth): boolean {
  if (epoch === truth.epoch) return false
  return offset > (truth.previous.find((former) => former.epoch === epoch)?.offset ?? 0)
}

function entryAt(offset: number, { offset: end, entries }: Truth): Truth['entries'][number] | undefined {
  return entries[offset - 1 - (end - entries.length)]
}

function weigh(written: Accepted, truth: Truth, verdict: Verdict): void {
  for (const [writer, positions] of written)
    for (const [index, position] of positions.entries()) {
      if (isGone(position, truth)) verdict.gone++
      else if (!isThere({ ...position, writer, n: index + 1 }, truth)) verdict.dropped++
    }
}

function isThere({ offset, writer, n }: Taken, truth: Truth): boolean {
  const entry = entryAt(offset, truth)
  return entry?.writer === writer && entry.n === n
}

/** One client. */
class Audit {
  readonly #truth: Truth
  readonly #written: Accepted
  readonly #verdict: Verdict
  readonly #seen = new Map<string, { readonly taken: Taken; readonly segment: number }>()
  readonly #last = new Map<string, { readonly taken: Taken; readonly segment: number }>()

  constructor(truth: Truth, written: Accepted, verdict: Verdict) {
    this.#truth = truth
    this.#written = written
    this.#verdict = verdict
  }

  read({ segments }: Book): void {
    let position: LogPosition | undefined
    for (const [number, segment] of segments.entries()) {
      if (position !== undefined) this.#mark(position)
      let { offset } = segment
      for (const taken of segment.taken) {
        if (taken.offset > offset) this.#verdict.lost += taken.offset - offset - 1
        else this.#verdict.reordered++
        offset = taken.offset
        this.#take(taken, number)
      }
      position = segment.taken.at(-1) ?? segment
    }
    const end = this.#truth.offset
    this.#verdict.lost += position === undefined ? end : Math.max(0, end - position.offset)
  }

  #mark(position: LogPosition): void {
    this.#verdict.marks++
    if (!isGone(position, this.#truth)) this.#verdict.needless++
  }

  #take(taken: Taken, segment: number): void {
    const verdict = this.#verdict
    const name = `${taken.writer} ${taken.n}`
    const [before, last] = [this.#seen.get(name), this.#last.get(taken.writer)]
    verdict.received++
    // An entry that was gone may have been written again.
    if (before !== undefined && (before.segment === segment || !isGone(before.taken, this.#truth)))
      verdict.doubled++
    else if (last !== undefined && (last.segment === segment || !isGone(last.taken, this.#truth)))
      this.#follow(taken, last.taken, last.segment === segment)
    if (!isGone(taken, this.#truth) && !isThere(taken, this.#truth)) verdict.foreign++
    this.#seen.set(name, { taken, segment })
    this.#last.set(taken.writer, { taken, segment })
  }

  /** An entry behind another of the same writer. */
  #follow(taken: Taken, last: Taken, isSameSegment: boolean): void {
    if (taken.n < last.n) this.#verdict.reordered++
    if (!isSameSegment) return
    const between = (this.#written.get(taken.writer) ?? []).slice(last.n, Math.max(last.n, taken.n - 1))
    this.#verdict.lost += between.filter((position) => !isGone(position, this.#truth)).length
  }
}
