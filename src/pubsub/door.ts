import { readFields } from '../ground/argument.ts'
import type { Clock } from '../ground/clock.ts'
import { berylError } from '../ground/errors.ts'
import { promised } from '../ground/foreign.ts'
import type { AdapterCall, Telemetry } from '../ground/telemetry.ts'
import type { MaybePromise } from '../supervision/process.ts'
import type { AdapterCounts, AdapterLinkStatus, AdapterStatus, PubSubAdapter } from './adapter.ts'
import { Seen } from './seen.ts'

/** An adapter may take so long to stop. Shorter than a supervisor waits for the end, or for the next start. */
const STOP_MS = 4_000
/** So many of its connections are shown: a Redis Cluster has at most a thousand servers. */
const MAX_LINKS = 1_000

/** Nodes whose servers carry less than others take what those others may send. */
const LEAST_ARRIVAL_BYTES = 1_024 * 1_024

/** The user of each adapter: one that two nodes started would carry the messages of the last one alone. */
const users = new WeakMap<PubSubAdapter, AdapterDoor>()

/** Takes what comes from the adapter. */
export interface AdapterEvents {
  arrived(bytes: Uint8Array): void
  changed(status: AdapterStatus, error: unknown): void
}

/** The way to the other nodes. */
export interface PubSubReport extends AdapterCounts {
  /** Its name: `local`, `redis`, … */
  readonly adapter: string
  readonly status: AdapterStatus
  /** When it came to be so: wall-clock milliseconds. */
  readonly since: number
  /** Joins that were answered `ok` before the adapter had confirmed their topic: it was down, or took 2 s. */
  readonly unconfirmed: number
  /** Each of its connections, where it has one for each part of the topics: `redis({ sharded: true })`. */
  readonly links?: readonly AdapterLinkStatus[]
}

/**
 * The one way to the adapter, which is foreign code: it may throw, reject, never settle, and talk after its end. It
 * outlives the pubsub. Each start of that has a {@link AdapterLink} of its own, and of two links only one is open.
 */
export class AdapterDoor {
  /** The arrivals from other nodes: kept over a restart, since a broker does not know of it. */
  readonly seen = new Seen()
  readonly isSolo: boolean
  readonly name: string
  readonly adapter: PubSubAdapter
  readonly clock: Clock
  /** The stop of the former link, while it is at work. Never rejects. */
  stopping: Promise<StopFailure | undefined> | undefined
  /** The link that may use the adapter. */
  open: AdapterLink | undefined
  /** The joins that were answered before the adapter had confirmed their topic. */
  unconfirmed = 0
  /** Wall-clock time of the last change of {@link status}. */
  since: number
  readonly #telemetry: Telemetry
  /** The calls that fail at the moment: each is reported once, until it has worked again. */
  readonly #failing = new Set<AdapterCall>()

  constructor(adapter: PubSubAdapter, telemetry: Telemetry, clock: Clock) {
    this.adapter = adapter
    const { name, isSolo } = adapter
    this.name = String(name)
    this.isSolo = isSolo === true
    this.clock = clock
    this.since = clock.date()
    this.#telemetry = telemetry
  }

  get status(): AdapterStatus {
    try {
      const { status } = this.adapter
      // A promise may have been given, and reject.
      this.answered('status', typeof status === 'string' ? undefined : status)
      return statusOf(status)
    } catch (error) {
      this.failed('status', error)
      return 'down'
    }
  }

  /** True where a topic is out of reach: nobody has to wait for it. */
  isDeaf(topic: string): boolean {
    const { status } = this
    if (status !== 'partial') return status === 'down'
    try {
      const isDeaf = this.adapter.isDeaf?.(topic)
      this.answered('isDeaf', typeof isDeaf === 'boolean' ? undefined : isDeaf)
      return isDeaf === true
    } catch (error) {
      this.failed('isDeaf', error)
      return false
    }
  }

  /** The limit of a message; `Infinity` for an adapter that names none, or nothing that is one. */
  get maxMessageBytes(): number {
    const given = this.#read('maxMessageBytes')
    return typeof given === 'number' && given > 0 ? given : Number.POSITIVE_INFINITY
  }

  /** True for what no node has sent. */
  isTooLong(bytes: number): boolean {
    return bytes > LEAST_ARRIVAL_BYTES && bytes > this.maxMessageBytes
  }

  get counts(): AdapterCounts {
    const given = readFields(this.#read('counts')) ?? {}
    const count = (name: keyof AdapterCounts): number | undefined => {
      const value = given[name]
      return typeof value === 'number' && value >= 0 ? value : undefined
    }
    return {
      dropped: count('dropped') ?? 0,
      resubscribed: count('resubscribed') ?? 0,
      refused: count('refused') ?? 0,
      roundTripMs: count('roundTripMs'),
    }
  }

  get report(): PubSubReport {
    const { name, status, since, unconfirmed, counts, links } = this
    return { adapter: name, status, since, unconfirmed, ...counts, ...(links && { links }) }
  }

  /** `undefined` for an adapter that has one connection, or names nothing that are several. */
  get links(): AdapterLinkStatus[] | undefined {
    const given = this.#read('links')
    try {
      return Array.isArray(given) ? given.slice(0, MAX_LINKS).map(linkOf) : undefined
    } catch {
      return undefined
    }
  }

  #read(name: 'maxMessageBytes' | 'counts' | 'links'): unknown {
    try {
      return this.adapter[name]
    } catch {
      return undefined
    }
  }

