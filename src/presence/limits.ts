import { berylError } from '../ground/errors.ts'
import { Rate } from '../ground/rate.ts'
import type { Ledger } from './ledger.ts'
import type { ResolvedPresenceOptions } from './options.ts'

/** The limits that refuse. (`shownKeys` only shows less.) */
export type GuardedLimit = 'keys' | 'keyBytes' | 'metaBytes' | 'changesPerSecond'

/** An owner whose changes are counted, as {@link Rate} does it. */
interface Changing {
  changesDue: number
}

/** Throws at the caller whose owner does too much. What was refused costs no part of a limit. */
export class LimitGuard {
  readonly #limits: ResolvedPresenceOptions['limits']
  readonly #changes: Rate | undefined
  readonly #reached: (limit: GuardedLimit) => void

  /** @param reached told of every refusal */
  constructor(limits: ResolvedPresenceOptions['limits'], reached: (limit: GuardedLimit) => void) {
    this.#limits = limits
    this.#reached = reached
    const { changesPerSecond: perSecond } = limits
    this.#changes = Number.isFinite(perSecond) ? new Rate({ perSecond, burst: perSecond }) : undefined
  }

  checkKeys(ledger: Ledger, owner: object, topic: string, key: string): void {
    if (Buffer.byteLength(key) > this.#limits.keyBytes) this.#refuse(key.slice(0, 60), topic, 'keyBytes')
    if (ledger.count(owner, topic) >= this.#limits.keys) this.#refuse(key, topic, 'keys')
  }

  checkMeta(topic: string, key: string, json: string): void {
    if (Buffer.byteLength(json) > this.#limits.metaBytes) this.#refuse(key, topic, 'metaBytes')
  }

  /** As {@link LimitGuard.mayChange}, and throws where it may not. */
  takeChange(owner: Changing, topic: string, key: string, now: number): void {
    if (!this.mayChange(owner, now)) this.#refuse(key, topic, 'changesPerSecond')
  }

  /** Takes one of the changes that an owner has in a second; a second's worth may come at once. */
  mayChange(owner: Changing, now: number): boolean {
    if (this.waitMs(owner, now) > 0) return false
    if (this.#changes !== undefined) owner.changesDue = this.#changes.charge(owner.changesDue, now)
    return true
  }

  /** The milliseconds until an owner may make a change. */
  waitMs({ changesDue }: Changing, now: number): number {
    return this.#changes?.waitMs(changesDue, now) ?? 0
  }

  #refuse(key: string, topic: string, limit: GuardedLimit): never {
    this.#reached(limit)
    throw berylError('BERYL_ERR_PRESENCE_LIMIT', key, topic, `presence.limits.${limit}`, this.#limits[limit])
  }
}
