import type { Clock, Timer } from '../ground/clock.ts'
import type { LogPage, LogPosition } from '../pubsub/log.ts'
import { LogEntries } from '../pubsub/log-entries.ts'
import type { LoggedBroadcast } from '../pubsub/logged.ts'
import type { MaybePromise } from '../supervision/process.ts'
import type { DeclaredHistory } from './declared.ts'
import { broadcastOf } from './entry.ts'

/** A channel that asked for positions. */
export interface Follower {
  /** The tail goes on under another epoch, and nothing is missing. */
  renamed(): void
  /** An entry that this channel has not had is gone. It ends, though not before this has returned. */
  lost(): void
}

/** The node, as a tail sees it. */
export interface TailHost {
  readonly clock: Clock
  /** True where the log itself holds the entries in this process. */
  readonly isHere: boolean
  here(topic: string): LogEntries | undefined
  read(topic: string, after: number, declared: DeclaredHistory): MaybePromise<LogPage>
  /** The broadcast of an entry, made once for many that come back. */
  replay(topic: string, offset: number, text: string): LoggedBroadcast | undefined
  /** Passes an entry on to all who are subscribed on this node. */
  deliver(broadcast: LoggedBroadcast): void
  /** Entries were missed by those who are subscribed. */
  gap(topic: string, followers: number): void
  /** The tail holds so many bytes more. */
  grew(bytes: number): void
}

const NOTHING = new LogEntries()

/** Two reads of one topic are so far apart, at the least. */
const READ_MS = 100
/** Entries that wait for a read. More are read again. */
const MAX_EARLY = 1_000

/**
 * The end of one topic's log, as this node has passed it on: every entry once, in the order of the offsets. What does not fit
 * behind the last one is no news, or a sign that something is missing: then the log is read, and only that says what is.
 *
 *     new ──first entry, first read──▶ known ──an entry that does not follow──▶ reading ──▶ known, or a gap
 */
export class Tail {
  readonly topic: string
  readonly declared: DeclaredHistory
  readonly followers = new Set<Follower>()
  readonly #host: TailHost
  #epoch: string | undefined
  #key = ''
  #previous: readonly LogPosition[] = []
  /** Of a log that is not in this process: one that is holds them itself. */
  #entries: LogEntries
  /** The offset of the last entry that was passed on. */
  #passed = 0
  #agesAt = Number.POSITIVE_INFINITY
  /** Everything that the log had, it has too. */
  #isWhole: boolean
  #reading: Promise<void> | undefined
  #readAt = Number.NEGATIVE_INFINITY
  #timer: Timer | undefined
  /** Ends the wait for the next read. */
  #wake: (() => void) | undefined
  #reads = 0
  /** Entries that came while the log is read: by offset, with the number of the read. Made on first use. */
  #early: Map<number, { epoch: string; text: string; reads: number }> | undefined
  #isEnded = false

  constructor(topic: string, declared: DeclaredHistory, host: TailHost) {
    this.topic = topic
    this.declared = declared
    this.#host = host
    this.#isWhole = host.isHere
    this.#entries = host.isHere ? NOTHING : new LogEntries()
  }

