import { DIGITS, PLACEHOLDER } from './sequence.ts'

/** WebSocket opcodes that occur here. */
export const TEXT = 1
export const BINARY = 2
export const CLOSE = 8
export const PING = 9
export const PONG = 10

/** Not zero: servers skip the unmasking of a zero mask, which no browser sends. */
const MASK = [0x3a, 0x91, 0xc5, 0x5e] as const

/** A client's frame: unfragmented and masked. */
export function maskedFrame(opcode: number, payload: Uint8Array): Buffer {
  const header = payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(header + 4 + payload.length)
  frame[0] = 0x80 | opcode
  frame[1] = 0x80 | (header === 2 ? payload.length : header === 4 ? 126 : 127)
  if (header === 4) frame.writeUInt16BE(payload.length, 2)
  if (header === 10) frame.writeBigUInt64BE(BigInt(payload.length), 2)
  frame.set(MASK, header)
  const body = header + 4
  for (let index = 0; index < payload.length; index += 1)
    frame[body + index] = masked(payload[index] ?? 0, index)
  return frame
}

export function maskedText(text: string): Buffer {
  return maskedFrame(TEXT, Buffer.from(text))
}

function masked(byte: number, index: number): number {
  return byte ^ (MASK[index & 3] ?? 0)
}

/** A masked frame made once, into which the number of each message is patched. */
export class FrameTemplate {
  readonly #frame: Buffer
  /** Where in the payload a number stands. */
  readonly #numbers: readonly number[]
  readonly #body: number

  /** `push` holds {@link PLACEHOLDER} wherever the number shall stand. */
  constructor(push: string | Uint8Array) {
    const payload = Buffer.from(push)
    this.#frame = maskedFrame(typeof push === 'string' ? TEXT : BINARY, payload)
    this.#body = this.#frame.length - payload.length
    this.#numbers = occurrences(payload, Buffer.from(PLACEHOLDER))
  }

  get length(): number {
    return this.#frame.length
  }

  /** Writes the frame of message `number` into `target` and returns where it ends. */
  writeTo(target: Buffer, offset: number, number: number): number {
    const digits = String(number)
    for (const at of this.#numbers) {
      for (let index = 0; index < DIGITS; index += 1) {
        this.#frame[this.#body + at + index] = masked(digits.charCodeAt(index), at + index)
      }
    }
    target.set(this.#frame, offset)
    return offset + this.#frame.length
  }
}

function occurrences(payload: Buffer, wanted: Buffer): number[] {
  const found: number[] = []
  for (let at = payload.indexOf(wanted); at !== -1; at = payload.indexOf(wanted, at + 1)) found.push(at)
  return found
}

/** Set beside the opcode of a frame that is compressed. */
export const COMPRESSED = 0x40

/** Called for each whole frame; `bytes` is valid only during the call. */
export type OnFrame = (opcode: number, bytes: Buffer, start: number, end: number) => void

/** Cuts what a server sends (unmasked, unfragmented frames) out of chunks of a buffer that is used again. */
export class FrameReader {
  #rest: Buffer | undefined

  read(chunk: Buffer, length: number, onFrame: OnFrame): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk.subarray(0, length)])
    const end = this.#rest === undefined ? length : bytes.length
    const done = readFrames(bytes, end, onFrame)
    this.#rest = done === end ? undefined : Buffer.from(bytes.subarray(done, end))
  }
}

/** Returns where the first frame that is not whole begins. */
function readFrames(bytes: Buffer, end: number, onFrame: OnFrame): number {
  let at = 0
  while (end - at >= 2) {
    const short = (bytes[at + 1] ?? 0) & 0x7f
    const start = at + (short < 126 ? 2 : short === 126 ? 4 : 10)
    if (start > end) break
    const size = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUInt32BE(at + 6)
    if (start + size > end) break
    onFrame((bytes[at] ?? 0) & (COMPRESSED | 0x0f), bytes, start, start + size)
    at = start + size
  }
  return at
}
