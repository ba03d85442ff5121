import { createHash } from 'node:crypto'

/** The events of a round, line by line. The same seed gives the same lines, and so the same digest. */
export class Trace {
  readonly #hash = createHash('sha256')
  readonly #write: ((line: string) => void) | undefined
  lines = 0

  /** @param write takes each line; without it only the digest is kept */
  constructor(write?: (line: string) => void) {
    this.#write = write
  }

  add(atMs: number, who: string, what: string): void {
    const line = `${atMs.toFixed(0)} ${who} ${what}\n`
    this.lines++
    this.#hash.update(line)
    this.#write?.(line)
  }

  /** Of all lines. Once, at the end. */
  digest(): string {
    return this.#hash.digest('hex')
  }
}
