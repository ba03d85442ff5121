import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { type Frame, PiecedFrame } from '../../protocol/frame.ts'
import { BEHIND_BYTES } from '../../session/backlog.ts'
import { type Joins, LARGE_BYTES, type Sent } from '../../session/wire.ts'
import type { AwaitsFrame, Deflater, PendingFrame, PendingPieces } from './deflater.ts'
import { SocketWire } from './socket-wire.ts'

type Packed = Sent | PendingFrame | PendingPieces

/** All that waits behind a frame that is being compressed, in order, and the close behind that. */
interface Line {
  packed: Packed[]
  bytes: number
  close: { readonly code: number; readonly reason: string } | undefined
}

/** Writes frames past ws's sender, compressed where that is worth it. */
export class DeflateWire extends SocketWire implements AwaitsFrame {
  readonly #deflater: Deflater
  readonly #maxBytes: number
  /** Made where a large frame has to be compressed, and gone when it was written. */
  #line: Line | undefined

  /** @param maxBytes Above, a frame travels as it is: it may refer farther back than the window of the client reaches. */
  constructor(ws: WebSocket, socket: Socket, deflater: Deflater, maxBytes: number) {
    super(ws, socket)
    this.#deflater = deflater
    this.#maxBytes = maxBytes
  }

  writeEach(frames: Sent | readonly Sent[], joins: Joins): void {
    if (!this.#isOpen) return
    if (isSent(frames)) return this.#writeOne(this.#pack(frames))
    const packed = frames.map((frame) => this.#pack(frame))
    if (this.#line !== undefined) this.#wait(packed, this.#line)
    else if (packed.every(isCheaplyJoined)) this.write(joins.join(packed))
    else this.#begin(packed)
  }

  #writeOne(packed: Packed): void {
    if (this.#line !== undefined) this.#wait([packed], this.#line)
    else if (Buffer.isBuffer(packed)) this.write(packed)
    else this.#begin([packed])
  }

  override get bufferedBytes(): number {
    return super.bufferedBytes + (this.#line?.bytes ?? 0)
  }

  override close(code: number, reason: string): void {
    if (this.#line === undefined) super.close(code, reason)
    else this.#line.close = { code, reason }
  }

  override terminate(): void {
    this.#line = undefined
    super.terminate()
  }

  proceed(): void {
    const line = this.#line
    if (line === undefined) return
    // The client has closed, or broke the rules, and hears nothing more.
    if (!this.#isOpen) this.#line = undefined
    else this.#advance(line)
  }

  #advance(line: Line): void {
    const ready = readyIn(line.packed)
    line.packed.splice(0, ready.length)
    // The bytes of others who are sent the same: to join them here would copy them for each.
    this.writePieces(ready.flatMap((frame) => (frame instanceof PiecedFrame ? frame.pieces : frame)))
    line.bytes = 0
    for (const packed of line.packed) line.bytes += bytesOf(packed)
    const [next] = line.packed
    if (next !== undefined && !isSent(next)) return next.await(this)
    this.#line = undefined
    if (line.close !== undefined) super.close(line.close.code, line.close.reason)
  }

  get #isOpen(): boolean {
    return this.ws.readyState === WebSocket.OPEN
  }

  #pack(frame: Sent): Packed {
    if (frame.length > this.#maxBytes) return frame
    return frame instanceof PiecedFrame ? this.#deflater.ofPieces(frame) : this.#deflater.of(frame)
  }

  #begin(packed: Packed[]): void {
    const line = { packed, bytes: 0, close: undefined }
    this.#line = line
    this.#advance(line)
  }

  #wait(packed: readonly Packed[], line: Line): void {
    for (const one of packed) {
      line.packed.push(one)
      line.bytes += bytesOf(one)
    }
    this.#shorten(line)
  }

  /** The threads are behind, not the reader, who would be cut for it: what is in front travels as it is. */
  #shorten(line: Line): void {
    while (this.#line === line && line.bytes > BEHIND_BYTES) {
      const [first] = line.packed
      if (first === undefined || isSent(first) || first.frame !== undefined) return
      first.giveUp()
    }
  }
}

function isSent(one: Packed | readonly Sent[]): one is Sent {
  return Buffer.isBuffer(one) || one instanceof PiecedFrame
}

function isCheaplyJoined(packed: Packed): packed is Frame {
  return Buffer.isBuffer(packed) && packed.length < LARGE_BYTES
}

function bytesOf(packed: Packed): number {
  return isSent(packed) ? packed.length : packed.bytes
}

/** Those in front that need not wait. */
function readyIn(packed: readonly Packed[]): Sent[] {
  const ready: Sent[] = []
  for (const one of packed) {
    const frame = isSent(one) ? one : one.frame
    if (frame === undefined) break
    ready.push(frame)
  }
  return ready
}
