import { addAbortListener } from 'node:events'
import type { ChannelOwner } from '../channel/outlet.ts'
import { refuseArgument } from '../ground/argument.ts'
import { berylError } from '../ground/errors.ts'
import { refusePresence } from './meta.ts'
import type { PresenceOwner } from './presence.ts'

/** The facts of an owner. */
class Known {
  /** A socket whose channel tells of its end. */
  isTold = false
  isWatched = false
  isEnded = false
  /** As `Rate` counts the changes that it makes. */
  changesDue = 0
}

/** The owners of presences: objects that may be one, and those that have ended. */
export class Owners {
  /** In one: a table of weak references is looked through in each collection. */
  readonly #known = new WeakMap<object, Known>()
  readonly #over: (owner: PresenceOwner) => void

  /** @param over told when a signal is aborted, or the channel of a socket from elsewhere has ended */
  constructor(over: (owner: PresenceOwner) => void) {
    this.#over = over
  }

  /** @throws BERYL_ERR_PRESENCE_INVALID, BERYL_ERR_PRESENCE_OWNER_ENDED */
  check(owner: unknown, topic: string, key: string): asserts owner is PresenceOwner {
    const known = typeof owner === 'object' && owner !== null ? this.#known.get(owner) : undefined
    if (known?.isTold !== true && (!isOwner(owner) || !isReadable(owner)))
      refusePresence(key, topic, 'owner', WANTED, owner)
    if (known?.isEnded === true || (known?.isTold !== true && signalOf(owner as PresenceOwner)?.aborted))
      throw berylError('BERYL_ERR_PRESENCE_OWNER_ENDED', key, topic)
  }

  /** The channel of this socket calls {@link Owners.end}: nobody has to watch its signal, which costs. */
  willTell(owner: ChannelOwner): void {
    this.of(owner).isTold = true
  }

  end(owner: object): void {
    this.of(owner).isEnded = true
  }

  /** From now on the end of this owner is noticed. */
  watch(owner: PresenceOwner): void {
    const known = this.of(owner)
    const signal = known.isWatched || known.isTold ? undefined : signalOf(owner)
    if (signal === undefined) return
    known.isWatched = true
    // Of `node:events`: another listener cannot keep it from being called.
    addAbortListener(signal, () => this.#over(owner))
  }

  of(owner: object): Known {
    let known = this.#known.get(owner)
    if (known === undefined) {
      known = new Known()
      this.#known.set(owner, known)
    }
    return known
  }
}

/** False where the signal of an owner cannot be asked: its end would never be noticed. */
function isReadable(owner: PresenceOwner): boolean {
  try {
    return typeof (signalOf(owner)?.aborted ?? false) === 'boolean'
  } catch {
    return false
  }
}

/** A socket of another mount, whose channel does not know of this presence, has a signal too. */
function signalOf(owner: PresenceOwner): AbortSignal | undefined {
  if (owner instanceof AbortSignal) return owner
  const signal: unknown = Reflect.get(owner, 'signal')
  return signal instanceof AbortSignal ? signal : undefined
}

const WANTED = "an AbortSignal or a channel's socket"

export function isOwner(owner: unknown): owner is PresenceOwner {
  if (typeof owner !== 'object' || owner === null) return false
  try {
    if (owner instanceof AbortSignal) return true
    return typeof Reflect.get(owner, 'id') === 'string' && typeof Reflect.get(owner, 'topic') === 'string'
  } catch {
    // An object that cannot be read is none.
    return false
  }
}

/** @throws BERYL_ERR_ARGUMENT for what can own no presence */
export function checkOwner(call: string, owner: unknown): asserts owner is PresenceOwner {
  if (!isOwner(owner)) refuseArgument(call, 'owner', WANTED, owner)
}
