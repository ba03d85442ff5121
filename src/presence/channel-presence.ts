import type { ChannelPresence } from '../channel/outlet.ts'
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
      return {
        track: (key, meta) => void presence.track(owner.topic, key, meta as Meta, { owner }),
        update: (key, meta) => void presence.update(owner.topic, key, meta as Meta, { owner }),
        untrack: (key) => presence.untrack(owner.topic, key, owner),
        list: () => presence.list(owner.topic),
      }
    },
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
