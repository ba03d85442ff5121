import { constants, deflateRaw, deflateRawSync, type ZlibOptions } from 'node:zlib'
import type { Clock } from '../../ground/clock.ts'
import { patience } from '../../ground/watch.ts'
import {
  compressedAround,
  compressedFrame,
  type Frame,
  framePayload,
  type PiecedFrame,
} from '../../protocol/frame.ts'
import { Pool } from './pool.ts'

/** From here on a frame is compressed in a thread: on the event loop it would take longer than a quarter of a millisecond. */
const IN_THREAD_BYTES = 16_384
/** Above, large frames travel as they are: to compress them would hold them up. */
const MAX_WAITING = 64
/** A thread is waited for so long: they are the application's as well, which may keep them all at work. */
const PATIENCE_MS = 250
/** Each compressed message ends with an empty block, of which these bytes are left out (RFC 7692, 7.2.1). */
const TAIL_BYTES = 4

/** Somebody who has a frame to send that is being compressed. */
export interface AwaitsFrame {
  /** It is done. */
  proceed(): void
}

/**
 * permessage-deflate without context takeover (RFC 7692, 7.1.1): every message is compressed by itself. So a frame is compressed
 * once for all who are sent it, and nothing is kept for a connection.
 */
export class Deflater {
  readonly thresholdBytes: number
  readonly #clock: Clock
  readonly #made = new WeakMap<Frame, Frame | PendingFrame>()
  /** Pieces that many frames have in common, each with itself compressed. */
  readonly #middles = new WeakMap<Buffer, Buffer | PendingFrame>()
  readonly #pool = new Pool()
  /** Somebody had to go on without a thread, and none has come to an end since: what is large travels as it is. */
  #isLate = false

  constructor(thresholdBytes: number, clock: Clock) {
    this.thresholdBytes = thresholdBytes
    this.#clock = clock
  }

  /** A frame as it travels, or the wait for it. As it is where it is small, or would not become smaller. */
  of(frame: Frame): Frame | PendingFrame {
    // Its header is part of the length: few are looked at twice.
    if (frame.length < this.thresholdBytes) return frame
    const known = this.#made.get(frame)
    if (known !== undefined) return known
    const payload = framePayload(frame)
    if (payload.length < this.thresholdBytes) return frame
    const made = payload.length < IN_THREAD_BYTES ? deflated(frame, payload) : this.#later(frame, payload)
    this.#made.set(frame, made)
    return made
  }

  /** As {@link of}: of a frame in pieces only that is compressed which many have in common, once for them all. */
  ofPieces(frame: PiecedFrame): PiecedFrame | PendingPieces {
    if (frame.length < this.thresholdBytes) return frame
    const [, middle] = frame.pieces
    const data = this.#middles.get(middle) ?? this.#compress(middle)
    return data instanceof PendingFrame ? new PendingPieces(frame, data) : around(frame, data)
  }

  #compress(middle: Buffer): Buffer | PendingFrame {
    const keep = <T extends Buffer | PendingFrame>(made: T): T => {
      this.#middles.set(middle, made)
      return made
    }
    if (middle.length < IN_THREAD_BYTES)
      return keep(smaller(middle, deflateRawSync(middle, optionsFor(middle.length))))
    const done = (data = middle): Buffer => keep(smaller(middle, data))
    const pending = this.#inThread(middle, middle.length, done)
    return pending === undefined ? middle : keep(pending)
  }

  #later(frame: Frame, payload: Buffer): Frame | PendingFrame {
    const done = (data?: Buffer): Frame => {
      const made = data === undefined ? frame : shorter(frame, payload, data)
      this.#made.set(frame, made)
      return made
    }
    return this.#inThread(payload, frame.length, done) ?? frame
  }

  /** `undefined` where too much waits. `made` is given nothing where it cannot be compressed, and gives what is sent. */
  #inThread(payload: Buffer, bytes: number, made: (data?: Buffer) => Buffer): PendingFrame | undefined {
    if (this.#isLate || this.#pool.waiting >= MAX_WAITING) return undefined
    const pending = new PendingFrame(bytes, () => {
      this.#isLate = true
      pending.done(made())
    })
    // Else its readers would be taken for slow ones.
    const timer = patience(this.#clock, PATIENCE_MS, () => pending.giveUp())
    this.#pool.add((leave) => {
      deflateRaw(payload, optionsFor(payload.length), (error, data) => {
        leave()
        timer.cancel()
        this.#isLate = false
        pending.done(made(error === null ? data : undefined))
      })
    })
    return pending
  }
}

/** A frame that is being compressed in a thread. */
export class PendingFrame {
  /** Bytes of the frame as it was made. */
  readonly bytes: number
  /** The frame as it travels, when it is done. */
  frame: Frame | undefined
  readonly #sendAsItIs: () => void
  #awaiting: AwaitsFrame[] = []

  constructor(bytes: number, sendAsItIs: () => void) {
    this.bytes = bytes
    this.#sendAsItIs = sendAsItIs
  }

  await(who: AwaitsFrame): void {
    this.#awaiting.push(who)
  }

  /** It is waited for no longer, by nobody. */
  giveUp(): void {
    if (this.frame === undefined) this.#sendAsItIs()
  }

  /** The first time counts. */
  done(frame: Frame): void {
    this.frame ??= frame
    const awaiting = this.#awaiting
    this.#awaiting = []
    for (const who of awaiting) who.proceed()
  }
}

/** A frame in pieces whose middle is being compressed in a thread. */
export class PendingPieces {
  readonly #frame: PiecedFrame
  readonly #middle: PendingFrame

  constructor(frame: PiecedFrame, middle: PendingFrame) {
    this.#frame = frame
    this.#middle = middle
  }

  get bytes(): number {
    return this.#frame.length
  }

  /** The frame as it travels, when it is done. */
  get frame(): PiecedFrame | undefined {
    const data = this.#middle.frame
    return data && around(this.#frame, data)
  }

  await(who: AwaitsFrame): void {
    this.#middle.await(who)
  }

  giveUp(): void {
    this.#middle.giveUp()
  }
}

/** @param data the middle of the frame where it would not become smaller */
function around(frame: PiecedFrame, data: Buffer): PiecedFrame {
  return data === frame.pieces[1] ? frame : (compressedAround(frame, data) ?? frame)
}

/** With its end: something follows. */
function smaller(middle: Buffer, data: Buffer): Buffer {
  return data.length < middle.length ? data : middle
}

function deflated(frame: Frame, payload: Buffer): Frame {
  return shorter(frame, payload, deflateRawSync(payload, optionsFor(payload.length)))
}

function shorter(frame: Frame, payload: Buffer, data: Buffer): Frame {
  const length = data.length - TAIL_BYTES
  return length < payload.length ? compressedFrame(frame, data.subarray(0, length)) : frame
}

/** Room for what comes out: most of what zlib costs for a small message is the 16 KiB that it would take for it. */
function optionsFor(bytes: number): ZlibOptions {
  return { chunkSize: Math.min(bytes + 64, 16_384), finishFlush: constants.Z_SYNC_FLUSH }
}
