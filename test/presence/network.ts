import type { Clock, Timer } from '../../src/ground/clock.ts'
import type { PresenceDiff, Presences } from '../../src/presence/diff.ts'
import type { PresenceOptions } from '../../src/presence/options.ts'
import { type PresenceEvent, PresenceRegister } from '../../src/presence/register.ts'
import type { Tracker } from '../../src/presence/tracker.ts'
import type { Lane, LaneListener } from '../../src/replication/lane.ts'
import { PubSubOf } from '../replication/pubsub-lanes.ts'

/** A clock that moves only when told, and then at once: thousands of runs need one without promises. */
export class ManualClock implements Clock {
  #now = 0
  /** The wall clock of people: may jump. */
  wall = Date.UTC(2026, 0, 1)
  readonly #timers = new Set<{ at: number; run: () => void }>()
  #immediates: (() => void)[] = []

  now(): number {
    return this.#now
  }

  date(): number {
    return this.wall + this.#now
  }

  setTimeout(run: () => void, ms: number): Timer {
    const timer = { at: this.#now + ms, run }
    this.#timers.add(timer)
    return { cancel: () => void this.#timers.delete(timer) }
  }

  setInterval(run: () => void, ms: number): Timer {
    const again = (): void => {
      timer = this.setTimeout(again, ms)
      run()
    }
    let timer = this.setTimeout(again, ms)
    return { cancel: () => timer.cancel() }
  }

  setImmediate(run: () => void): Timer {
    const entry = (): void => run()
    this.#immediates.push(entry)
    const cancel = (): void => {
      this.#immediates = this.#immediates.filter((other) => other !== entry)
    }
    return { cancel }
  }

  get pending(): number {
    return this.#timers.size + this.#immediates.length
  }

  /** Ends the turn: runs what waits for it. */
  turn(): void {
    for (const run of this.#immediates.splice(0)) run()
  }

  /** The process stands still for so long, then goes on: every timer that was due runs once. */
  freeze(ms: number): void {
    this.#now += ms
    for (const timer of [...this.#timers].sort((a, b) => a.at - b.at)) {
      if (timer.at > this.#now || !this.#timers.delete(timer)) continue
      timer.run()
      this.turn()
    }
  }

  advance(ms: number): void {
    const until = this.#now + ms
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#now = Math.max(this.#now, due.at)
      this.#timers.delete(due)
      due.run()
      this.turn()
    }
    this.#now = until
  }
}

interface Packet {
  readonly from: string
  readonly to: string
  readonly bytes: Uint8Array
}

/** A network in memory that loses, delays, doubles, reorders and parts only as the test says. */
export class Network {
  readonly #listeners = new Map<string, LaneListener>()
  readonly #cut = new Set<string>()
  readonly queue: Packet[] = []
  /** True where the nodes talk by a pubsub each, which may crash; else by the packets themselves. */
  readonly hasPubSub: boolean
  bytesSent = 0

  constructor(hasPubSub = false) {
    this.hasPubSub = hasPubSub
  }

  lane(node: string): Lane {
    return {
      node,
      publish: (bytes) => {
        for (const to of this.#listeners.keys()) if (to !== node) this.#post(node, to, bytes)
      },
      send: (to, bytes) => this.#post(node, to, bytes),
      listen: (listener) => {
        this.#listeners.set(node, listener)
        return () => {
          if (this.#listeners.get(node) === listener) this.#listeners.delete(node)
        }
      },
    }
  }

  #post(from: string, to: string, bytes: Uint8Array): void {
    this.bytesSent += bytes.length
    if (!this.#cut.has(pair(from, to))) this.queue.push({ from, to, bytes })
  }

  part(a: string, b: string): void {
    this.#cut.add(pair(a, b))
  }

  heal(): void {
    this.#cut.clear()
  }

  /** Delivers one of the waiting messages: any, so messages overtake each other. */
  deliver(index: number): void {
    const [packet] = this.queue.splice(index % Math.max(1, this.queue.length), 1)
    if (packet !== undefined) this.hand(packet)
  }

  lose(index: number): void {
    this.queue.splice(index % Math.max(1, this.queue.length), 1)
  }

  double(index: number): void {
    const packet = this.queue[index % Math.max(1, this.queue.length)]
    if (packet !== undefined) this.queue.push(packet)
  }

  hand({ from, to, bytes }: Packet): void {
    if (!this.#cut.has(pair(from, to))) this.#listeners.get(to)?.(from, bytes)
  }

  /** Delivers what waits, and what comes of it, in order. */
  deliverAll(): void {
    for (let left = 100_000; this.queue.length > 0; left--) {
      if (left === 0) throw new Error('the network never falls silent')
      this.deliver(0)
    }
  }
}

function pair(a: string, b: string): string {
  return [a, b].sort().join(' ')
}

export interface Owner {
  readonly id: string
  readonly topic: string
}

interface Latecomer {
  readonly topic: string
  /** Until it has the state, it is told nothing. */
  refs: Set<string> | undefined
}

export function refsIn(presences: Presences): string[] {
  return Object.values(presences).flatMap(({ metas }) => metas.map(({ phx_ref }) => phx_ref))
}

/** As many as are told of several turns in one diff, where that is not switched off. */
const CROWD = 1_000

/** One node with its owners, and clients that believe only what they are told. */
export class TestNode {
  readonly name: string
  readonly presence: PresenceRegister
  readonly events: PresenceEvent[] = []
  readonly told: [topic: string, diff: PresenceDiff][] = []
  /** The knowledge of a client that has heard every `presence_diff` from the start: topic → ref → meta. */
  readonly client = new Map<string, Map<string, string>>()
  /** Clients that have joined on the way. */
  readonly latecomers: Latecomer[] = []
  readonly failures: string[] = []
  /** Each diff is told in its turn: it is then exact for whoever has heard all of them. */
  readonly #isExact: boolean
  readonly #clock: ManualClock
  readonly #pubsub: PubSubOf
  #tracker: Tracker

  constructor(
    name: string,
    network: Network,
    clock: ManualClock,
    { diffMs = 0, ...options }: PresenceOptions,
    checkMeta: () => void = () => {},
  ) {
    this.name = name
    this.#isExact = diffMs === 0
    this.#clock = clock
    this.#pubsub = new PubSubOf(name, network, clock)
    this.presence = new PresenceRegister({
      lane: () => (network.hasPubSub ? this.#pubsub.lane('presence') : network.lane(name)),
      sink: { subscribers: () => CROWD, diff: (topic, { text }) => this.#hear(topic, JSON.parse(text)) },
      report: (event) => this.events.push(event),
      clock,
      options: { ...options, diffMs },
      checkMeta,
    })
    this.#tracker = this.presence.start()
  }

  /** A client joins. */
  join(topic: string): void {
    const latecomer: Latecomer = { topic, refs: undefined }
    this.latecomers.push(latecomer)
    this.presence.newcomer(topic, ({ text }) => {
      latecomer.refs = new Set(refsIn(JSON.parse(text)))
    })
  }

  /** The keys that a client is told of that joins now. */
  shown(topic: string): string[] {
    let keys: string[] = []
    this.presence.newcomer(topic, ({ text }) => {
      keys = Object.keys(JSON.parse(text))
    })
    this.#clock.turn()
    return keys
  }

  // P9, word for word: leaves were there, joins were not.
  #hear(topic: string, diff: PresenceDiff): void {
    this.told.push([topic, diff])
    for (const { topic: joined, refs } of this.latecomers) {
      if (joined !== topic) continue
      // As clients do: what is known is known, what is not there cannot leave.
      for (const ref of refsIn(diff.joins)) refs?.add(ref)
      for (const ref of refsIn(diff.leaves)) refs?.delete(ref)
    }
    const known = this.client.get(topic) ?? new Map<string, string>()
    this.client.set(topic, known)
    if (Object.keys(diff.joins).length + Object.keys(diff.leaves).length === 0)
      this.failures.push('empty diff')
    for (const [key, { metas }] of Object.entries(diff.leaves))
      for (const meta of metas)
        if (!known.delete(meta.phx_ref) && this.#isExact)
          this.failures.push(`${key}: a leave of what was not there`)
    for (const [key, { metas }] of Object.entries(diff.joins))
      for (const meta of metas) {
        if (known.has(meta.phx_ref) && this.#isExact) this.failures.push(`${key}: a join of what was there`)
        known.set(meta.phx_ref, JSON.stringify([key, meta]))
      }
  }

  /** Everything visible, as sorted lines. */
  lines(topics: Iterable<string>): string[] {
    return [...topics].flatMap((topic) => linesOf(topic, this.presence.list(topic))).sort()
  }

  clientLines(topics: Iterable<string>): string[] {
    return [...topics]
      .flatMap((topic) => [...(this.client.get(topic)?.values() ?? [])].map((line) => `${topic} ${line}`))
      .sort()
  }

  get ignored(): number {
    return this.#tracker.ignored
  }

  /** True while its process lives: one that has ended takes no part any more. */
  get isRunning(): boolean {
    return this.#tracker.isRunning
  }

  /** Its process crashes and is started again. */
  crash(): void {
    this.#tracker.kill()
    this.#tracker = this.presence.start()
  }

  /** The pubsub crashes, and takes its process along. */
  crashPubSub(): void {
    this.#tracker.kill()
    this.#pubsub.crash()
    this.crash()
  }

  /** It ends without a goodbye. */
  kill(): void {
    this.#tracker.kill()
    this.#pubsub.kill()
  }

  /** It ends with a goodbye. */
  stop(): void {
    this.#tracker.shutdown('shutdown')
  }
}

export function linesOf(topic: string, list: ReturnType<PresenceRegister['list']>): string[] {
  return Object.entries(list).flatMap(([key, { metas }]) =>
    metas.map((meta) => `${topic} ${JSON.stringify([key, meta])}`),
  )
}