  /** The position that all who are subscribed have; `undefined` before it is known. */
  get position(): LogPosition | undefined {
    return this.#key === '' || this.#epoch === undefined
      ? undefined
      : { epoch: this.#epoch, offset: this.#passed }
  }

  get passed(): number {
    return this.#passed
  }

  get key(): string {
    return this.#key
  }

  /** The offset behind which nothing is missing here. */
  get base(): number {
    return Math.min(this.#held.base, this.#passed)
  }

  get bytes(): number {
    return this.#host.isHere ? 0 : this.#entries.bytes
  }

  /** True where a position in this epoch tells exactly which entries a client has. */
  isGood({ epoch, offset }: LogPosition): boolean {
    if (epoch === this.#epoch) return true
    return this.#previous.some((former) => former.epoch === epoch && offset <= former.offset)
  }

  /** True where an entry that was passed on is in reach no more. */
  isGone(offset: number): boolean {
    return this.#held.at(offset) === undefined
  }

  /** An entry that was passed on; `undefined` where it is gone, and where this version cannot read it. */
  broadcast(offset: number): LoggedBroadcast | undefined {
    const text = this.#held.at(offset)
    return text === undefined ? undefined : this.#host.replay(this.topic, offset, text)
  }

  /** The texts behind an offset, up to what was passed on. */
  after(offset: number): string[] {
    const held = this.#held
    return held.after(offset).slice(0, Math.max(0, this.#passed - Math.max(offset, held.base)))
  }

  get #held(): LogEntries {
    if (this.#host.isHere) return this.#host.here(this.topic) ?? new LogEntries(this.#passed)
    if (this.#host.clock.now() >= this.#agesAt) this.#keep(0)
    return this.#entries
  }

  /** Drops the older half, to make room. */
  halve(): void {
    this.#keep(Math.floor(this.#entries.length / 2))
  }

  #keep(size: number): void {
    const before = this.#entries.bytes
    this.#entries.keep(size)
    this.#host.grew(this.#entries.bytes - before)
  }

  end(): void {
    this.#isEnded = true
    this.#timer?.cancel()
    this.#wake?.()
    this.#restart(this.#passed)
  }

  // Entries

  arrived({ epoch, offset }: LogPosition, text: string): void {
    if (this.#isEnded) return
    this.#epoch ??= this.#meet(epoch, offset - 1)
    if (epoch === this.#epoch && offset <= this.#passed) return
    if (epoch === this.#epoch && offset === this.#passed + 1) return this.#pass(text)
    this.#early ??= new Map()
    if (this.#early.size < MAX_EARLY) this.#early.set(offset, { epoch, text, reads: this.#reads })
    void this.#readSoon()
  }

  #meet(epoch: string, passed: number): string {
    this.#goTo(passed)
    return epoch
  }

  #restart(base: number): void {
    if (this.#host.isHere) return
    this.#host.grew(-this.#entries.bytes)
    this.#entries = new LogEntries(base)
  }

  #pass(text: string): void {
    if (!this.#host.isHere) this.#hold(text)
    this.#passed++
    const broadcast = broadcastOf(this.topic, this.#passed, text, this.#host.isHere)
    if (broadcast !== undefined) this.#host.deliver(broadcast)
  }

  #hold(text: string): void {
    const before = this.#entries.bytes
    this.#entries.push(text)
    this.#entries.keep(this.declared.size)
    this.#agesAt = this.#host.clock.now() + this.declared.ttlMs
    this.#host.grew(this.#entries.bytes - before)
  }

  // The log

  /** Compares with the log, and passes on what was missed. Rejects where the log cannot be read. */
  compare(): undefined | Promise<void> {
    return this.#readNow(this.#epoch === undefined ? Number.MAX_SAFE_INTEGER : this.#passed)
  }

  /** Makes sure that the position is known, and what is behind `since`, as far as the log has it. */
  locate(since: number | undefined): undefined | Promise<void> {
    if (since !== undefined && !this.#isWhole) return this.#readNow(0)
    if (this.position === undefined || (since !== undefined && since > this.#passed)) return this.#readSoon()
    return undefined
  }

  /** One read at a time, and none sooner than {@link READ_MS} after the last. */
  #readSoon(): undefined | Promise<void> {
    if (this.#host.isHere) return this.compare()
    if (this.#reading !== undefined) return this.#reading
    const waitMs = this.#readAt + READ_MS - this.#host.clock.now()
    if (waitMs <= 0) return this.compare()
    this.#reading = new Promise<void>((resolve) => {
      this.#wake = resolve
      this.#timer = this.#host.clock.setTimeout(resolve, waitMs)
    }).then(() => {
      this.#reading = undefined
      return this.#isEnded ? undefined : this.compare()
    })
    this.#reading.catch(() => {})
    return this.#reading
  }

  #readNow(after: number): undefined | Promise<void> {
    if (this.#reading !== undefined) {
      const again = (): undefined | Promise<void> =>
        after === 0 && !this.#isWhole ? this.#readNow(0) : undefined
      return this.#reading.then(again)
    }
    this.#readAt = this.#host.clock.now()
    this.#reads++
    const page = this.#host.read(this.topic, after, this.declared)
    if (!(page instanceof Promise)) return this.#fold(page, after)
    this.#reading = page.then(
      (answer) => {
        this.#reading = undefined
        return this.#fold(answer, after)
      },
      (error) => {
        this.#reading = undefined
        throw error
      },
    )
    // Whoever waits for it hears of it; the next look reads again.
    this.#reading.catch(() => {})
    return this.#reading
  }

  /** Takes over what the log says. */
  #fold(page: LogPage, after: number): undefined | Promise<void> {
    if (this.#isEnded) return undefined
    const start = this.#startOf(page)
    const isBroken = this.#epoch !== undefined && start < this.#passed
    // Offsets of another run say nothing of what a page behind ours leaves out.
    if (isBroken && after !== 0) return this.#readNow(0)
    // The first page was asked for no entries, and some have come meanwhile: those between them are in the log.
    if (this.#epoch !== undefined && after > this.#passed && page.offset > this.#passed)
      return this.#readNow(this.#passed)
    const isRenamed = this.#epoch !== undefined && this.#epoch !== page.epoch
    const base = page.offset - page.entries.length
    const isGap = isBroken || (base > start && page.offset > start)
    this.#epoch = page.epoch
    this.#key = page.key
    this.#previous = page.previous
    if (isGap) this.#gap()
    if (isGap || start !== this.#passed) this.#goTo(Math.max(base, start))
    this.#take(page, base)
    if (after === 0 && base <= this.#entries.base) this.#isWhole = true
    if (isRenamed && !isGap) for (const follower of [...this.followers]) follower.renamed()
    this.#settle()
    return undefined
  }

  /** The offset behind which a page goes on from here. A first page is only a place to begin at. */
  #startOf({ epoch, offset, previous }: LogPage): number {
    if (this.#epoch === undefined) return offset
    if (epoch === this.#epoch) return this.#passed
    const former = previous.find((one) => one.epoch === this.#epoch)
    return Math.min(this.#passed, former?.offset ?? -1)
  }

  /** Those who follow have missed something; to the others nobody can say so. */
  #gap(): void {
    const lost = [...this.followers]
    this.followers.clear()
    this.#host.gap(this.topic, lost.length)
    for (const follower of lost) follower.lost()
  }

  #goTo(offset: number): void {
    this.#passed = offset
    this.#isWhole = this.#host.isHere
    this.#restart(offset)
  }

  /** Holds a page, and passes on what is new in it. */
  #take({ entries, offset }: LogPage, base: number): void {
    const isOlder = base < this.#entries.base && offset >= this.#entries.base
    if (!this.#host.isHere && isOlder) this.#holdBefore(entries, base)
    // Whoever hears an entry may publish the next, or be the last to hear the topic.
    for (const [index, text] of entries.entries())
      if (base + index === this.#passed && !this.#isEnded) this.#pass(text)
  }

  /** Puts the older entries of a page before those that are here. */
  #holdBefore(entries: readonly string[], base: number): void {
    const newer = this.#entries.after(this.#entries.base)
    const older = entries.slice(0, Math.max(0, this.#entries.base - base))
    this.#restart(base)
    for (const text of [...older, ...newer]) this.#hold(text)
  }

  /** Passes on what came while the log was read, or reads for it again. What came before, and is not in it, nobody has written. */
  #settle(): void {
    const early = this.#early
    if (early === undefined) return
    this.#early = undefined
    for (const [offset, { epoch, text, reads }] of [...early].sort(([a], [b]) => a - b)) {
      const isNext = reads === this.#reads ? offset > this.#passed : offset === this.#passed + 1
      if (epoch === this.#epoch && isNext) this.arrived({ epoch, offset }, text)
    }
  }
}
