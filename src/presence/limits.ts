import { berylError } from '../ground/errors.ts'
import type { Ledger } from './ledger.ts'
import type { ResolvedPresenceOptions } from './options.ts'

interface Bucket {
  tokens: number
  filledAt: number
}

/** The limits that refuse. (`shownKeys` only shows less.) */
export type GuardedLimit = 'keys' | 'keyBytes' | 'metaBytes' | 'changesPerSecond'

/** Throws at the caller whose owner does too much. What was refused costs no part of a limit. */
export class LimitGuard {
  readonly #limits: ResolvedPresenceOptions['limits']
  readonly #buckets = new WeakMap<object, Bucket>()

  readonly #reached: (limit: GuardedLimit) => void

  /** @param reached told of every refusal */
  constructor(limits: ResolvedPresenceOptions['limits'], reached: (limit: GuardedLimit) => void) {
    this.#limits = limits
    this.#reached = reached
  }

  checkKeys(ledger: Ledger, owner: object, topic: string, key: string): void {
    if (Buffer.byteLength(key) > this.#limits.keyBytes) this.#refuse(key.slice(0, 60), topic, 'keyBytes')
    if (ledger.count(owner, topic) >= this.#limits.keys) this.#refuse(key, topic, 'keys')
  }

  checkMeta(topic: string, key: string, json: string): void {
    if (Buffer.byteLength(json) > this.#limits.metaBytes) this.#refuse(key, topic, 'metaBytes')
  }

  /** Takes one of the changes that an owner has in a second; a second's worth may come at once. */
  takeChange(owner: object, topic: string, key: string, now: number): void {
    const { changesPerSecond } = this.#limits
    if (changesPerSecond === Number.POSITIVE_INFINITY) return
    const bucket = this.#buckets.get(owner) ?? { tokens: changesPerSecond, filledAt: now }
    const earned = ((now - bucket.filledAt) * changesPerSecond) / 1_000
    bucket.tokens = Math.min(changesPerSecond, bucket.tokens + earned)
    bucket.filledAt = now
    this.#buckets.set(owner, bucket)
    if (bucket.tokens < 1) this.#refuse(key, topic, 'changesPerSecond')
    bucket.tokens--
  }

  #refuse(key: string, topic: string, limit: GuardedLimit): never {
    this.#reached(limit)
    throw berylError('BERYL_ERR_PRESENCE_LIMIT', key, topic, `presence.limits.${limit}`, this.#limits[limit])
  }
}
