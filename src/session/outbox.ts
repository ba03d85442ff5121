import type { Clock } from '../ground/clock.ts'
import type { Frame } from '../protocol/frame.ts'
import type { Backlog, SlowReader } from './backlog.ts'
import type { Joins } from './wire.ts'

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
  readonly #joined: JoinedFrames[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The outbox has frames: it will be flushed at the end of the turn. */
  add(outbox: Outbox): void {
    if (this.#outboxes.push(outbox) === 1) this.#clock.setImmediate(() => this.#flush())
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

const NO_FRAMES: Frame[] = []

/** A frame of so many bytes costs more to copy than a write of its own. */
const LARGE_BYTES = 32 * 1024

/** The frames that wait for the end of the turn, for one connection. */
export class Outbox {
  readonly #reader: SlowReader
  readonly #turn: Turn
  readonly #backlog: Backlog
  /** One frame is by far the most common: it needs no array. */
  #waiting: Frame | Frame[] | undefined

  constructor(reader: SlowReader, turn: Turn, backlog: Backlog) {
    this.#reader = reader
    this.#turn = turn
    this.#backlog = backlog
  }

  send(frame: Frame): void {
    if (this.#waiting === undefined) {
      this.#waiting = frame
      this.#turn.add(this)
    } else if (Array.isArray(this.#waiting)) this.#waiting.push(frame)
    else this.#waiting = [this.#waiting, frame]
  }

  /** Bytes that wait here, and those that the operating system has not taken. */
  get unsentBytes(): number {
    const waiting = this.#waiting ?? NO_FRAMES
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
    if (wire.writeEach !== undefined) wire.writeEach(waiting, this.#turn)
    else if (Array.isArray(waiting)) this.#writeAll(waiting)
    else wire.write(waiting)
    if (before > 0 || wire.bufferedBytes > 0) this.#backlog.add(this.#reader, before)
  }

  /** In one write; but large frames go as they are, between what is joined. */
  #writeAll(frames: readonly Frame[]): void {
    const { wire } = this.#reader
    let from = 0
    for (const [index, frame] of frames.entries()) {
      if (frame.length < LARGE_BYTES) continue
      this.#writeJoined(frames.slice(from, index))
      wire.write(frame)
      from = index + 1
    }
    this.#writeJoined(from === 0 ? frames : frames.slice(from))
  }

  #writeJoined(frames: readonly Frame[]): void {
    const [first] = frames
    if (first !== undefined) this.#reader.wire.write(frames.length === 1 ? first : this.#turn.join(frames))
  }
}
