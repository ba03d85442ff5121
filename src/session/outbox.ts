import type { Clock } from '../ground/clock.ts'
import { type Frame, PiecedFrame } from '../protocol/frame.ts'
import type { Backlog, SlowReader } from './backlog.ts'
import { type Joins, LARGE_BYTES, type Sent } from './wire.ts'

/** So many joins are at hand: subscribers may speak two versions, with compression or without. */
const KEPT_JOINS = 4

/**
 * The frames that leave in this turn of the event loop. A write to a socket costs far more than a frame in it, so the frames of
 * one turn (replies, broadcasts of several publishers) go out as one write for each connection, when the I/O of the
 * turn is done.
 */
export class Turn implements Joins {
  readonly #clock: Clock
  #outboxes: Outbox[] = []
  #speakers: (() => void)[] = []
  #isScheduled = false
  readonly #joined: JoinedFrames[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The outbox has frames: it will be flushed at the end of the turn. */
  add(outbox: Outbox): void {
    this.#outboxes.push(outbox)
    this.#schedule()
  }

  /** Calls `speak` at the end of the turn, before the frames leave: those that it sends leave with them. */
  atEnd(speak: () => void): void {
    this.#speakers.push(speak)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#clock.setImmediate(() => this.#end())
  }

  #end(): void {
    const speakers = this.#speakers
    this.#speakers = []
    try {
      for (const speak of speakers) speak()
    } finally {
      this.#isScheduled = false
      this.#flush()
      // A speaker that asks to speak again does so in the next turn.
      if (this.#speakers.length > 0) this.#schedule()
    }
  }

  /** Frames as one buffer. Subscribers of the same topics have the same frames to send: those are joined once. */
  join(frames: readonly Frame[]): Frame {
    for (const made of this.#joined) if (sameFrames(frames, made.frames)) return made.joined
    const joined = Buffer.concat(frames)
    if (this.#joined.unshift({ frames, joined }) > KEPT_JOINS) this.#joined.pop()
    return joined
  }

  #flush(): void {
    const outboxes = this.#outboxes
    this.#outboxes = []
    for (const outbox of outboxes) outbox.flush()
    this.#joined.length = 0
  }
}

interface JoinedFrames {
  readonly frames: readonly Frame[]
  readonly joined: Frame
}

function sameFrames(a: readonly Frame[], b: readonly Frame[]): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}

const NOTHING: Sent[] = []

/** The demands of an outbox on the tree. */
export interface OutboxRuntime {
  readonly turn: Turn
  readonly backlog: Backlog
}

/** The frames that wait for the end of the turn, for one connection. */
export class Outbox {
  readonly #reader: SlowReader
  readonly #runtime: OutboxRuntime
  /** One frame is by far the most common: it needs no array. */
  #waiting: Sent | Sent[] | undefined

  constructor(reader: SlowReader, runtime: OutboxRuntime) {
    this.#reader = reader
    this.#runtime = runtime
  }

  send(frame: Sent): void {
    if (this.#waiting === undefined) {
      this.#waiting = frame
      this.#runtime.turn.add(this)
    } else if (Array.isArray(this.#waiting)) this.#waiting.push(frame)
    else this.#waiting = [this.#waiting, frame]
  }

  /** Bytes that wait here, and those that the operating system has not taken. */
  get unsentBytes(): number {
    const waiting = this.#waiting ?? NOTHING
    const frames = Array.isArray(waiting) ? waiting : [waiting]
    return frames.reduce((bytes, frame) => bytes + frame.length, this.#reader.wire.bufferedBytes)
  }

  /** Writes what waits, now. */
  flush(): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = undefined
    if (this.#reader.isGone) return
    const { wire } = this.#reader
    const before = wire.bufferedBytes
    if (wire.writeEach !== undefined) wire.writeEach(waiting, this.#runtime.turn)
    else if (Array.isArray(waiting)) this.#writeAll(waiting)
    else if (waiting instanceof PiecedFrame) this.#writeLarge([waiting])
    else wire.write(waiting)
    if (before > 0 || wire.bufferedBytes > 0) this.#runtime.backlog.add(this.#reader, before)
  }

  #writeAll(frames: readonly Sent[]): void {
    if (frames.every(isSmall)) this.#reader.wire.write(this.#runtime.turn.join(frames))
    else this.#writeLarge(frames)
  }

  /** In one write, where the wire can; what is large lies there between what is joined. */
  #writeLarge(frames: readonly Sent[]): void {
    const { wire } = this.#reader
    const pieces: Buffer[] = []
    let from = 0
    for (const [index, frame] of frames.entries()) {
      if (isSmall(frame)) continue
      this.#join(frames.slice(from, index), pieces)
      if (frame instanceof PiecedFrame && wire.writePieces !== undefined) pieces.push(...frame.pieces)
      else pieces.push(wholeOf(frame))
      from = index + 1
    }
    this.#join(frames.slice(from), pieces)
    if (wire.writePieces !== undefined) wire.writePieces(pieces)
    else for (const piece of pieces) wire.write(piece)
  }

  #join(frames: readonly Sent[], pieces: Buffer[]): void {
    const small = frames.filter(isSmall)
    const [first] = small
    if (first !== undefined) pieces.push(small.length === 1 ? first : this.#runtime.turn.join(small))
  }
}

function isSmall(frame: Sent): frame is Frame {
  return frame.length < LARGE_BYTES && !(frame instanceof PiecedFrame)
}

function wholeOf(frame: Sent): Frame {
  return frame instanceof PiecedFrame ? frame.whole : frame
}
