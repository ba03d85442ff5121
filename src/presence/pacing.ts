import type { Clock, Timer } from '../ground/clock.ts'
import type { Changes } from './diff.ts'
import type { RowList } from './rows.ts'
import { Untold } from './untold.ts'

/** So few subscribers are told each turn. */
const FEW = 10
/** A diff costs a write for each subscriber: so long for each of the others. */
const PER_SUBSCRIBER_MS = 2

export interface PacingInit {
  readonly clock: Clock
  /** The longest wait between two diffs of a topic; 0: none. */
  readonly diffMs: number
  /** The number of those on this node who would be told. */
  readonly subscribers: (topic: string) => number
  readonly tell: (topic: string, joins: RowList, leaves: RowList) => void
}

/** A topic that was told something a moment ago. */
interface Told {
  at: number
  timer: Timer
  /** The most subscribers that it has had since it was quiet: where all are cut off and come back, it stays as it was for them. */
  most: number
  readonly untold: Untold
}

/**
 * The times at which the clients of a topic are told its changes: the first at once, what follows in one diff, the later the
 * more subscribers there are. When thousands come back at the same time, each of them is told once in `diffMs`.
 */
export class Pacing {
  readonly #init: PacingInit
  readonly #topics = new Map<string, Told>()
  #isOver = false

  constructor(init: PacingInit) {
    this.#init = init
  }

  /** @param isSeen somebody looked at the topic while it changed */
  changed(topic: string, changes: Changes, isSeen: boolean): void {
    if (changes.empty) return
    const told = this.#topics.get(topic)
    if (told === undefined) return this.#tellAtOnce(topic, changes)
    told.untold.add(changes)
    if (isSeen) told.untold.looked()
  }

  /** Somebody has seen the topic as it is now. */
  looked(topic: string): void {
    this.#topics.get(topic)?.untold.looked()
  }

  /** From now on no timer is set: there is nobody any more who would be told. */
  end(): void {
    this.#isOver = true
    for (const { timer } of this.#topics.values()) timer.cancel()
    this.#topics.clear()
  }

  #tellAtOnce(topic: string, changes: Changes): void {
    const { clock, subscribers, tell } = this.#init
    const count = subscribers(topic)
    if (count === 0) return
    const waitMs = this.#waitMs(count)
    if (waitMs > 0 && !this.#isOver) {
      const timer = this.#startTimer(topic, waitMs)
      this.#topics.set(topic, { at: clock.now(), timer, most: count, untold: new Untold() })
    }
    tell(topic, changes.joins(), changes.leaves())
  }

  #startTimer(topic: string, ms: number): Timer {
    return this.#init.clock.setTimeout(() => this.#due(topic), ms)
  }

  #waitMs(subscribers: number): number {
    return Math.min(this.#init.diffMs, Math.max(0, subscribers - FEW) * PER_SUBSCRIBER_MS)
  }

  #due(topic: string): void {
    const told = this.#topics.get(topic)
    if (told === undefined) return
    const { clock, subscribers, tell } = this.#init
    const count = subscribers(topic)
    told.most = Math.max(told.most, count)
    // Others have come meanwhile, or the timer is early.
    const leftMs = told.at + this.#waitMs(told.most) - clock.now()
    if (count > 0 && leftMs > 0) told.timer = this.#startTimer(topic, leftMs)
    else if (count === 0 || told.untold.isEmpty) this.#topics.delete(topic)
    else {
      told.at = clock.now()
      told.timer = this.#startTimer(topic, this.#waitMs(told.most))
      const { joins, leaves } = told.untold.take()
      tell(topic, joins, leaves)
    }
  }
}
