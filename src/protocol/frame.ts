/**
 * WebSocket data frames as a server sends them (RFC 6455, 5.2): final and unmasked.
 *
 *     0               1               2 … 3         or 2 … 9
 *     1 r00 oooo      0 lllllll       16-bit length    64-bit length      payload
 *     FIN   opcode      length, 126: 16 bits follow, 127: 64 bits follow
 *
 * r is set where the payload is compressed (RFC 7692, 6), which no codec does: {@link compressedFrame}.
 *
 * A frame is built once and the same bytes are written to every receiver. That is why codecs make whole frames and
 * not payloads.
 */
export type Frame = Buffer

const FIN_TEXT = 0x81
const FIN_BINARY = 0x82
const COMPRESSED = 0x40

/** A text frame around `text`. */
export function textFrame(text: string): Frame {
  const length = Buffer.byteLength(text)
  const frame = allocate(FIN_TEXT, length)
  frame.write(text, frame.length - length, length, 'utf8')
  return frame
}

/** A frame in pieces, the middle one of which many frames have in common: that is copied for nobody who can write pieces. */
export class PiecedFrame {
  readonly pieces: readonly [head: Buffer, middle: Buffer, tail: Buffer]
  readonly length: number

  /** @param ends the bytes before and behind the middle, which begins at `cut` */
  constructor(ends: Buffer, cut: number, middle: Buffer) {
    this.pieces = [ends.subarray(0, cut), middle, ends.subarray(cut)]
    this.length = ends.length + middle.length
  }

  /** The frame in one piece: a copy. */
  get whole(): Frame {
    return Buffer.concat(this.pieces)
  }
}

/** A text frame around text whose middle is UTF-8 already. */
export function textFrameAround(head: string, middle: Buffer, tail: string): PiecedFrame {
  const headLength = Buffer.byteLength(head)
  const length = headLength + Buffer.byteLength(tail)
  const ends = allocate(FIN_TEXT, length + middle.length, length)
  const start = ends.length - length
  ends.write(head + tail, start)
  return new PiecedFrame(ends, start + headLength, middle)
}

/** A binary frame with room for `length` bytes of payload, to be filled from {@link payloadStart}. */
export function binaryFrame(length: number): Frame {
  return allocate(FIN_BINARY, length)
}

/** The message of `frame`, with its payload compressed to `data`. */
export function compressedFrame(frame: Frame, data: Uint8Array): Frame {
  const compressed = allocate((frame[0] as number) | COMPRESSED, data.length)
  compressed.set(data, payloadStart(compressed))
  return compressed
}

/** More bytes than these are no block that is not compressed. */
const MAX_STORED = 65_535

/**
 * The message of `frame`, with its middle compressed to `data`, which ends with a whole byte. What stands around it becomes blocks that
 * are not compressed (RFC 1951, 3.2.4), so that the data is the same for all; the last byte is what is left of an empty one
 * (RFC 7692, 7.2.1):
 *
 *     00 length ~length head      data      00 length ~length tail      00
 *
 * `undefined` where its head is too long for a block.
 */
export function compressedAround({ pieces }: PiecedFrame, data: Buffer): PiecedFrame | undefined {
  const [start, , tail] = pieces
  const head = framePayload(start)
  if (head.length > MAX_STORED) return undefined
  const room = STORED_HEAD + head.length + STORED_HEAD + tail.length + 1
  const ends = allocate((start[0] as number) | COMPRESSED, room + data.length, room)
  const cut = writeStored(ends, ends.length - room, head)
  ends[writeStored(ends, cut, tail)] = 0
  return new PiecedFrame(ends, cut, data)
}

const STORED_HEAD = 5

function writeStored(into: Buffer, at: number, bytes: Buffer): number {
  into[at] = 0
  into.writeUInt16LE(bytes.length, at + 1)
  into.writeUInt16LE(~bytes.length & 0xffff, at + 3)
  into.set(bytes, at + STORED_HEAD)
  return at + STORED_HEAD + bytes.length
}

/** Where the payload of the frame at `at` begins, counted from there. */
export function payloadStart(frame: Frame, at = 0): number {
  const length = frame[at + 1]
  return length === 126 ? 4 : length === 127 ? 10 : 2
}

/** A frame's payload: a view, not a copy. */
export function framePayload(frame: Frame): Buffer {
  return frame.subarray(payloadStart(frame))
}

export function isBinaryFrame(frame: Frame): boolean {
  return frame[0] === FIN_BINARY
}

/** @param room for so much of the payload */
function allocate(head: number, length: number, room = length): Frame {
  if (length < 126) {
    const frame = Buffer.allocUnsafe(2 + room)
    frame[0] = head
    frame[1] = length
    return frame
  }
  if (length < 65_536) {
    const frame = Buffer.allocUnsafe(4 + room)
    frame[0] = head
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
    return frame
  }
  const frame = Buffer.allocUnsafe(10 + room)
  frame[0] = head
  frame[1] = 127
  frame.writeUInt32BE(Math.floor(length / 2 ** 32), 2)
  frame.writeUInt32BE(length >>> 0, 6)
  return frame
}

/** Takes apart what several frames were joined to. Gives views, not copies. */
export function splitFrames(bytes: Buffer): readonly Frame[] {
  const frames: Frame[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + payloadStart(bytes, at) + payloadLength(bytes, at)
    frames.push(end - at === bytes.length ? bytes : bytes.subarray(at, end))
    at = end
  }
  return frames
}

function payloadLength(bytes: Buffer, at: number): number {
  const length = bytes[at + 1] as number
  if (length < 126) return length
  if (length === 126) return bytes.readUInt16BE(at + 2)
  return bytes.readUInt32BE(at + 2) * 2 ** 32 + bytes.readUInt32BE(at + 6)
}
