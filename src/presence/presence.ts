import { randomInt } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'
import { berylError, show } from '../errors.ts'
import type { PresenceDiff, PresenceEntry, Presences } from './diff.ts'
import type { Lane } from './lane.ts'
import { Ledger } from './ledger.ts'
import { type GuardedLimit, LimitGuard } from './limits.ts'
import { type PresenceOptions, type ResolvedPresenceOptions, resolvePresenceOptions } from './options.ts'
import { refMaker } from './ref.ts'
import { makeRow, type Row, trackedMeta } from './row.ts'
import { Tracker, type TrackerEvent } from './tracker.ts'
import { type Batch, View } from './view.ts'

/** A channel's socket, as far as presence knows it: what it tracks ends with the channel. */
export interface ChannelOwner {
  readonly id: string
  readonly topic: string
}

/** Whose end ends a presence. */
export type PresenceOwner = AbortSignal | ChannelOwner

/** What is said of a presence: a JSON object, without the names `phx_ref` and `phx_ref_prev`. */
export type Meta = object

/** Takes the changes of one topic, of this node and of the others, in their order. */
export type DiffListener = (topic: string, diff: PresenceDiff) => void

/** Takes the whole of a topic, as clients see it: `presence_state`, as JSON text. */
export type StateListener = (json: string) => void

/** Where diffs go: what presence asks of the local pubsub. */
export interface PresenceSink {
  /** Whether anybody on this node is subscribed to a topic: nothing is made for nobody. */
  subscribed(topic: string): boolean
  /** Sends one `presence_diff` to the local subscribers. Each node tells its own. */
  diff(topic: string, diff: PresenceDiff): void
}

export type PresenceEvent =
  | TrackerEvent
  /** A listener of `onDiff`, or the sink, threw. The others were called nevertheless. */
  | { readonly type: 'listener_failed'; readonly topic: string; readonly error: unknown }
  /** An owner wanted more than it may: it was refused with BERYL_ERR_PRESENCE_LIMIT. */
  | { readonly type: 'limit_reached'; readonly limit: GuardedLimit }

export interface PresenceInit {
  /** Opens the lane to the other nodes; called at each start of the tracker. */
  readonly lane: () => Lane
  readonly sink: PresenceSink
  /** Throws where the channel that owns the topic declares another kind of meta. Default: all are welcome. */
  readonly checkMeta?: (topic: string, meta: Meta) => void
  readonly report?: (event: PresenceEvent) => void
  readonly clock?: Clock
  readonly options?: PresenceOptions | ResolvedPresenceOptions
}

/**
 * Who is where: `fastify.presence`. It outlives the process that talks to the other nodes, which is started with
 * {@link Presence.start} as a permanent child of a supervisor; all methods work while that process is restarted.
 */
export class Presence {
  readonly #init: PresenceInit
  readonly #clock: Clock
  readonly #options: ResolvedPresenceOptions
  readonly #view: View
  readonly #limits: LimitGuard
  readonly #ledger = new Ledger()
  readonly #makeRef = refMaker()
  readonly #listeners = new Set<DiffListener>()
  readonly #watched = new WeakSet<AbortSignal>()
  readonly #ended = new WeakSet<object>()
  /** Topic → who is to be told the whole of it at the end of this turn. */
  readonly #newcomers = new Map<string, StateListener[]>()
  #isScheduled = false
  #tracker: Tracker | undefined
  #generation = 0
  #draining = false

