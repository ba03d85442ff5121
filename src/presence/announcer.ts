import type { Clock } from '../ground/clock.ts'
import { tell } from '../ground/foreign.ts'
import type { JsonText } from '../protocol/message.ts'
import { diffText } from './diff.ts'
import { Pacing } from './pacing.ts'
import type { DiffListener } from './presence.ts'
import type { RowList } from './rows.ts'
import { States } from './states.ts'
import type { Batch, View } from './view.ts'

/** Takes the whole of a topic, as clients see it: `presence_state`. */
export type StateListener = (state: JsonText) => void

/** Where diffs go: what presence asks of the local pubsub. */
export interface PresenceSink {
  /** The number of subscribers of a topic on this node who are told of presences: nothing is made for nobody. */
  subscribers(topic: string): number
  /** Sends one `presence_diff` to the local subscribers. Each node tells its own. */
  diff(topic: string, diff: JsonText): void
}

/** Calls `tell` behind the I/O of this turn, and no sooner; what it sends may then leave with what others sent in the turn. */
export type AtTurnEnd = (tell: () => void) => void

export interface AnnouncerInit {
  readonly clock: Clock
  readonly view: View
  readonly sink: PresenceSink
  /** The longest wait between two diffs of one topic. */
  readonly diffMs: number
  readonly atTurnEnd: AtTurnEnd
  /** A listener, or the sink, failed. */
  readonly failed: (topic: string, error: unknown) => void
}

/** Tells this node what has changed: the server's own listeners at the end of each turn, clients when their topic is due. */
export class Announcer {
  readonly #init: AnnouncerInit
  readonly #listeners = new Set<DiffListener>()
  /** Topic → who is to be told the whole of it at the end of this turn. Those who join in one turn. */
  readonly #newcomers = new Map<string, StateListener[]>()
  readonly #pacing: Pacing
  readonly #states: States
  #isScheduled = false
  #isDraining = false

  constructor(init: AnnouncerInit) {
    const { clock, diffMs, sink, view } = init
    this.#init = init
    this.#states = new States(clock, (topic) => view.shown(topic))
    this.#pacing = new Pacing({
      clock,
      diffMs,
      subscribers: (topic) => sink.subscribers(topic),
      tell: (topic, joins, leaves) => this.#try(topic, () => this.#tellClients(topic, joins, leaves)),
    })
  }

  /** @returns a function that ends it */
  onDiff(listener: DiffListener): () => void {
    // Wrapped, so that one function which is added twice is called twice and removed once.
    const entry: DiffListener = (topic, diff) => listener(topic, diff)
    this.#listeners.add(entry)
    return () => void this.#listeners.delete(entry)
  }

  newcomer(topic: string, listener: StateListener): void {
    const others = this.#newcomers.get(topic)
    if (others === undefined) this.#newcomers.set(topic, [listener])
    else others.push(listener)
    this.soon()
  }

  /** From now on clients see nobody go: who is closed by a drain comes back elsewhere. The server's own listeners do. */
  drain(): void {
    this.#isDraining = true
  }

  /** Somebody has read a topic. */
  looked(topic: string): void {
    this.#pacing.looked(topic)
  }

  /** All clients are gone: no timer is left. */
  end(): void {
    this.#pacing.end()
    this.#states.end()
  }

  /** There is something to tell. */
  soon(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#init.atTurnEnd(() => this.#tell())
  }

  #tell(): void {
    this.#isScheduled = false
    const batches = this.#init.view.take()
    const newcomers = [...this.#newcomers]
    this.#newcomers.clear()
    for (const { topic, shown } of batches) if (!shown.empty) this.#states.changed(topic)
    for (const [topic, listeners] of newcomers) this.#tellState(topic, listeners)
    for (const batch of batches) this.#tellBatch(batch)
    // They have seen what is still to be told to the others.
    for (const [topic] of newcomers) this.#pacing.looked(topic)
  }

  /** Encoded once, for all who come to a topic in one turn, and to a large one in several. */
  #tellState(topic: string, listeners: readonly StateListener[]): void {
    this.#try(topic, () => {
      const state = this.#states.of(topic)
      for (const listener of listeners) this.#try(topic, () => listener(state))
    })
  }

  #tellBatch({ topic, all, shown, observed }: Batch): void {
    this.#pacing.changed(topic, shown, observed)
    if (all.empty) return
    // A diff for each: who changes it changes nothing for others.
    for (const listener of [...this.#listeners]) this.#try(topic, () => listener(topic, all.toDiff()))
  }

  #tellClients(topic: string, joins: RowList, leaves: RowList): void {
    const { sink } = this.#init
    if (!this.#isDraining) return sink.diff(topic, diffText(joins, leaves))
    const [comes] = joins
    if (comes !== undefined) sink.diff(topic, diffText(joins, []))
  }

  #try(topic: string, call: () => unknown): void {
    tell(call, (error) => this.#init.failed(topic, error))
  }
}
