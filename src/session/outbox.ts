import type { Clock } from '../ground/clock.ts'
import type { Frame } from '../protocol/frame.ts'
import type { Backlog, SlowReader } from './backlog.ts'

/**
 * The frames that leave in this turn of the event loop. A write to a socket costs far more than a frame in it, so the frames of
 * one turn (replies, broadcasts of several publishers) go out as one write for each connection, when the I/O of the
 * turn is done.
 */
export class Turn {
  readonly #clock: Clock
  #outboxes: Outbox[] = []
  /** The last two joins: subscribers may speak two versions. */
  #latest: JoinedFrames | undefined
  #previous: JoinedFrames | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The outbox has frames: it will be flushed at the end of the turn. */
  add(outbox: Outbox): void {
    if (this.#outboxes.push(outbox) === 1) this.#clock.setImmediate(() => this.#flush())
  }

  /** Frames as one buffer. Subscribers of the same topics have the same frames to send: those are joined once. */
  join(frames: readonly Frame[]): Frame {
    if (this.#latest !== undefined && sameFrames(frames, this.#latest.frames)) return this.#latest.joined
    if (this.#previous !== undefined && sameFrames(frames, this.#previous.frames))
      return this.#previous.joined
    this.#previous = this.#latest
    this.#latest = { frames, joined: Buffer.concat(frames) }
    return this.#latest.joined
  }

  #flush(): void {
    const outboxes = this.#outboxes
    this.#outboxes = []
    for (const outbox of outboxes) outbox.flush()
    this.#latest = undefined
    this.#previous = undefined
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
    wire.write(Array.isArray(waiting) ? this.#turn.join(waiting) : waiting)
    if (before > 0 || wire.bufferedBytes > 0) this.#backlog.add(this.#reader, before)
  }
}