  constructor(init: PresenceInit) {
    this.#init = init
    this.#clock = init.clock ?? systemClock
    this.#options = resolvePresenceOptions(init.options)
    this.#limits = new LimitGuard(this.#options.limits, (limit) =>
      this.#report({ type: 'limit_reached', limit }),
    )
    this.#view = new View(this.#options.limits.shownKeys, () => this.#tellSoon())
  }

  /**
   * Says that `key` is on `topic`, until it is untracked or its owner ends.
   *
   * @param key a number becomes a string
   * @param meta a JSON object of at most 4 KiB as text
   * @returns the `phx_ref` of this presence
   * @throws BERYL_ERR_PRESENCE_TRACKED where this owner tracks the key on this topic already;
   *   BERYL_ERR_PRESENCE_OWNER_ENDED; BERYL_ERR_PRESENCE_INVALID; BERYL_ERR_PRESENCE_LIMIT
   */
  track(topic: string, key: string | number, meta: Meta, { owner }: { owner: PresenceOwner }): string {
    const name = String(key)
    this.#checkOwner(owner, topic, name)
    if (this.#ledger.get(owner, topic, name) !== undefined)
      throw berylError('BERYL_ERR_PRESENCE_TRACKED', name, topic)
    this.#limits.checkKeys(this.#ledger, owner, topic, name)
    const row = this.#makeRow(owner, topic, name, meta)
    this.#ledger.put(owner, row)
    this.#watch(owner)
    this.#view.add(row)
    this.#tracker?.track(row)
    return row.meta.phx_ref
  }

  /**
   * Replaces what is said of a presence, in one diff: the key never disappears.
   *
   * @param meta the new meta, or a function that makes it from the current one
   * @returns the new `phx_ref`
   * @throws BERYL_ERR_PRESENCE_NOT_TRACKED where this owner does not track the key on this topic; otherwise as `track`
   */
  update(
    topic: string,
    key: string | number,
    meta: Meta | ((current: Record<string, unknown>) => Meta),
    { owner }: { owner: PresenceOwner },
  ): string {
    const name = String(key)
    this.#checkOwner(owner, topic, name)
    const old = this.#ledger.get(owner, topic, name)
    if (old === undefined) throw berylError('BERYL_ERR_PRESENCE_NOT_TRACKED', name, topic)
    const row = this.#makeRow(owner, topic, name, next(meta, old), old.meta.phx_ref)
    this.#ledger.put(owner, row)
    this.#view.add(row)
    this.#view.remove(old)
    this.#tracker?.update(old, row)
    return row.meta.phx_ref
  }

  /** Ends a presence. Does nothing where this owner does not track the key on this topic. */
  untrack(topic: string, key: string | number, owner: PresenceOwner): void {
    const row = this.#ledger.take(owner, topic, String(key))
    if (row !== undefined) this.#remove(row)
  }

  /** Ends all presences of an owner. */
  untrackAll(owner: PresenceOwner): void {
    for (const row of this.#ledger.takeAll(owner)) this.#remove(row)
  }

  /** Everybody on a topic, on every node; with a `limit`, the keys that came first. Synchronous, from memory. */
  list(topic: string, { limit }: { limit?: number } = {}): Presences {
    return this.#view.list(topic, limit)
  }

  /** One key of a topic; `undefined` where it is not there. */
  get(topic: string, key: string | number): PresenceEntry | undefined {
    const metas = this.#view.get(topic, String(key)).map((row) => row.meta)
    return metas.length === 0 ? undefined : { metas }
  }

  /** How many keys are on a topic, on every node. O(1). */
  count(topic: string): number {
    return this.#view.count(topic)
  }

  /**
   * Calls `listener` with every change, at the end of the turn of the event loop in which it happened. What it throws
   * is reported and harms nobody.
   *
   * @returns a function that ends it
   */
  onDiff(listener: DiffListener): () => void {
    // Wrapped, so that one function which is added twice is called twice and removed once.
    const entry: DiffListener = (topic, diff) => listener(topic, diff)
    this.#listeners.add(entry)
    return () => void this.#listeners.delete(entry)
  }

  /**
   * For a client that has joined: calls `tell` once, at the end of this turn and before its diffs. Some of these repeat
   * what the state has, as with Phoenix; clients know a presence again by its `phx_ref`.
   */
  newcomer(topic: string, tell: StateListener): void {
    const others = this.#newcomers.get(topic)
    if (others === undefined) this.#newcomers.set(topic, [tell])
    else others.push(tell)
    this.#tellSoon()
  }

  /** An owner has ended: its presences do too, and what it tries to track after that is refused. */
  end(owner: PresenceOwner): void {
    this.#ended.add(owner)
    this.untrackAll(owner)
  }

  /** This node is about to stop, and its users will come back elsewhere: the others are not told who goes. */
  drain(): void {
    this.#draining = true
    this.#tracker?.drain()
  }

  /**
   * Starts the process that talks to the other nodes: the `start` of a permanent child spec. A restart tells everybody
   * again who is here, with the same refs, and goes on showing who is there: neither clients nor nodes notice.
   */
  start(): Tracker {
    const previous = this.#tracker
    previous?.kill()
    this.#generation = Math.max(this.#generation + 1, this.#clock.date())
    this.#tracker = new Tracker({
      lane: this.#init.lane(),
      clock: this.#clock,
      timing: this.#options,
      handoffMs: this.#options.handoffMs,
      // The wall clock only saves a round trip: a node whose generation the others hold to be past takes a higher one.
      incarnation: { generation: this.#generation, nonce: randomInt(2 ** 32) },
      visible: this.#view,
      report: (event) => this.#report(event),
      rows: this.#ledger.rows(),
      inherited: previous?.shown() ?? [],
    })
    if (this.#draining) this.#tracker.drain()
    return this.#tracker
  }

  /** What the process knows of the other nodes. */
  peers(): ReturnType<Tracker['peers']> {
    return this.#tracker?.peers() ?? []
  }

  #makeRow(owner: object, topic: string, key: string, meta: Meta, previousRef?: string): Row {
    const json = toJson(topic, key, meta)
    this.#limits.checkMeta(topic, key, json)
    this.#init.checkMeta?.(topic, meta)
    this.#limits.takeChange(owner, topic, key, this.#clock.now())
    return makeRow({ topic, key, owner: this.#ledger.idOf(owner), ref: this.#makeRef(), previousRef, json })
  }

  #checkOwner(owner: PresenceOwner, topic: unknown, key: string): void {
    if (typeof topic !== 'string') refuse(key, String(topic), 'topic', 'a string', topic)
    if (typeof owner !== 'object' || owner === null)
      refuse(key, topic, 'owner', "an AbortSignal or a channel's socket", owner)
    if (this.#ended.has(owner) || (owner instanceof AbortSignal && owner.aborted))
      throw berylError('BERYL_ERR_PRESENCE_OWNER_ENDED', key, topic)
  }

  #watch(owner: PresenceOwner): void {
    if (!(owner instanceof AbortSignal) || this.#watched.has(owner)) return
    this.#watched.add(owner)
    owner.addEventListener('abort', () => this.untrackAll(owner), { once: true })
  }

  #remove(row: Row): void {
    this.#view.remove(row)
    this.#tracker?.untrack(row)
  }

  #tellSoon(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#clock.setImmediate(() => this.#tell())
  }

  #tell(): void {
    this.#isScheduled = false
    const batches = this.#view.take()
    const newcomers = [...this.#newcomers]
    this.#newcomers.clear()
    for (const [topic, tells] of newcomers) this.#tellState(topic, tells)
    for (const batch of batches) this.#tellBatch(batch)
  }

  /** Encoded once, for all who come to a topic in one turn. */
  #tellState(topic: string, tells: readonly StateListener[]): void {
    this.#try(topic, () => {
      // Throws where an application lets metas be nested too deeply.
      const json = JSON.stringify(this.#view.shown(topic))
      for (const tell of tells) this.#try(topic, () => tell(json))
    })
  }

  #tellBatch({ topic, all, shown }: Batch): void {
    const { sink } = this.#init
    this.#try(topic, () => {
      if (!shown.empty && sink.subscribed(topic)) sink.diff(topic, shown.toDiff())
    })
    if (this.#listeners.size === 0 || all.empty) return
    const diff = all.toDiff()
    for (const listener of [...this.#listeners]) this.#try(topic, () => listener(topic, diff))
  }

  #try(topic: string, call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#report({ type: 'listener_failed', topic, error })
    }
  }

  #report(event: PresenceEvent): void {
    this.#init.report?.(event)
  }
}

function next(meta: Meta | ((current: Record<string, unknown>) => Meta), old: Row): Meta {
  return typeof meta === 'function' ? meta(trackedMeta(old)) : meta
}

function toJson(topic: string, key: string, meta: Meta): string {
  const wanted = 'a JSON object'
  if (typeof meta !== 'object' || meta === null) refuse(key, topic, 'meta', wanted, meta)
  for (const name of ['phx_ref', 'phx_ref_prev'])
    if (Object.hasOwn(meta, name)) refuse(key, topic, 'meta', `no field '${name}', which is reserved`, name)
  const json = stringify(topic, key, meta)
  if (json === undefined || !json.startsWith('{')) refuse(key, topic, 'meta', wanted, meta)
  return json
}

function stringify(topic: string, key: string, meta: Meta): string | undefined {
  try {
    return JSON.stringify(meta)
  } catch (cause) {
    throw berylError('BERYL_ERR_PRESENCE_INVALID', key, topic, 'meta', 'a JSON object', show(meta), { cause })
  }
}

function refuse(key: string, topic: string, field: string, wanted: string, got: unknown): never {
  throw berylError('BERYL_ERR_PRESENCE_INVALID', key, topic, field, wanted, show(got))
}
