import type { Connection } from '../channel/connection.ts'
import { type Frame, splitFrames } from '../protocol/frame.ts'
import type { Session } from '../session/session.ts'
import type { Wire } from '../session/wire.ts'
import type { InProcessConnection } from '../transport/in-process.ts'

/** The end of a connection: a WebSocket close code (1006: without a close frame) and the reason that came with it. */
export interface Closed {
  readonly code: number
  readonly reason: string
}

/** The client's end of the wire. */
export interface WireListener {
  /** One write of the server: one frame or several. */
  written(frames: readonly Frame[]): void
  closed(closed: Closed): void
}

/** A connection without a network: the two ends call each other. */
export class MemoryWire implements Wire {
  readonly bufferedBytes = 0
  readonly #listener: WireListener
  readonly #session: Session
  readonly #left: () => void
  #isOpen = true
  #isPaused = false
  #bytesRead = 0
  #bytesSent = 0
  readonly #held: (() => void)[] = []

  constructor(connection: InProcessConnection, listener: WireListener) {
    this.#listener = listener
    this.#left = connection.left
    this.#session = connection.open(this)
  }

  // The server's end

  write(frames: Frame): void {
    if (!this.#isOpen) return
    this.#bytesSent += frames.length
    this.#listener.written(splitFrames(frames))
  }

  close(code: number, reason: string): void {
    this.#end({ code, reason }, code)
  }

  terminate(): void {
    this.#end({ code: 1006, reason: '' }, 1006)
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    while (!this.#isPaused) {
      const deliver = this.#held.shift()
      if (deliver === undefined) return
      deliver()
    }
  }

  get bytesRead(): number {
    return this.#bytesRead
  }

  get sentBytes(): number {
    return this.#bytesSent
  }

  // The client's end

  get connection(): Connection {
    return this.#session.connection
  }

  /** Delivers one WebSocket message, now or when the server reads again. */
  send(data: Buffer, isBinary: boolean): void {
    if (!this.#isOpen) return
    const deliver = (): void => {
      this.#bytesRead += data.length
      this.#session.receive(data, isBinary)
    }
    if (this.#isPaused) this.#held.push(deliver)
    else deliver()
  }

  /** Closes with a close frame, which the server answers with 1000; with 1006 the connection breaks. */
  leave(code: number): void {
    this.#end({ code: code === 1006 ? 1006 : 1000, reason: '' }, code)
  }

  #end(seen: Closed, code: number): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#listener.closed(seen)
    // As on a network: whoever closes learns of the end afterwards.
    queueMicrotask(() => {
      this.#session.disconnected(code)
      this.#left()
    })
  }
}
