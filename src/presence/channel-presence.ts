import type { SocketPresence } from '../channel/infer.ts'
import type { ChannelOwner, ChannelPresence } from '../channel/outlet.ts'
import { berylError } from '../ground/errors.ts'
import type { Meta } from './presence.ts'
import type { PresenceRegister } from './register.ts'

/** Presence as channels use it. Without a presence, its use throws `BERYL_ERR_DISABLED`. */
export function socketPresence(presence: PresenceRegister | undefined): ChannelPresence {
  if (presence === undefined) return DISABLED
  return {
    joined: (topic, tell) => presence.newcomer(topic, tell),
    of: (owner) => {
      presence.willEnd(owner)
      return new OwnPresence(presence, owner)
    },
    end: (owner) => presence.end(owner),
  }
}

type Own = SocketPresence<unknown>

/** The presence that one socket shows. Its methods can be taken out of it, and are made when they are asked for. */
class OwnPresence implements Own {
  readonly #presence: PresenceRegister
  readonly #owner: ChannelOwner

  constructor(presence: PresenceRegister, owner: ChannelOwner) {
    this.#presence = presence
    this.#owner = owner
  }

  get track(): Own['track'] {
    const [presence, owner] = [this.#presence, this.#owner]
    return (key, meta) => void presence.track(owner.topic, key, meta as Meta, { owner })
  }

  get update(): Own['update'] {
    const [presence, owner] = [this.#presence, this.#owner]
    return (key, meta) => void presence.update(owner.topic, key, meta as Meta, { owner })
  }

  get untrack(): Own['untrack'] {
    const [presence, owner] = [this.#presence, this.#owner]
    return (key) => presence.untrack(owner.topic, key, owner)
  }

  get list(): Own['list'] {
    const [presence, owner] = [this.#presence, this.#owner]
    return () => presence.list(owner.topic)
  }
}

const DISABLED: ChannelPresence = {
  joined() {},
  of() {
    throw berylError('BERYL_ERR_DISABLED', 'presence', 'presence')
  },
  end() {},
}
