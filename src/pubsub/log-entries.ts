/** Bytes that an entry costs beside its text: its place, its id. */
const ENTRY_BYTES = 96

/** The entries of one log, without a gap. Each is one flat string: an object for each would cost more than most texts. */
export class LogEntries {
  /** Counted, not measured. */
  bytes = 0
  #last: number
  #texts: string[] = []
  /** The place of the first one in `#texts`: those before are gone. */
  #head = 0

  /** @param last the offset of the entry before the first */
  constructor(last = 0) {
    this.#last = last
  }

  get length(): number {
    return this.#texts.length - this.#head
  }

  /** The offset of the last entry, also of one that is gone. */
  get last(): number {
    return this.#last
  }

  /** The offset behind which everything is here. */
  get base(): number {
    return this.#last - this.length
  }

  push(text: string): void {
    // A text that was put together is a tree until somebody looks into it.
    text.charCodeAt(0)
    this.#texts.push(text)
    this.#last++
    this.bytes += Buffer.byteLength(text) + ENTRY_BYTES
  }

  at(offset: number): string | undefined {
    return offset > this.base ? this.#texts[this.#head + offset - this.base - 1] : undefined
  }

  /** Those behind an offset; all where it is before them. */
  after(offset: number): string[] {
    return this.#texts.slice(this.#head + Math.max(0, Math.min(offset - this.base, this.length)))
  }

  /** Drops the oldest, down to the last `size`. */
  keep(size: number): void {
    while (this.length > size) {
      this.bytes -= Buffer.byteLength(this.#texts[this.#head] as string) + ENTRY_BYTES
      this.#texts[this.#head++] = ''
    }
    // Half of it is gone: each entry is moved once at the most.
    if (this.#head * 2 < this.#texts.length) return
    this.#texts = this.#texts.slice(this.#head)
    this.#head = 0
  }
}
