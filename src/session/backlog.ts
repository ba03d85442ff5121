import type { Clock } from '../ground/clock.ts'
import { Watch } from '../ground/watch.ts'
import type { Wire } from './wire.ts'

/** The limits of slow readers, resolved: `Infinity` where there is none. */
export interface BackpressureLimits {
  /** Bytes that wait for one reader. */
  readonly maxBufferedBytes: number
  /** Milliseconds without any progress while bytes wait. */
  readonly stallMs: number
  /** Bytes that wait for all readers together. */
  readonly maxTotalBytes: number
}

/** The limit for which a reader is cut. */
export type BacklogLimit = keyof BackpressureLimits

/** A connection, as the backlog sees it. */
export interface SlowReader {
  readonly wire: Wire
  /** Its connection is gone or was cut: nothing of it waits any more, whatever its socket still says. */
  readonly isGone: boolean
  /** Cuts the connection: its client is not keeping up. */
  cut(limit: BacklogLimit): void
  /** Its client has caught up enough to be told what it was spared. */
  caughtUp(): void
}

interface ReaderProgress {
  readonly sentBytes: number
  readonly at: number
}

/** Above this a reader is spared what can be told later in one piece (presence). */
export const BEHIND_BYTES = 256 * 1024
const CHECK_MS = 1_000
/** New clients are let in again below this part of `maxTotalBytes`. */
const ROOM_AGAIN = 0.75

/**
 * The connections that have not taken what was written to them: a few, in good times none. They are looked at once a
 * second, all with one timer that runs only while there are any. A connection that closes stays here until its socket is
 * gone, for so long it holds its bytes.
 */
export class Backlog {
  readonly #limits: BackpressureLimits
  readonly #clock: Clock
  readonly #readers = new Map<SlowReader, ReaderProgress>()
  #watch: Watch | undefined
  #isFull = false

  constructor(limits: BackpressureLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  /** True where slow readers hold so much memory that no new client should be let in. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** Something was written to a reader whose buffer still held `buffered` bytes before. */
  add(reader: SlowReader, buffered: number): void {
    // The last flush of a turn may come behind the end.
    if (reader.isGone) return
    if (buffered > this.#limits.maxBufferedBytes) return this.#cut(reader, 'maxBufferedBytes')
    if (this.#readers.has(reader)) return
    this.#watch ??= new Watch(this.#clock, CHECK_MS, (now) => this.#check(now))
    this.#readers.set(reader, { sentBytes: reader.wire.sentBytes, at: this.#watch.now })
  }

  delete(reader: SlowReader): void {
    this.#readers.delete(reader)
    if (this.#readers.size === 0) this.#rest()
  }

  #check(now: number): void {
    let total = 0
    for (const [reader, progress] of [...this.#readers]) {
      const { bufferedBytes, sentBytes } = reader.wire
      if (bufferedBytes < BEHIND_BYTES) reader.caughtUp()
      if (bufferedBytes === 0) this.delete(reader)
      else if (sentBytes !== progress.sentBytes) this.#readers.set(reader, { sentBytes, at: now })
      else if (now - progress.at >= this.#limits.stallMs) this.#cut(reader, 'stallMs')
      total += bufferedBytes
    }
    this.#makeRoom(total)
  }

  /** The largest first, until what is left fits. */
  #makeRoom(total: number): void {
    const { maxTotalBytes } = this.#limits
    let left = total
    const largestFirst = (): SlowReader[] =>
      [...this.#readers.keys()].sort((a, b) => b.wire.bufferedBytes - a.wire.bufferedBytes)
    for (const reader of left > maxTotalBytes ? largestFirst() : []) {
      if (left <= maxTotalBytes) break
      left -= reader.wire.bufferedBytes
      this.#cut(reader, 'maxTotalBytes')
    }
    this.#isFull = total > maxTotalBytes || (this.#isFull && left >= maxTotalBytes * ROOM_AGAIN)
  }

  #cut(reader: SlowReader, limit: BacklogLimit): void {
    this.delete(reader)
    reader.cut(limit)
  }

  #rest(): void {
    this.#watch?.stop()
    this.#watch = undefined
    this.#isFull = false
  }
}
