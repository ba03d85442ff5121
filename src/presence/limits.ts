import { berylError } from '../errors.ts'
import type { Ledger } from './ledger.ts'
import type { ResolvedPresenceOptions } from './options.ts'

interface Bucket {
  tokens: number
  filledAt: number
}

/** Throws at the caller whose owner does too much. What was refused costs no part of a limit. */
export class LimitGuard {
  readonly #limits: ResolvedPresenceOptions['limits']
  readonly #buckets = new WeakMap<object, Bucket>()

  constructor(limits: ResolvedPresenceOptions['limits']) {
    this.#limits = limits
  }

  checkKeys(ledger: Ledger, owner: object, topic: string, key: string): void {
    if (ledger.count(owner, topic) >= this.#limits.keys) refuse(key, topic, 'keys', this.#limits.keys)
  }

  checkMeta(topic: string, key: string, json: string): void {
    const { metaBytes } = this.#limits
    if (Buffer.byteLength(json) > metaBytes) refuse(key, topic, 'metaBytes', metaBytes)
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
    if (bucket.tokens < 1) refuse(key, topic, 'changesPerSecond', changesPerSecond)
    bucket.tokens--
  }
}

function refuse(key: string, topic: string, limit: string, value: number): never {
  throw berylError('BERYL_ERR_PRESENCE_LIMIT', key, topic, `presence.limits.${limit}`, value)
}
