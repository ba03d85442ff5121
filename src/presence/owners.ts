import { addAbortListener } from 'node:events'
import type { ChannelOwner } from '../channel/outlet.ts'
import { refuseArgument } from '../ground/argument.ts'
import { berylError } from '../ground/errors.ts'
import { refusePresence } from './meta.ts'
import type { PresenceOwner } from './presence.ts'

/** The owners of presences: objects that may be one, and those that have ended. */
export class Owners {
  readonly #ended = new WeakSet<object>()
  readonly #watched = new WeakSet<object>()
  /** Sockets whose channel tells of its end. */
  readonly #told = new WeakSet<object>()
  readonly #over: (owner: PresenceOwner) => void

  /** @param over told when a signal is aborted, or the channel of a socket from elsewhere has ended */
  constructor(over: (owner: PresenceOwner) => void) {
    this.#over = over
  }

  /** @throws BERYL_ERR_PRESENCE_INVALID, BERYL_ERR_PRESENCE_OWNER_ENDED */
  check(owner: unknown, topic: string, key: string): asserts owner is PresenceOwner {
    if (!isOwner(owner) || !this.#isReadable(owner)) refusePresence(key, topic, 'owner', WANTED, owner)
    if (this.#ended.has(owner) || this.#signalOf(owner)?.aborted)
      throw berylError('BERYL_ERR_PRESENCE_OWNER_ENDED', key, topic)
  }

  /** The channel of this socket calls {@link Owners.end}: nobody has to watch its signal, which costs. */
  willTell(owner: ChannelOwner): void {
    this.#told.add(owner)
  }

  end(owner: object): void {
    this.#ended.add(owner)
  }

  /** From now on the end of this owner is noticed. */
  watch(owner: PresenceOwner): void {
    const signal = this.#watched.has(owner) ? undefined : this.#signalOf(owner)
    if (signal === undefined) return
    this.#watched.add(owner)
    // Of `node:events`: another listener cannot keep it from being called.
    addAbortListener(signal, () => this.#over(owner))
  }

  /** False where the signal of an owner cannot be asked: its end would never be noticed. */
  #isReadable(owner: PresenceOwner): boolean {
    try {
      return typeof (this.#signalOf(owner)?.aborted ?? false) === 'boolean'
    } catch {
      return false
    }
  }

  /** A socket of another mount, whose channel does not know of this presence, has a signal too. */
  #signalOf(owner: PresenceOwner): AbortSignal | undefined {
    if (owner instanceof AbortSignal) return owner
    if (this.#told.has(owner)) return undefined
    const signal: unknown = Reflect.get(owner, 'signal')
    return signal instanceof AbortSignal ? signal : undefined
  }
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
