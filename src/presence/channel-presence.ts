import { berylError } from '../ground/errors.ts'
import type { StateListener } from './announcer.ts'
import type { Meta } from './presence.ts'
import type { PresenceRegister } from './register.ts'

/** What a channel process asks of presence: see `channel/outlet.ts`, which is the contract that this keeps. */
export interface ChannelPresencePort {
  joined(topic: string, tell: StateListener): void
  of(socket: Owner): SocketView
  end(socket: Owner): void
}

interface Owner {
  readonly id: string
  readonly topic: string
}

/** The presence of one socket's topic, as the socket's owner. */
interface SocketView {
  track(key: string, meta: unknown): void
  update(key: string, meta: unknown): void
  untrack(key: string): void
  list(): never
}

/** Presence as channels use it. Without a presence, its use throws `BERYL_ERR_DISABLED`. */
export function socketPresence(presence: PresenceRegister | undefined): ChannelPresencePort {
  if (presence === undefined) return DISABLED
  return {
    joined: (topic, tell) => presence.newcomer(topic, tell),
    of: (owner) => {
      presence.willEnd(owner)
      return {
        track: (key, meta) => void presence.track(owner.topic, key, meta as Meta, { owner }),
        update: (key, meta) => void presence.update(owner.topic, key, meta as Meta, { owner }),
        untrack: (key) => presence.untrack(owner.topic, key, owner),
        list: () => presence.list(owner.topic) as never,
      }
    },
    end: (owner) => presence.end(owner),
  }
}

const DISABLED: ChannelPresencePort = {
  joined() {},
  of() {
    throw berylError('BERYL_ERR_DISABLED', 'presence', 'presence')
  },
  end() {},
}
