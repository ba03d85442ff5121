import type { Broadcast } from '../pubsub/broadcast.ts'
import type { Fed, Feed } from './feed.ts'
import type { ChannelPresence } from './outlet.ts'

/**
 * Presence as one client is told of it: the whole state, then diffs. Diffs change a state, so none comes before it; a
 * client that is far behind is spared them, and told the state again when it has caught up.
 */
export class PresenceFeed implements Feed {
  readonly #presence: ChannelPresence
  readonly #fed: Fed
  #client: 'knows nothing' | 'is told' | 'was spared' = 'knows nothing'

  constructor(presence: ChannelPresence, fed: Fed) {
    this.#presence = presence
    this.#fed = fed
  }

  begin(): void {
    this.#client = 'knows nothing'
    this.#presence.joined(this.#fed.topic, (state) => {
      this.#client = 'is told'
      this.#fed.pushState('presence_state', state)
    })
  }

  takes({ event }: Broadcast): boolean {
    return event !== 'presence_diff' || this.#takesDiff()
  }

  #takesDiff(): boolean {
    if (this.#client === 'is told' && this.#fed.outlet.isBehind) this.#client = 'was spared'
    return this.#client === 'is told'
  }

  caughtUp(): void {
    if (this.#client === 'was spared') this.begin()
  }
}
