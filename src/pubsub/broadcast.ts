import { unwritable } from '../protocol/carried.ts'
import type { Frame } from '../protocol/frame.ts'
import type { Codec } from '../protocol/message.ts'

/**
 * One broadcast on its way to the subscribers of this node. Its frame is made once for each codec that a subscriber
 * speaks, and every one of them is given the same bytes (Phoenix calls this its fastlane).
 */
export class Broadcast {
  readonly topic: string
  readonly event: string
  /** What was sent: on the sender's node the very value, which the frames are made of. See {@link onWire}. */
  readonly payload: unknown
  /** How many subscribers were passed by because their codec cannot carry the payload. */
  skipped = 0
  readonly #frames: (Frame | null)[] = []
  /** The payload as text, or bytes; made where code of the application is to have it. */
  #kept: string | Buffer | undefined

  constructor(topic: string, event: string, payload: unknown) {
    this.topic = topic
    this.event = event
    this.payload = payload
  }

  /** The frame for a codec; `null` where it cannot carry the payload. Throws where the payload is no JSON. */
  frame(codec: Codec): Frame | null {
    const made = this.#frames[codec.index]
    if (made !== undefined) return made
    try {
      const frame = codec.encodeBroadcast(this.topic, this.event, this.payload) ?? null
      this.#frames[codec.index] = frame
      return frame
    } catch (cause) {
      throw unwritable(this.topic, this.event, cause)
    }
  }

  /**
   * The payload as the other nodes have it, for code of the application: only JSON and bytes cross, so a date is a string
   * on the sender's node as well. A value of its own for each call: whoever changes it changes nothing for others.
   */
  onWire(): unknown {
    this.keep()
    if (this.#kept === undefined) return undefined
    return typeof this.#kept === 'string' ? JSON.parse(this.#kept) : Buffer.from(this.#kept)
  }

  /** Takes the payload as it is now, for an {@link onWire} in a later turn: until then its sender may change it. */
  keep(): void {
    const { payload } = this
    this.#kept ??= payload instanceof Uint8Array ? Buffer.from(payload) : JSON.stringify(payload)
  }
}

/** What the pubsub asks of whom it delivers to. */
export interface Subscriber {
  readonly connectionId: string
  /** Where it stands among the subscribers of its topic. The pubsub's own. */
  slot: number
  /** Must neither throw nor change who is subscribed before it returns. */
  deliver(broadcast: Broadcast): void
}
