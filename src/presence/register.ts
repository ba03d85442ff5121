import { randomInt } from 'node:crypto'
import type { ChannelOwner } from '../channel/outlet.ts'
import { checkFunction, checkString, readFields, refuseArgument } from '../ground/argument.ts'
import type { Clock } from '../ground/clock.ts'
import { systemClock } from '../ground/clock.ts'
import { berylError } from '../ground/errors.ts'
import type { Lane } from '../replication/lane.ts'
import { Announcer, type AtTurnEnd, type PresenceSink, type StateListener } from './announcer.ts'
import type { PresenceEntry, Presences } from './diff.ts'
import { type LateUpdate, LateUpdates } from './late-updates.ts'
import { Ledger } from './ledger.ts'
import { type GuardedLimit, LimitGuard } from './limits.ts'
import { type SaidMeta, takeMeta } from './meta.ts'
import { type PresenceOptions, type ResolvedPresenceOptions, resolvePresenceOptions } from './options.ts'
import { checkOwner, Owners } from './owners.ts'
import type { DiffListener, ListOptions, Meta, Presence, PresenceMetaOn, PresenceOwner } from './presence.ts'
import { refMaker } from './ref.ts'
import { makeRow, metaOf, type Row, trackedMeta } from './row.ts'
import { keyOf, subjectOf } from './subject.ts'
import { Tracker, type TrackerEvent } from './tracker.ts'
import { View } from './view.ts'

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
  /** Throws where the node has ended: nobody would ever be told. Default: it never ends. */
  readonly checkOpen?: () => void
  readonly report?: (event: PresenceEvent) => void
  readonly clock?: Clock
  /** Default: a turn of the clock. */
  readonly atTurnEnd?: AtTurnEnd
  readonly options?: PresenceOptions | ResolvedPresenceOptions
}

/**
 * The presences of this node and its view of the others. It outlives the process that talks to the other nodes: all methods
 * work while that process is restarted.
 */
