import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { type Frame, framePayload, isBinaryFrame, splitFrames } from '../protocol/frame.ts'
import type { Wire } from '../session/wire.ts'

/**
 * A WebSocket as a session's wire. Frames are written past ws's sender, straight to the socket: they are complete, and
 * the sender would make a header and a copy of its own for each receiver.
 */
export class SocketWire implements Wire {
  readonly #ws: WebSocket
  readonly #socket: Socket

  constructor(ws: WebSocket, socket: Socket) {
    this.#ws = ws
    this.#socket = socket
  }

  write(frames: Frame): void {
    // After a close frame nothing may follow.
    if (this.#ws.readyState === WebSocket.OPEN && this.#socket.writable) this.#socket.write(frames)
  }

  close(code: number, reason: string): void {
    closeWebSocket(this.#ws, code, reason)
  }

  terminate(): void {
    this.#ws.terminate()
  }

  pause(): void {
    this.#ws.pause()
  }

  resume(): void {
    this.#ws.resume()
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength
  }

  get sentBytes(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength
  }

  get bytesRead(): number {
    return this.#socket.bytesRead
  }
}

/** The same through ws's own sender: where it has to compress, and where there is no socket (`injectWS`). */
export class SenderWire implements Wire {
  readonly #ws: WebSocket
  #bytesRead = 0
  #bytesWritten = 0

  constructor(ws: WebSocket) {
    this.#ws = ws
    const heard = (data: Buffer): void => {
      this.#bytesRead += data.length + 2
    }
    ws.on('message', heard).on('ping', heard).on('pong', heard)
  }

  write(frames: Frame): void {
    if (this.#ws.readyState !== WebSocket.OPEN) return
    for (const frame of splitFrames(frames)) {
      this.#bytesWritten += frame.length
      this.#ws.send(framePayload(frame), { binary: isBinaryFrame(frame) })
    }
  }

  close(code: number, reason: string): void {
    closeWebSocket(this.#ws, code, reason)
  }

  terminate(): void {
    this.#ws.terminate()
  }

  pause(): void {
    this.#ws.pause()
  }

  resume(): void {
    this.#ws.resume()
  }

  get bufferedBytes(): number {
    return this.#ws.bufferedAmount
  }

  get sentBytes(): number {
    return this.#bytesWritten - this.#ws.bufferedAmount
  }

  get bytesRead(): number {
    return this.#bytesRead
  }
}

/** Closes with our own code. Reasons are cut at what a close frame carries: 123 bytes. */
function closeWebSocket(ws: WebSocket, code: number, reason: string): void {
  WebSocket.prototype.close.call(ws, code, Buffer.from(reason).subarray(0, 123))
}

/**
 * Takes the place of `close` on our WebSockets, which ws calls for two reasons. To answer a client's close frame it gives
 * the client's own code and reason, or nothing: a Phoenix server answers 1000, and 1002 to what is no code of an
 * endpoint. Where the client broke the rules it gives the code for that, alone.
 */
export function answerClose(this: WebSocket, code?: number, reason?: string | Buffer): void {
  const brokeRules = code !== undefined && reason === undefined
  const answer = brokeRules ? code : isForClients(code) ? 1000 : 1002
  WebSocket.prototype.close.call(this, answer)
}

/** 1012 to 1014 are a server's and a gateway's to send. ws lets them pass, and refuses all others that are wrong. */
function isForClients(code: number | undefined): boolean {
  return code === undefined || code < 1012 || code > 1014
}
