import type { Rate } from '../ground/rate.ts'

/** The rates of a client, resolved: absent where there is no limit. */
export interface MeterRates {
  readonly messages: Rate | undefined
  readonly channelMessages: Rate | undefined
  readonly bytes: Rate | undefined
  readonly joins: Rate | undefined
  readonly heartbeats: Rate
}

type MessageLimit = 'limits.messages' | 'limits.bytesPerSecond'

/** Our own lateness, which is not held against clients: what they sent meanwhile comes at once. */
export interface Lateness {
  /** Milliseconds that messages which are read now may have waited for us. */
  lateMs(now: number): number
}

const ON_TIME: Lateness = { lateMs: () => 0 }

/**
 * So many topics have their messages counted at the most. More than a client can hold: beyond, those are forgotten whose
 * bucket is full again, then the oldest.
 */
const MAX_COUNTED = 1_024

/** A second without a refusal is a pause; a client that goes on for so long without one is flooding. */
const PAUSE_MS = 1_000
const FLOOD_MS = 5_000

/** The refusals of one client. */
class Refusals {
  /** That of the last. */
  limit: MessageLimit = 'limits.messages'
  at = Number.NEGATIVE_INFINITY
  floodingSince = 0
}

/** Counts what one client sends. The answers are in milliseconds to wait: 0 where it may. */
export class Meter {
  readonly #rates: MeterRates
  readonly #lateness: Lateness
  #messagesDue = 0
  #bytesDue = 0
  #joinsDue = 0
  #heartbeatsDue = 0
  /** By topic; only where channels have a limit of their own. */
  #channelsDue: Map<string, number> | undefined
  /** Made with the first: most clients are never refused anything. */
  #refusals: Refusals | undefined

  constructor(rates: MeterRates, lateness: Lateness = ON_TIME) {
    this.#rates = rates
    this.#lateness = lateness
  }

  /** A message of so many bytes. What must wait is not counted: a refusal costs the client nothing more. */
  message(now: number, bytes: number): number {
    const { messages, bytes: byteRate } = this.#rates
    const since = this.#since(now)
    const messageWaitMs = messages?.waitMs(this.#messagesDue, now, 1, since) ?? 0
    const byteWaitMs = byteRate?.waitMs(this.#bytesDue, now, bytes, since) ?? 0
    if (messageWaitMs > 0 || byteWaitMs > 0) {
      this.#refused.limit = byteWaitMs > messageWaitMs ? 'limits.bytesPerSecond' : 'limits.messages'
      return Math.max(messageWaitMs, byteWaitMs)
    }
    if (messages !== undefined) this.#messagesDue = messages.charge(this.#messagesDue, since)
    if (byteRate !== undefined) this.#bytesDue = byteRate.charge(this.#bytesDue, since, bytes)
    return 0
  }

  /** The limit that the last refused message reached. */
  get limit(): MessageLimit {
    return this.#refused.limit
  }

  /** A message to a joined channel, which counts against that channel too. */
  channelMessage(now: number, topic: string): number {
    const rate = this.#rates.channelMessages
    if (rate === undefined) return 0
    const due = this.#channelsDue?.get(topic) ?? 0
    const since = this.#since(now)
    const waitMs = rate.waitMs(due, now, 1, since)
    if (waitMs > 0) return waitMs
    this.#channelsDue ??= new Map()
    this.#channelsDue.set(topic, rate.charge(due, since))
    if (this.#channelsDue.size > MAX_COUNTED) this.#makeRoom(this.#channelsDue, now)
    return 0
  }

  join(now: number): number {
    const { joins } = this.#rates
    const since = this.#since(now)
    const waitMs = joins?.waitMs(this.#joinsDue, now, 1, since) ?? 0
    if (waitMs === 0 && joins !== undefined) this.#joinsDue = joins.charge(this.#joinsDue, since)
    return waitMs
  }

  /** Heartbeats are free as long as nobody hides a flood in them; beyond that they are messages. */
  heartbeat(now: number, bytes: number): number {
    const { heartbeats } = this.#rates
    const since = this.#since(now)
    if (heartbeats.waitMs(this.#heartbeatsDue, now, 1, since) > 0) return this.message(now, bytes)
    this.#heartbeatsDue = heartbeats.charge(this.#heartbeatsDue, since)
    return 0
  }

  /** A channel ended. What it has used up is kept until its bucket is full again: a rejoin is no new bucket. */
  forget(topic: string, now: number): void {
    const due = this.#channelsDue?.get(topic)
    if (due !== undefined && due <= now) this.#channelsDue?.delete(topic)
  }

  /** True where a meter that has counted nothing would say the same from now on, also of what is read late. */
  isAtRest(now: number): boolean {
    const since = this.#since(now) - PAUSE_MS
    const due = Math.max(this.#messagesDue, this.#bytesDue, this.#joinsDue, this.#heartbeatsDue)
    if (due > since || (this.#refusals !== undefined && this.#refusals.at >= since)) return false
    return [...(this.#channelsDue?.values() ?? [])].every((each) => each <= since)
  }

  /** The earliest time at which a message that is read now may have been sent. */
  #since(now: number): number {
    return now - this.#lateness.lateMs(now)
  }

  #makeRoom(channelsDue: Map<string, number>, now: number): void {
    for (const [topic, due] of channelsDue) if (due <= now) channelsDue.delete(topic)
    for (const topic of channelsDue.keys()) {
      if (channelsDue.size <= MAX_COUNTED) return
      channelsDue.delete(topic)
    }
  }

  /** Takes note of a refusal. Whether it is one too many: the client has been at it for 5 s without a pause. */
  isFlooding(now: number): boolean {
    const refusals = this.#refused
    if (now - refusals.at > PAUSE_MS) refusals.floodingSince = now
    refusals.at = now
    return now - refusals.floodingSince >= FLOOD_MS
  }

  get #refused(): Refusals {
    this.#refusals ??= new Refusals()
    return this.#refusals
  }
}