  /** Takes what a call gave that nobody waits for: nothing, if all is well. */
  answered(call: AdapterCall, answer: unknown): void {
    if (answer === undefined) this.worked(call)
    else promised(answer)?.then(undefined, (error) => this.failed(call, error))
  }

  worked(call: AdapterCall): void {
    if (this.#failing.size > 0) this.#failing.delete(call)
  }

  failed(call: AdapterCall, error: unknown): void {
    if (this.#failing.has(call)) return
    this.#failing.add(call)
    this.#telemetry.emit('pubsub.failed', {}, { adapter: this.name, call, error })
  }

  /** Asks the adapter to stop. What is given settles when it has, has failed to, or has had its time. */
  stop(starting: Promise<unknown> | undefined): MaybePromise<StopFailure | undefined> {
    if (users.get(this.adapter) === this) users.delete(this.adapter)
    const stopped = this.#stopped()
    if (starting === undefined && !(stopped instanceof Promise)) return stopped
    const all = Promise.all([stopped, starting?.then(() => this.#stopLate())])
    const stopping = Promise.race([all.then(([failure]) => failure), this.#limit(all)])
    this.stopping = stopping
    void stopping.then(() => {
      if (this.stopping === stopping) this.stopping = undefined
    })
    return stopping
  }

  #limit(all: Promise<unknown>): Promise<StopFailure> {
    return new Promise((resolve) => {
      const timer = this.clock.setTimeout(
        () => resolve(this.#stopFailed(new Error(`the adapter has not stopped within ${STOP_MS} ms`))),
        STOP_MS,
      )
      void all.then(() => timer.cancel())
    })
  }

  /** A start that was given up on came to its end nevertheless. */
  #stopLate(): MaybePromise<StopFailure | undefined> {
    return this.open === undefined ? this.#stopped() : undefined
  }

  #stopped(): MaybePromise<StopFailure | undefined> {
    try {
      return promised(this.adapter.stop())?.then(
        () => undefined,
        (error) => this.#stopFailed(error),
      )
    } catch (error) {
      return this.#stopFailed(error)
    }
  }

  #stopFailed(error: unknown): StopFailure {
    this.#telemetry.emit('pubsub.failed', {}, { adapter: this.name, call: 'stop', error })
    return { error }
  }
}

function statusOf(given: unknown): AdapterStatus {
  return given === 'up' || given === 'partial' ? given : 'down'
}

function linkOf(given: unknown): AdapterLinkStatus {
  const { address, status, topics, roundTripMs } = readFields(given) ?? {}
  return {
    address: String(address),
    status: status === 'up' ? 'up' : 'down',
    topics: typeof topics === 'number' ? topics : 0,
    roundTripMs: typeof roundTripMs === 'number' ? roundTripMs : undefined,
  }
}

/** Why an adapter did not stop as it should. */
export interface StopFailure {
  readonly error: unknown
}

/** One start of the adapter, and what is asked of it until its stop. After that every call does nothing. */
export class AdapterLink {
  readonly #door: AdapterDoor
  #isClosed = false
  /** Settles with the start; never rejects. */
  #starting: Promise<unknown> | undefined

  constructor(door: AdapterDoor) {
    this.#door = door
  }

  /** Starts the adapter, when the former stop of it is over. @throws what the adapter throws, or rejects with it */
  start(node: string, events: AdapterEvents): undefined | Promise<void> {
    const { stopping } = this.#door
    return stopping === undefined ? this.#start(node, events) : stopping.then(() => this.#start(node, events))
  }

  publish(topic: string, bytes: Uint8Array): void {
    if (this.#isClosed) return
    const door = this.#door
    try {
      door.answered('publish', door.adapter.publish(topic, bytes))
    } catch (error) {
      door.failed('publish', error)
    }
  }

  /** A throw of the adapter becomes a promise that rejects. */
  subscribe(topic: string): undefined | Promise<void> {
    if (this.#isClosed) return undefined
    try {
      return promised(this.#door.adapter.subscribe(topic)) as undefined | Promise<void>
    } catch (error) {
      return Promise.reject(error)
    }
  }

  unsubscribe(topic: string): void {
    if (this.#isClosed) return
    const door = this.#door
    try {
      door.answered('unsubscribe', door.adapter.unsubscribe(topic))
    } catch (error) {
      door.failed('unsubscribe', error)
    }
  }

  /** Stops the adapter, once. */
  close(): MaybePromise<StopFailure | undefined> {
    const door = this.#door
    if (this.#isClosed) return door.stopping
    this.#isClosed = true
    if (door.open !== this) return undefined
    door.open = undefined
    return door.stop(this.#starting)
  }

  #start(node: string, { arrived, changed }: AdapterEvents): undefined | Promise<void> {
    if (this.#isClosed) throw berylError('BERYL_ERR_ASKED_TO_END', 'pubsub', 'shutdown')
    const door = this.#door
    const { adapter, name, isSolo } = door
    const user = users.get(adapter)
    if (!isSolo && user !== undefined && user !== door)
      throw berylError('BERYL_ERR_ALREADY_STARTED', `${name}, the adapter of another node or publisher`)
    users.set(adapter, door)
    door.open = this
    const starting = promised(
      door.adapter.start(
        node,
        (_topic, bytes) => this.#isClosed || arrived(bytes),
        (status, error) => this.#isClosed || changed(statusOf(status), error),
      ),
    )
    if (starting === undefined) return undefined
    this.#starting = starting.then(
      () => {
        this.#starting = undefined
      },
      () => {
        this.#starting = undefined
      },
    )
    return starting.then(() => {})
  }
}
