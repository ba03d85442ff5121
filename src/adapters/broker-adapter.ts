import { type Clock, systemClock } from '../ground/clock.ts'
import { berylError } from '../ground/errors.ts'
import type {
  AdapterCounts,
  AdapterLinkStatus,
  AdapterStatus,
  Deliver,
  PubSubAdapter,
  ReportStatus,
} from '../pubsub/adapter.ts'
import { BrokerLog } from './broker-log.ts'
import type { BrokerOptions } from './broker-options.ts'
import type { Driver } from './driver.ts'
import type { ShardedDriver } from './sharded-driver.ts'
import { Shards } from './shards.ts'
import { Tally } from './tally.ts'
import { Uplink } from './uplink.ts'
import type { Way, WayInit } from './way.ts'
import { within } from './within.ts'

const ADVICE =
  'start it, correct the address or the credentials, or set startDegraded: true to begin without it'

/** Bytes on their way to the engine. Above: messages are dropped, and counted. */
export const MAX_PENDING_BYTES = 32 * 1_024 * 1_024

/**
 * The adapter of every broker: it subscribes only to topics that this node wants, in batches; reconnects, and asks for all
 * topics again; notices an engine that is alive but deaf; counts what is lost. Only the driver knows the engine.
 */
export class BrokerAdapter implements PubSubAdapter {
  readonly name: string
  readonly connectTimeoutMs: number
  readonly log?: BrokerLog
  readonly #driver: Driver | ShardedDriver
  readonly #startDegraded: boolean
  readonly #clock: Clock
  readonly #chance: () => number
  readonly #tally = new Tally()
  #way: Way | undefined
  /** Once it was up: a restart does without the engine, too. */
  #wasUp = false

  constructor(
    driver: Driver | ShardedDriver,
    options: BrokerOptions,
    clock: Clock = systemClock,
    chance: () => number = Math.random,
  ) {
    this.name = driver.name
    this.connectTimeoutMs = options.connectTimeoutMs
    this.#driver = driver
    this.#startDegraded = options.startDegraded
    this.#clock = clock
    this.#chance = chance
    const { decodeLogged: decode } = driver
    const address = `${driver.name} at ${driver.address}`
    if (decode !== undefined)
      this.log = new BrokerLog({ clock, link: (topic) => this.#way?.linkFor(topic), decode, address })
  }

  get status(): AdapterStatus {
    return this.#way?.status ?? 'down'
  }

  get counts(): AdapterCounts {
    return this.#tally.counts
  }

  get maxMessageBytes(): number {
    return this.#driver.maxMessageBytes
  }

  /** Topics at the engine, or on their way there and back. */
  get topicCount(): number {
    return this.#way?.topics ?? 0
  }

  get links(): readonly AdapterLinkStatus[] | undefined {
    return this.#way?.links
  }

  async start(node: string, deliver: Deliver, report: ReportStatus): Promise<void> {
    let isStarting = true
    const way = wayTo(this.#driver, {
      node,
      clock: this.#clock,
      tally: this.#tally,
      deliver: (topic, bytes) => {
        if (this.log?.arrived(topic, bytes) !== true) deliver(topic, bytes)
      },
      full: () => this.log?.full(),
      chance: this.#chance,
      changed: (status, error) => {
        // Each of several links comes up for itself.
        if (isStarting && status === 'partial') return
        this.#wasUp ||= status === 'up'
        report(status, error)
      },
    })
    this.#way = way
    try {
      await within(this.#clock, this.connectTimeoutMs, 'it', way.begun)
    } catch {
      if (!this.#startDegraded && !this.#wasUp) throw this.#outOfReach(way.why)
      report(way.status, way.error)
    } finally {
      isStarting = false
    }
  }

  publish(topic: string, bytes: Uint8Array): void {
    const link = this.#way?.linkFor(topic)
    if (link === undefined || link.pendingBytes > MAX_PENDING_BYTES) this.#tally.dropped(1)
    else link.publish(topic, bytes)
  }

  subscribe(topic: string): undefined | Promise<void> {
    return this.#way?.subscribe(topic)
  }

  unsubscribe(topic: string): void {
    this.#way?.unsubscribe(topic)
  }

  isDeaf(topic: string): boolean {
    return this.#way?.isDeaf(topic) ?? true
  }

  async stop(): Promise<void> {
    const way = this.#way
    this.#way = undefined
    await way?.stop()
  }

  #outOfReach(why = 'no answer'): Error {
    const { name, address, advice = ADVICE } = this.#driver
    return berylError(
      'BERYL_ERR_BROKER',
      name,
      address,
      `out of reach for ${this.connectTimeoutMs} ms (${why}): ${advice}`,
    )
  }
}

function wayTo(driver: Driver | ShardedDriver, init: WayInit): Way {
  return 'scout' in driver ? new Shards({ ...init, driver }) : new Uplink({ ...init, driver })
}
