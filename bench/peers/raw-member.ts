import type { Socket } from 'node:net'
import { Member } from './phoenix-wire.ts'

/** A member that is written to past ws's sender; the writes of one turn of the event loop are corked. */
export class RawMember extends Member {
  readonly #socket: Socket

  constructor(socket: Socket) {
    super()
    this.#socket = socket
  }

  override send(text: string): void {
    this.write(textFrame(text))
  }

  write(frame: Buffer): void {
    if (this.#socket.writableCorked === 0) corkForThisTurn(this.#socket)
    this.#socket.write(frame)
  }
}

/** A broadcast is framed once, and the same bytes are written to all. */
export function writeToAll(members: Iterable<RawMember>, text: string): void {
  const frame = textFrame(text)
  for (const member of members) member.write(frame)
}

const corked: Socket[] = []

function corkForThisTurn(socket: Socket): void {
  if (corked.length === 0) setImmediate(uncorkAll)
  corked.push(socket)
  socket.cork()
}

function uncorkAll(): void {
  for (const socket of corked) socket.uncork()
  corked.length = 0
}

/** An unmasked, unfragmented text frame: `81`, the length in 7, 7 + 16 or 7 + 64 bits, the text. */
function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(header + length)
  frame[0] = 0x81
  frame[1] = header === 2 ? length : header === 4 ? 126 : 127
  if (header === 4) frame.writeUInt16BE(length, 2)
  if (header === 10) frame.writeBigUInt64BE(BigInt(length), 2)
  frame.write(text, header)
  return frame
}
