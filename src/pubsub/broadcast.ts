import { isUint8Array } from 'node:util/types'
import { unwritable } from '../protocol/carried.ts'
import type { Frame } from '../protocol/frame.ts'
import { type Codec, JsonText } from '../protocol/message.ts'

/**
 * One broadcast on its way to the subscribers. Its payload is written once, when it is made: what a `toJSON` does then
 * happens before anybody is looked up. Its frame is made once for each codec that a subscriber speaks, and every one of
 * them is given the same bytes (Phoenix calls this its fastlane).
 */
export class Broadcast {
  readonly topic: string
  readonly event: string
  /** The number of subscribers that were passed by because their codec cannot carry the payload. */
  skipped = 0
  /** By the index of a codec. In its full length: V8 would make room for many more. */
  readonly #frames: (Frame | null | undefined)[] = [undefined, undefined]
  #content: JsonText | Uint8Array

  /** @throws `BERYL_ERR_PAYLOAD_INVALID` where the payload is no JSON */
  constructor(topic: string, event: string, payload: unknown) {
    this.topic = topic
    this.event = event
    this.#content = isUint8Array(payload) ? payload : textOf(topic, event, payload)
  }

  /** The payload as it travels: JSON text, or bytes. */
  get content(): JsonText | Uint8Array {
    return this.#content
  }

  /** The frame for a codec; `null` where it cannot carry the payload. */
  frame(codec: Codec): Frame | null {
    const made = this.#frames[codec.index]
    if (made !== undefined) return made
    const frame = codec.encodeBroadcast(this.topic, this.event, this.#content) ?? null
    this.#frames[codec.index] = frame
    return frame
  }

  /**
   * The payload as the other nodes have it, for code of the application: only JSON and bytes cross, so a date is a string
   * on the sender's node as well. A value of its own for each call: whoever changes it changes nothing for others.
   */
  onWire(): unknown {
    const content = this.#content
    return content instanceof JsonText ? JSON.parse(content.text) : Buffer.from(content)
  }

  /** Takes bytes as they are now, for an {@link onWire} in a later turn: until then their sender may change them. */
  keep(): void {
    if (!(this.#content instanceof JsonText)) this.#content = Buffer.from(this.#content)
  }
}

function textOf(topic: string, event: string, payload: unknown): JsonText {
  if (payload instanceof JsonText) return payload
  try {
    return new JsonText(JSON.stringify(payload) ?? 'null')
  } catch (cause) {
    throw unwritable(topic, event, cause)
  }
}

/** A receiver of broadcasts, as the pubsub sees it. */
export interface Subscriber {
  readonly connectionId: string
  /** Where it stands among the subscribers of its topic. The pubsub's own. */
  slot: number
  /** Must neither throw nor change who is subscribed before it returns. */
  deliver(broadcast: Broadcast): void
  /** Takes what the server has for the channel itself. As {@link deliver}. */
  inform(info: Broadcast): void
  /** An entry of a log was published and is not for it. */
  passBy?(broadcast: Broadcast): void
}
