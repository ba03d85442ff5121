import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { type Frame, framePayload, isBinaryFrame, splitFrames } from '../../protocol/frame.ts'
import type { Wire } from '../../session/wire.ts'

/** A WebSocket as a session's wire: what is the same however the frames are written. */
abstract class WebSocketWire {
  protected readonly ws: WebSocket

  constructor(ws: WebSocket) {
    this.ws = ws
  }

  /** Closes with our own code. Reasons are cut at what a close frame carries: 123 bytes. */
  close(code: number, reason: string): void {
    WebSocket.prototype.close.call(this.ws, code, Buffer.from(reason).subarray(0, 123))
  }

  terminate(): void {
    this.ws.terminate()
  }

  pause(): void {
    this.ws.pause()
  }

  resume(): void {
    this.ws.resume()
  }
}

/**
 * Writes frames past ws's sender, straight to the socket: they are complete, and the sender would make a header and a
 * copy of its own for each receiver.
 */
export class SocketWire extends WebSocketWire implements Wire {
  protected readonly socket: Socket

  constructor(ws: WebSocket, socket: Socket) {
    super(ws)
    this.socket = socket
  }

  write(frames: Frame): void {
    // After a close frame nothing may follow.
    if (this.ws.readyState === WebSocket.OPEN && this.socket.writable) this.socket.write(frames)
  }

  writePieces(pieces: readonly Buffer[]): void {
    this.socket.cork()
    for (const piece of pieces) this.write(piece)
    this.socket.uncork()
  }

  get bufferedBytes(): number {
    return this.socket.writableLength
  }

  get sentBytes(): number {
    return this.socket.bytesWritten - this.socket.writableLength
  }

  get bytesRead(): number {
    return this.socket.bytesRead
  }
}

/** Writes through ws's own sender: where it has to compress, and where there is no socket (`injectWS`). */
export class SenderWire extends WebSocketWire implements Wire {
  #bytesRead = 0
  #bytesWritten = 0

  constructor(ws: WebSocket) {
    super(ws)
    const heard = (data: Buffer): void => {
      this.#bytesRead += data.length + 2
    }
    ws.on('message', heard).on('ping', heard).on('pong', heard)
  }

  write(frames: Frame): void {
    if (this.ws.readyState !== WebSocket.OPEN) return
    for (const frame of splitFrames(frames)) {
      this.#bytesWritten += frame.length
      this.ws.send(framePayload(frame), { binary: isBinaryFrame(frame) })
    }
  }

  get bufferedBytes(): number {
    return this.ws.bufferedAmount
  }

  get sentBytes(): number {
    return this.#bytesWritten - this.ws.bufferedAmount
  }

  get bytesRead(): number {
    return this.#bytesRead
  }
}

/**
 * Takes the place of `close` on our WebSockets. ws calls it to answer a client's close frame, with the client's own code
 * and reason or with nothing: a Phoenix server answers 1000, and 1002 to what is no code of an endpoint. Everybody else
 * means what he says, be it ws about a client that broke the rules or another plugin; who says nothing goes, as the server
 * does, and clients are to come back.
 */
export function answerClose(this: WebSocket, code?: number, reason?: string | Buffer): void {
  // ws has no public word for it.
  const isAnswer = (this as { _closeFrameReceived?: boolean })._closeFrameReceived === true
  const answer = isForClients(code) ? 1000 : 1002
  if (isAnswer) WebSocket.prototype.close.call(this, answer)
  else WebSocket.prototype.close.call(this, code ?? 1012, reason)
}

/** 1012 to 1014 are a server's and a gateway's to send. ws lets them pass, and refuses all others that are wrong. */
function isForClients(code: number | undefined): boolean {
  return code === undefined || code < 1012 || code > 1014
}
