import type { LoggedBroadcast } from '../pubsub/logged.ts'
import { broadcastOf } from './entry.ts'

/** The texts of the entries that are kept may have so many characters. */
const KEPT = 2 ** 20

/** The entries that clients who came back were sent, made once for all that come back together. */
export class Replays {
  readonly #made = new Map<
    string,
    Map<number, { readonly text: string; readonly broadcast: LoggedBroadcast }>
  >()
  #kept = 0

  broadcast(topic: string, offset: number, text: string): LoggedBroadcast | undefined {
    const ofTopic = this.#made.get(topic)
    const made = ofTopic?.get(offset)
    // The same offset of another epoch is another entry.
    if (made?.text === text) return made.broadcast
    const broadcast = broadcastOf(topic, offset, text)
    if (broadcast !== undefined) this.#keep(topic, { text, broadcast })
    return broadcast
  }

  clear(): void {
    this.#made.clear()
    this.#kept = 0
  }

  #keep(topic: string, made: { readonly text: string; readonly broadcast: LoggedBroadcast }): void {
    if (this.#kept + made.text.length > KEPT) this.clear()
    if (made.text.length > KEPT) return
    this.#kept += made.text.length
    const ofTopic = this.#made.get(topic) ?? new Map()
    this.#made.set(topic, ofTopic.set(made.broadcast.offset, made))
  }
}
