import { LONE_SURROGATE } from '../ground/name.ts'

/**
 * The two shapes that all messages between nodes are made of:
 *
 *     uint   7 bits a byte, the lowest first; the high bit says that more follow; up to 2^53 - 1
 *     text   uint (bytes * 2 + wide), then the bytes: UTF-8, or UTF-16LE where wide is 1
 *
 * Wide is for strings with lone surrogates, which UTF-8 cannot carry: what a client may name, the nodes must tell apart.
 */
export class ByteWriter {
  #bytes = Buffer.allocUnsafe(1024)
  #length = 0

  get length(): number {
    return this.#length
  }

  uint(value: number): this {
    this.#reserve(8)
    let rest = value
    while (rest > 127) {
      this.#bytes[this.#length++] = (rest % 128) + 128
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.#length++] = rest
    return this
  }

  text(value: string): this {
    const encoding = LONE_SURROGATE.test(value) ? 'utf16le' : 'utf8'
    const length = Buffer.byteLength(value, encoding)
    this.uint(length * 2 + (encoding === 'utf8' ? 0 : 1))
    this.#reserve(length)
    this.#length += this.#bytes.write(value, this.#length, encoding)
    return this
  }

  /** The bytes written so far. The writer must not be used after it. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  #reserve(length: number): void {
    const wanted = this.#length + length
    if (wanted <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(wanted, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

/** Reads what a {@link ByteWriter} wrote, and throws a {@link MalformedMessage} for what it cannot have written. */
export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  uint(): number {
    let value = 0
    for (let factor = 1; factor < Number.MAX_SAFE_INTEGER; factor *= 128) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) break
      value += (byte & 127) * factor
      // A last byte of 0 would be a second spelling of the same number.
      if (byte < 128 && Number.isSafeInteger(value) && (byte > 0 || factor === 1)) return value
      if (byte < 128) break
    }
    throw new MalformedMessage('a number is cut, too large or padded')
  }

  text(): string {
    const head = this.uint()
    const wide = head % 2 === 1
    const end = this.#at + (head - (head % 2)) / 2
    if (end > this.#bytes.length) throw new MalformedMessage('a text is cut')
    const value = this.#bytes.toString(wide ? 'utf16le' : 'utf8', this.#at, end)
    this.#at = end
    return value
  }

  end(): void {
    if (!this.done) throw new MalformedMessage('more bytes than the message has')
  }
}

/** The bytes are not a message of this version: foreign, cut or forged. */
export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage'
}
