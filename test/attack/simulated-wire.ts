import { type Frame, framePayload, isBinaryFrame, splitFrames } from '../../src/protocol/frame.ts'
import type { Session } from '../../src/session/session.ts'
import type { Wire } from '../../src/session/wire.ts'
import type { InProcessConnection } from '../../src/transport/in-process.ts'
import type { NodeClock } from './node-clock.ts'
import type { Leaving, Line, LineListener } from './stage.ts'

/** ws waits so long for the answer to a close frame. */
const CLOSE_TIMEOUT_MS = 5_000

/**
 * A connection in memory that has what a socket has: both ends hear each other in a turn of their own, what a paused end
 * does not read waits, and so does the news of the other end's going.
 */
export class SimulatedWire implements Wire, Line {
  readonly #clock: NodeClock
  readonly #listener: LineListener
  readonly #session: Session
  readonly #left: () => void
  /** On the way to the server, to the client. */
  readonly #inbound: (() => void)[] = []
  readonly #outbound: Frame[] = []
  #bytesRead = 0
  #sent = 0
  #waiting = 0
  #isPaused = false
  #isReading = true
  #isDown = false
  #isClosing = false
  #isFlushing = { in: false, out: false }

  constructor(connection: InProcessConnection, clock: NodeClock, listener: LineListener) {
    this.#clock = clock
    this.#listener = listener
    this.#left = connection.left
    this.#session = connection.open(this)
  }

  // The server's end

  write(frames: Frame): void {
    if (this.#isDown || this.#isClosing) return
    this.#outbound.push(frames)
    this.#waiting += frames.length
    this.#flushOut()
  }

  close(code: number, _reason: string): void {
    if (this.#isDown || this.#isClosing) return
    this.#isClosing = true
    // A reader that reads answers; one that does not is cut, as ws does it.
    if (this.#isReading) this.#clock.outside(() => this.#end(code))
    else this.#clock.setTimeout(() => this.#end(1006), CLOSE_TIMEOUT_MS)
  }

  terminate(): void {
    this.#clock.outside(() => this.#end(1006))
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#flushIn()
  }

  get bufferedBytes(): number {
    return this.#waiting
  }

  get sentBytes(): number {
    return this.#sent
  }

  get bytesRead(): number {
    return this.#bytesRead
  }

  // The client's end

  send(data: Buffer, isBinary: boolean): void {
    this.#arrive(() => {
      this.#bytesRead += data.length
      this.#session.receive(data, isBinary)
    })
  }

  leave(how: Leaving): void {
    if (how === 'drop') return this.#clock.outside(() => this.#end(1006))
    // A close frame, or a FIN: read behind what was sent before, or not at all as long as nothing is read.
    this.#arrive(() => this.#end(how === 'close' ? 1000 : 1006))
  }

  read(isReading: boolean): void {
    this.#isReading = isReading
    if (isReading) this.#flushOut()
  }

  #arrive(deliver: () => void): void {
    this.#inbound.push(deliver)
    this.#flushIn()
  }

  #flushIn(): void {
    if (this.#isFlushing.in || this.#inbound.length === 0) return
    this.#isFlushing.in = true
    this.#clock.outside(() => {
      this.#isFlushing.in = false
      while (!this.#isPaused && !this.#isDown) {
        const deliver = this.#inbound.shift()
        if (deliver === undefined) return
        deliver()
      }
    })
  }

  #flushOut(): void {
    if (this.#isFlushing.out || this.#outbound.length === 0) return
    this.#isFlushing.out = true
    this.#clock.outside(() => {
      this.#isFlushing.out = false
      if (this.#isReading) this.#hear()
    })
  }

  #hear(): void {
    for (const frames of this.#outbound.splice(0)) {
      this.#waiting -= frames.length
      this.#sent += frames.length
      for (const frame of splitFrames(frames))
        this.#listener.message(framePayload(frame), isBinaryFrame(frame))
    }
  }

  #end(code: number): void {
    if (this.#isDown) return
    if (this.#isReading) this.#hear()
    this.#isDown = true
    this.#session.disconnected(code)
    this.#left()
    this.#listener.closed(code)
  }
}
