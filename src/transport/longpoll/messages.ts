import { type Frame, isBinaryFrame, payloadStart, splitFrames } from '../../protocol/frame.ts'

/** A frame as an answer carries it. */
export interface PollMessage {
  /** A JSON string: the text of a text frame, the bytes of a binary one in base64. */
  readonly json: string
  readonly bytes: number
}

interface Made {
  readonly frames: Frame
  readonly messages: readonly PollMessage[]
}

/**
 * Makes messages of frames, once for all who are sent the same ones in a turn. The last two are kept: subscribers may speak two
 * versions.
 */
export class PollMessages {
  #latest: Made | undefined
  #previous: Made | undefined

  of(frames: Frame): readonly PollMessage[] {
    if (this.#latest?.frames === frames) return this.#latest.messages
    if (this.#previous?.frames === frames) return this.#previous.messages
    this.#previous = this.#latest
    this.#latest = { frames, messages: splitFrames(frames).map(messageOf) }
    return this.#latest.messages
  }
}

/** Base64 never begins with the bracket or the brace of a text, and needs no escapes. */
function messageOf(frame: Frame): PollMessage {
  const start = payloadStart(frame)
  const json = isBinaryFrame(frame)
    ? `"${frame.toString('base64', start)}"`
    : JSON.stringify(frame.toString('utf8', start))
  return { json, bytes: frame.length }
}
