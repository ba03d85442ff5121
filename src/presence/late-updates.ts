import type { Clock, Timer } from '../ground/clock.ts'
import type { SaidMeta } from './meta.ts'

/** An update above the rate of its owner: the newest meta that was said, and the ref under which it goes out. */
export interface LateUpdate {
  readonly topic: string
  readonly key: string
  readonly said: SaidMeta
  readonly ref: string
}

/** The late updates of one owner, by {@link nameOf}. */
interface OwnersUpdates {
  readonly byName: Map<string, LateUpdate>
  timer: Timer
}

/** The demands of late updates on what holds the presences. */
export interface LateSink {
  /** The milliseconds until this owner may make a change. */
  waitMs(owner: object): number
  /** Makes the change, which may be made now. */
  send(owner: object, update: LateUpdate): void
}

/**
 * The updates that came too early: of each owner one for each key that it tracks, the newest. They go out in their order,
 * each when it may, and never once what they update is gone.
 */
export class LateUpdates {
  readonly #clock: Clock
  readonly #sink: LateSink
  readonly #owners = new Map<object, OwnersUpdates>()

  constructor(clock: Clock, sink: LateSink) {
    this.#clock = clock
    this.#sink = sink
  }

  get(owner: object, topic: string, key: string): LateUpdate | undefined {
    return this.#owners.get(owner)?.byName.get(nameOf(topic, key))
  }

  /** Takes the place of an earlier one for the same key, also in the order. */
  put(owner: object, update: LateUpdate): void {
    const updates = this.#owners.get(owner) ?? this.#open(owner)
    updates.byName.set(nameOf(update.topic, update.key), update)
  }

  /** It is told now, or what it updates is gone. */
  forget(owner: object, topic: string, key: string): void {
    const updates = this.#owners.get(owner)
    updates?.byName.delete(nameOf(topic, key))
    if (updates?.byName.size === 0) this.forgetAll(owner)
  }

  /** All that the owner tracked is gone. */
  forgetAll(owner: object): void {
    this.#owners.get(owner)?.timer.cancel()
    this.#owners.delete(owner)
  }

  /** Sends all of them, though they are early. */
  sendAll(): void {
    for (const [owner, { byName }] of [...this.#owners]) {
      this.forgetAll(owner)
      for (const update of byName.values()) this.#sink.send(owner, update)
    }
  }

  #open(owner: object): OwnersUpdates {
    const updates = { byName: new Map<string, LateUpdate>(), timer: this.#startTimer(owner) }
    this.#owners.set(owner, updates)
    return updates
  }

  #startTimer(owner: object): Timer {
    return this.#clock.setTimeout(() => this.#due(owner), this.#sink.waitMs(owner))
  }

  #due(owner: object): void {
    const updates = this.#owners.get(owner)
    const [first] = updates?.byName.values() ?? []
    if (updates === undefined || first === undefined) return
    if (this.#sink.waitMs(owner) === 0) {
      this.forget(owner, first.topic, first.key)
      this.#sink.send(owner, first)
    }
    // Sending may end the owner.
    if (this.#owners.get(owner) === updates) updates.timer = this.#startTimer(owner)
  }
}

/** A key may hold any character. */
function nameOf(topic: string, key: string): string {
  return `${topic.length} ${topic} ${key}`
}
