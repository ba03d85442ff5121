import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import type { Frame } from '../../protocol/frame.ts'
import type { Joins } from '../../session/wire.ts'
import { type AwaitsFrame, type Deflater, PendingFrame } from './deflater.ts'
import { SocketWire } from './socket-wire.ts'

type Packed = Frame | PendingFrame

/** A frame of so many bytes costs more to copy than a write of its own. */
const LARGE_BYTES = 32_768

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

  writeEach(frames: Frame | readonly Frame[], joins: Joins): void {
    if (!this.#isOpen) return
    const packed = isOne(frames) ? this.#pack(frames) : frames.map((frame) => this.#pack(frame))
    if (this.#line !== undefined) this.#wait(packed, this.#line)
    else if (packed instanceof PendingFrame) this.#begin([packed])
    else if (isOne(packed)) this.write(packed)
    else if (packed.every(isCheaplyJoined)) this.write(joins.join(packed))
    else this.#begin(packed)
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
    this.#writeAll(ready)
    line.bytes = 0
    for (const packed of line.packed) line.bytes += bytesOf(packed)
    const [next] = line.packed
    if (next instanceof PendingFrame) return next.await(this)
    this.#line = undefined
    if (line.close !== undefined) super.close(line.close.code, line.close.reason)
  }

  /** The bytes of others who are sent the same: to join them here would copy them for each. */
  #writeAll(frames: readonly Frame[]): void {
    this.socket.cork()
    for (const frame of frames) this.write(frame)
    this.socket.uncork()
  }

  get #isOpen(): boolean {
    return this.ws.readyState === WebSocket.OPEN
  }

  #pack(frame: Frame): Packed {
    return frame.length <= this.#maxBytes ? this.#deflater.of(frame) : frame
  }

  #begin(packed: Packed[]): void {
    const line = { packed, bytes: 0, close: undefined }
    this.#line = line
    this.#advance(line)
  }

  #wait(packed: Packed | Packed[], line: Line): void {
    for (const one of Array.isArray(packed) ? packed : [packed]) {
      line.packed.push(one)
      line.bytes += bytesOf(one)
    }
  }
}

function isOne<T extends Frame>(frames: T | readonly Packed[]): frames is T {
  return Buffer.isBuffer(frames)
}

function isDone(packed: Packed): packed is Frame {
  return !(packed instanceof PendingFrame)
}

function isCheaplyJoined(packed: Packed): packed is Frame {
  return isDone(packed) && packed.length < LARGE_BYTES
}

function bytesOf(packed: Packed): number {
  return isDone(packed) ? packed.length : packed.bytes
}

/** Those in front that need not wait. */
function readyIn(packed: readonly Packed[]): Frame[] {
  const ready: Frame[] = []
  for (const one of packed) {
    const frame = isDone(one) ? one : one.frame
    if (frame === undefined) break
    ready.push(frame)
  }
  return ready
}