export class PresenceRegister implements Presence {
  readonly #init: PresenceInit
  readonly #clock: Clock
  readonly #options: ResolvedPresenceOptions
  readonly #view: View
  readonly #limits: LimitGuard
  readonly #ledger = new Ledger()
  readonly #late: LateUpdates
  readonly #makeRef = refMaker()
  readonly #owners: Owners
  readonly #announcer: Announcer
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
    this.#late = new LateUpdates(this.#clock, {
      waitMs: (owner) => this.#waitMs(owner),
      send: (owner, update) => this.#sendLate(owner, update),
    })
    this.#owners = new Owners((owner) => this.end(owner))
    this.#view = new View(this.#options.limits.shownKeys, {
      changed: () => this.#announcer.soon(),
      looked: (topic) => this.#announcer.looked(topic),
    })
    this.#announcer = new Announcer({
      clock: this.#clock,
      view: this.#view,
      sink: init.sink,
      diffMs: this.#options.diffMs,
      atTurnEnd: init.atTurnEnd ?? ((tell) => void this.#clock.setImmediate(tell)),
      failed: (topic, error) => this.#report({ type: 'listener_failed', topic, error }),
    })
  }

  track(topic: string, key: string | number, meta: Meta, options: { owner: PresenceOwner }): string {
    const { owner, name } = subjectOf(this.#owners, topic, key, options)
    this.#init.checkOpen?.()
    this.#checkFree(owner, topic, name)
    const said = this.#take(topic, name, meta)
    this.#owners.watch(owner)
    // Code of the application ran: it may have ended the owner, or tracked the key itself.
    this.#owners.check(owner, topic, name)
    this.#checkFree(owner, topic, name)
    this.#limits.takeChange(this.#owners.of(owner), topic, name, this.#clock.now())
    const row = this.#makeRow(owner, topic, name, said, this.#makeRef())
    this.#ledger.put(owner, row)
    this.#view.add(row)
    this.#tracker?.track(row)
    return row.ref
  }

  update(
    topic: string,
    key: string | number,
    meta: Meta | ((current: Record<string, unknown>) => Meta),
    options: { owner: PresenceOwner },
  ): string {
    const { owner, name } = subjectOf(this.#owners, topic, key, options)
    this.#init.checkOpen?.()
    const before = this.#tracked(owner, topic, name)
    const said = this.#take(
      topic,
      name,
      typeof meta === 'function' ? meta(this.#lastSaid(owner, before)) : meta,
    )
    // Code of the application ran: it may have ended the owner, or updated the presence itself.
    this.#owners.check(owner, topic, name)
    this.#tracked(owner, topic, name)
    const ref = this.#late.get(owner, topic, name)?.ref ?? this.#makeRef()
    const update = { topic, key: name, said, ref }
    if (this.#waitMs(owner) > 0) this.#late.put(owner, update)
    else this.#sendLate(owner, update)
    return ref
  }

  /** Until this owner may make a change. */
  #waitMs(owner: object): number {
    return this.#limits.waitMs(this.#owners.of(owner), this.#clock.now())
  }

  /** The meta that was said last, also where the others have not been told. A copy. */
  #lastSaid(owner: object, row: Row): Record<string, unknown> {
    const late = this.#late.get(owner, row.topic, row.key)
    return late === undefined ? trackedMeta(row) : JSON.parse(late.said.json)
  }

  /** Tells an update that may be told now; all of them may at the end. */
  #sendLate(owner: object, { topic, key, said, ref }: LateUpdate): void {
    const old = this.#tracked(owner, topic, key)
    this.#late.forget(owner, topic, key)
    this.#limits.mayChange(this.#owners.of(owner), this.#clock.now())
    const row = this.#makeRow(owner, topic, key, said, ref, old.ref)
    this.#ledger.put(owner, row)
    this.#view.add(row)
    this.#view.remove(old)
    this.#tracker?.update(old, row)
  }

  untrack(topic: string, key: string | number, owner: PresenceOwner): void {
    checkString('presence.untrack', 'topic', topic)
    checkOwner('presence.untrack', owner)
    const name = keyOf('presence.untrack', key)
    const row = this.#ledger.take(owner, topic, name)
    this.#late.forget(owner, topic, name)
    if (row !== undefined) this.#remove(row)
  }

  untrackAll(owner: PresenceOwner): void {
    checkOwner('presence.untrackAll', owner)
    this.#removeAll(owner)
  }

  // The type of what is listed is what the application says of its own metas.
  list<T extends string>(topic: T, options?: ListOptions): Presences<PresenceMetaOn<T>>
  list(topic: string, options: ListOptions = {}): Presences<unknown> {
    checkString('presence.list', 'topic', topic)
    const { limit } = readFields(options) ?? refuseArgument('presence.list', 'options', 'an object', options)
    if (limit === undefined || (typeof limit === 'number' && limit >= 0)) return this.#view.list(topic, limit)
    return refuseArgument('presence.list', 'limit', 'a number from 0', limit)
  }

  get<T extends string>(topic: T, key: string | number): PresenceEntry<PresenceMetaOn<T>> | undefined
  get(topic: string, key: string | number): PresenceEntry<unknown> | undefined {
    checkString('presence.get', 'topic', topic)
    const metas = this.#view.get(topic, keyOf('presence.get', key)).map(metaOf)
    return metas.length === 0 ? undefined : { metas }
  }

  count(topic: string): number {
    checkString('presence.count', 'topic', topic)
    return this.#view.count(topic)
  }

  onDiff(listener: DiffListener): () => void {
    checkFunction('presence.onDiff', 'listener', listener)
    return this.#announcer.onDiff(listener)
  }

  /**
   * For a client that has joined: calls `tell` once, at the end of this turn and before its diffs. Some of these repeat
   * what the state has, as with Phoenix; clients know a presence again by its `phx_ref`.
   */
  newcomer(topic: string, tell: StateListener): void {
    this.#announcer.newcomer(topic, tell)
  }

  /** An owner has ended: its presences do too, and what it tries to track after that is refused. */
  end(owner: PresenceOwner): void {
    this.#owners.end(owner)
    this.#removeAll(owner)
  }

  /** This socket's channel will call {@link PresenceRegister.end}. */
  willEnd(owner: ChannelOwner): void {
    this.#owners.willTell(owner)
  }

  /** This node is about to stop, and its users will come back elsewhere: nobody is told who goes. */
  drain(): void {
    this.#draining = true
    this.#announcer.drain()
    this.#tracker?.drain()
  }

  /** @internal The tree has ended: nothing waits for its time any more, which would keep the Node process alive. */
  ended(): void {
    this.#late.sendAll()
    this.#announcer.end()
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
      size: () => this.#ledger.size,
      inherited: previous?.shown() ?? [],
    })
    if (this.#draining) this.#tracker.drain()
    return this.#tracker
  }

  /** The other nodes, as the process knows them. */
  peers(): ReturnType<Tracker['peers']> {
    return this.#tracker?.peers() ?? []
  }

  /** Lets the application say what it has to say: its code runs in here, and nowhere else. */
  #take(topic: string, key: string, meta: unknown): SaidMeta {
    const said = takeMeta(topic, key, meta)
    this.#limits.checkMeta(topic, key, said.json)
    this.#init.checkMeta?.(topic, said.value)
    return said
  }

  #makeRow(
    owner: object,
    topic: string,
    key: string,
    said: SaidMeta,
    ref: string,
    previousRef?: string,
  ): Row {
    const { json } = said
    return makeRow({ topic, key, owner: this.#ledger.idOf(owner), ref, previousRef, json })
  }

  /** @throws BERYL_ERR_PRESENCE_TRACKED, BERYL_ERR_PRESENCE_LIMIT */
  #checkFree(owner: object, topic: string, key: string): void {
    if (this.#ledger.get(owner, topic, key) !== undefined)
      throw berylError('BERYL_ERR_PRESENCE_TRACKED', key, topic)
    this.#limits.checkKeys(this.#ledger, owner, topic, key)
  }

  #tracked(owner: object, topic: string, key: string): Row {
    const row = this.#ledger.get(owner, topic, key)
    if (row === undefined) throw berylError('BERYL_ERR_PRESENCE_NOT_TRACKED', key, topic)
    return row
  }

  #removeAll(owner: PresenceOwner): void {
    this.#late.forgetAll(owner)
    for (const row of this.#ledger.takeAll(owner)) this.#remove(row)
  }

  #remove(row: Row): void {
    this.#view.remove(row)
    this.#tracker?.untrack(row)
  }

  #report(event: PresenceEvent): void {
    this.#init.report?.(event)
  }
}
