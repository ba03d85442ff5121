import type { LogEntries } from './log-entries.ts'

/**
 * The part of an adapter that keeps logs: for each topic its entries, each with the next offset, within a size and a time.
 * It lives as long as the engine, and all nodes see the same.
 *
 * The **epoch** of a topic names an unbroken run of offsets. It changes exactly where the log cannot show that nothing is
 * missing: the log was lost, evicted, forgotten, or never there. Where an engine goes on with the numbers of an older
 * state (a promoted replica, a restored dump), the epoch changes too, offsets go on, and {@link LogPage.previous} says how
 * far the former epochs are still good.
 *
 * Entries age out; the epoch and the last offset stay for {@link KEEP_MS} after the last append or read, and where nothing was
 * ever appended, for `ttlMs`.
 */
export interface PubSubLog {
  /** Takes the listener of this node. Called before each start of the adapter; the last one counts. */
  listen(listener: LogListener): void

  /**
   * Appends and publishes in one step: {@link LogListener.entry} is called on every node that subscribes to the topic, this one
   * included. What one node appends to one topic keeps its order.
   *
   * Rejects with `BERYL_ERR_HISTORY_UNAVAILABLE` where the entry is surely not in the log and with anything else where that is
   * not known. Once an append to a topic has failed, all that were made after it and are at work fail too.
   *
   * @param text Any text. The log does not look into it.
   * @param options An `id` that is in the log already appends nothing and gives its first position.
   */
  append(topic: string, text: string, options: AppendOptions): LogPosition | Promise<LogPosition>

  /** Gives the state of a topic and the newest entries behind `after`, in one step. Makes an epoch where there is none. */
  read(topic: string, after: number, limits: LogLimits): LogPage | Promise<LogPage>

  /** Drops the entries, their ids, the epoch and all former ones. */
  forget(topic: string): void | Promise<void>

  /** Where the log is in this process and of this node alone: its entries themselves, so that they are not kept twice. */
  readonly here?: ((topic: string) => LogEntries | undefined) | undefined
}

/** A place in the log of a topic: behind the entry with this offset. The first entry has 1; 0 is before it. */
export interface LogPosition {
  /** A word of at most 64 letters, digits, `-` and `_`. */
  readonly epoch: string
  readonly offset: number
}

export interface LogLimits {
  /** Older entries than the last so many are dropped, exactly. */
  readonly size: number
  /** So long after the last append all entries are dropped, in milliseconds. */
  readonly ttlMs: number
}

export interface AppendOptions extends LogLimits {
  /** Remembered as long as its entry. */
  readonly id: string | undefined
  /**
   * The id was never given to an append that may have taken it: a log need not look for it, unless it was asked for since. It is
   * remembered all the same. @default false
   */
  readonly isNew?: boolean | undefined
}

export interface LogPage {
  readonly epoch: string
  /** That of the last entry. */
  readonly offset: number
  /** Up to four epochs that came before, the latest first, each with its last offset that is still good. */
  readonly previous: readonly LogPosition[]
  /** A secret of the topic, which lives as long as its epochs are known. */
  readonly key: string
  /** The entries without a gap, up to {@link LogPage.offset}. */
  readonly entries: readonly string[]
}

export interface LogListener {
  /** An entry of a topic that this node subscribes to. They may come twice, and some may not come. */
  entry(topic: string, position: LogPosition, text: string): void
  /** True where somebody on this node hears the topic: its log is the last to be evicted. */
  hears(topic: string): boolean
  /** All logs together had as many bytes as they may: some are gone. Told by a log in the memory of a process. */
  full(): void
}

/** The epoch and the last offset outlive the entries for so long. */
export const KEEP_MS = 24 * 3_600_000
