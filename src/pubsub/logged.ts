import type { Frame } from '../protocol/frame.ts'
import type { Codec, JsonText } from '../protocol/message.ts'
import { Broadcast } from './broadcast.ts'

/** An entry of a log on its way to the subscribers. Those that asked for positions are given its offset in the place of the ref. */
export class LoggedBroadcast extends Broadcast {
  readonly offset: number
  /** The id of the connection that it passes by. */
  readonly except: string | undefined
  readonly #positioned: (Frame | null)[] = []

  constructor(entry: {
    topic: string
    event: string
    content: JsonText
    offset: number
    except?: string | undefined
  }) {
    super(entry.topic, entry.event, entry.content)
    this.offset = entry.offset
    this.except = entry.except
  }

  /** The offset, in the place where Phoenix has the ref. */
  get ref(): string {
    return `@${this.offset}`
  }

  /** The frame with the offset. */
  positioned(codec: Codec): Frame | null {
    const made = this.#positioned[codec.index]
    if (made !== undefined) return made
    const frame = codec.encodeBroadcast(this.topic, this.event, this.content, this.ref) ?? null
    this.#positioned[codec.index] = frame
    return frame
  }
}
