import type { Frame, PiecedFrame } from '../protocol/frame.ts'

/** A frame on its way to one client. */
export type Sent = Frame | PiecedFrame

/** A frame of so many bytes costs more to copy than a piece or a write of its own. */
export const LARGE_BYTES = 32 * 1024

/** Makes one buffer of several frames: once for all wires that have the same to send in a turn. */
export interface Joins {
  join(frames: readonly Frame[]): Frame
}

/**
 * The connection that carries a session, as the session sees it. The session makes the frames and decides; the wire moves
 * bytes and knows nothing of channels.
 */
export interface Wire {
  /** Hands over one or more whole frames, as one write. */
  write(frames: Frame): void

  /** Present where pieces of whole frames can be handed over as one write, without being joined. */
  writePieces?(pieces: readonly Buffer[]): void

  /**
   * Present where frames do not travel as they were made: is given those of a turn in the place of `write`. The same frame is
   * the same object for all who are sent it.
   */
  writeEach?(frames: Sent | readonly Sent[], joins: Joins): void

  /** Starts the closing handshake behind everything that was written. */
  close(code: number, reason: string): void

  /** Cuts the connection without a handshake. */
  terminate(): void

  /** Stops reading: the client is slowed down by its own TCP. */
  pause(): void

  resume(): void

  /** Bytes that were written and that the operating system has not taken yet. */
  readonly bufferedBytes: number

  /** All bytes that the operating system has taken: what tells a slow reader from one that does not read. */
  readonly sentBytes: number

  /** All bytes that ever came from the client: what tells a silent client from a living one. */
  readonly bytesRead: number
}
