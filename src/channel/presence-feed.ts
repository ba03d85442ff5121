import { JsonText } from '../protocol/message.ts'
import type { ChannelPresence } from './outlet.ts'

/** The channel that is fed. */
interface Fed {
  readonly topic: string
  /** True where its client should be spared what can be told later in one piece. */
  readonly isBehind: boolean
  pushState(state: JsonText): void
}

/**
 * Presence as one client is told of it: the whole state, then diffs. Diffs change a state, so none comes before it; a
 * client that is far behind is spared them, and told the state again when it has caught up.
 */
export class PresenceFeed {
  readonly #presence: ChannelPresence
  readonly #fed: Fed
  #client: 'knows nothing' | 'is told' | 'was spared' = 'knows nothing'

  constructor(presence: ChannelPresence, fed: Fed) {
    this.#presence = presence
    this.#fed = fed
  }

  /** The state is to come, at the end of this turn. */
  begin(): void {
    this.#client = 'knows nothing'
    this.#presence.joined(this.#fed.topic, (json) => {
      this.#client = 'is told'
      this.#fed.pushState(new JsonText(json))
    })
  }

  /** True where the client is to hear a diff. */
  takesDiff(): boolean {
    if (this.#client === 'is told' && this.#fed.isBehind) this.#client = 'was spared'
    return this.#client === 'is told'
  }

  caughtUp(): void {
    if (this.#client === 'was spared') this.begin()
  }
}
