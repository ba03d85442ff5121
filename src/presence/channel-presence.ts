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
    of: (owner) => new OwnPresence(presence, owner),
    end: (owner) => presence.end(owner),
  }
}

const DISABLED: ChannelPresence = {
  joined() {},
  of() {
    throw berylError('BERYL_ERR_DISABLED', 'presence', 'presence')
  },
  end() {},
}

/** The presence that a socket shows. Its functions may be taken out of it, and are made when they are: few channels use more than one. */
class OwnPresence implements SocketPresence<unknown> {
  readonly #presence: PresenceRegister
  readonly #owner: ChannelOwner

  constructor(presence: PresenceRegister, owner: ChannelOwner) {
    presence.willEnd(owner)
    this.#presence = presence
    this.#owner = owner
  }

  get track(): SocketPresence<unknown>['track'] {
    const [presence, owner] = [this.#presence, this.#owner]
    return (key, meta) => void presence.track(owner.topic, key, meta as Meta, { owner })
  }

  get update(): SocketPresence<unknown>['update'] {
    const [presence, owner] = [this.#presence, this.#owner]
    return (key, meta) => void presence.update(owner.topic, key, meta as Meta, { owner })
  }

  get untrack(): SocketPresence<unknown>['untrack'] {
    const [presence, owner] = [this.#presence, this.#owner]
    return (key) => presence.untrack(owner.topic, key, owner)
  }

  get list(): SocketPresence<unknown>['list'] {
    const [presence, owner] = [this.#presence, this.#owner]
    return () => presence.list(owner.topic)
  }
}
