import type { Timer } from '../ground/clock.ts'
import { berylError } from '../ground/errors.ts'
import { describe } from '../ground/foreign.ts'
import type { AdapterLinkStatus, AdapterStatus } from '../pubsub/adapter.ts'
import type { Link } from './driver.ts'
import { Interest } from './interest.ts'
import type { Layout, Owner, Scout, ShardedDriver } from './sharded-driver.ts'
import { Uplink } from './uplink.ts'
import type { Way, WayInit } from './way.ts'
import { within } from './within.ts'

/** The engine is asked so often who has what. */
export const SURVEY_MS = 2_000
/** The same, as long as something is out of reach. */
export const WORRIED_MS = 250
/** An answer to that may take so long. */
const ANSWER_MS = 2_000

export interface ShardsInit extends WayInit {
  readonly driver: ShardedDriver
}

/**
 * The way to an engine that spreads topics over servers: an {@link Uplink} to each owner of a partition, which connects anew and
 * probes for itself. Topics follow their partition to its next owner, with all who wait for them.
 *
 * The talk of nodes, which every server carries, goes over one of the links, the home, and moves on when that is lost.
 */
export class Shards implements Way {
  readonly begun: Promise<void>
  readonly #init: ShardsInit
  readonly #scout: Scout
  /** One for each owner, by address. */
  readonly #uplinks = new Map<string, Uplink>()
  /** Topics whose partition nobody has, or not that we know. */
  readonly #nowhere: Interest
  #layout: Layout = []
  /** Owners that have sent us elsewhere since the last survey. */
  readonly #doubted = new Set<string>()
  #home: string | undefined
  /** Why the last survey failed. */
  #surveyed: string | undefined = 'no answer'
  #told: AdapterStatus = 'down'
  #isSurveying = false
  #isHurried = false
  #isMoving = false
  #isStopped = false
  #timer: Timer | undefined
  #begin: () => void = () => {}

  constructor(init: ShardsInit) {
    this.#init = init
    this.#scout = init.driver.scout()
    this.#nowhere = new Interest(init.clock, { broke() {}, resubscribed() {}, refused() {} })
    this.begun = new Promise((resolve) => {
      this.#begin = resolve
    })
    void this.#survey()
  }

  get status(): AdapterStatus {
    const all = [...this.#uplinks.values()]
    if (!all.some(({ status }) => status === 'up')) return 'down'
    const isWhole = all.every(({ status, interest }) => status === 'up' && interest.unheard === 0)
    return isWhole && !this.#layout.includes(undefined) ? 'up' : 'partial'
  }

  get links(): readonly AdapterLinkStatus[] {
    return [...this.#uplinks].map(([address, { status, topics, roundTripMs }]) => ({
      address,
      status,
      topics,
      roundTripMs,
    }))
  }

  get topics(): number {
    return this.links.reduce((sum, { topics }) => sum + topics, this.#nowhere.size)
  }

  get why(): string | undefined {
    const down = [...this.#uplinks].filter(([, { status }]) => status === 'down')
    if (down.length > 0)
      return down.map(([address, { why = 'no answer' }]) => `${address}: ${why}`).join(', ')
    return this.#surveyed ?? 'topics have no server that takes them'
  }

  get error(): Error {
    const { name, address } = this.#init.driver
    return berylError('BERYL_ERR_BROKER', name, address, this.why ?? 'no answer')
  }

  linkFor(topic: string): Link | undefined {
    return this.#uplinkOf(topic)?.open
  }

  subscribe(topic: string): undefined | Promise<void> {
    return this.#interestOf(topic).subscribe(topic)
  }

  unsubscribe(topic: string): void {
    this.#interestOf(topic).unsubscribe(topic)
  }

  isDeaf(topic: string): boolean {
    return this.#uplinkOf(topic)?.isDeaf(topic) ?? true
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#timer?.cancel()
    this.#scout.close()
    this.#begin()
    this.#nowhere.stop()
    await Promise.all([...this.#uplinks.values()].map((uplink) => uplink.stop()))
  }

  // Which server has what

  #uplinkOf(topic: string): Uplink | undefined {
    const partition = this.#init.driver.partitionOf(topic)
    const address = partition === undefined ? this.#home : this.#layout[partition]?.address
    return address === undefined ? undefined : this.#uplinks.get(address)
  }

  #interestOf(topic: string): Interest {
    return this.#uplinkOf(topic)?.interest ?? this.#nowhere
  }

  /** Never rejects. */
  async #survey(): Promise<void> {
    const { clock } = this.#init
    this.#isSurveying = true
    this.#isHurried = false
    try {
      this.#take(await within(clock, ANSWER_MS, 'asking who has what', this.#scout.survey()))
      this.#surveyed = undefined
    } catch (error) {
      this.#scout.giveUp()
      this.#surveyed = describe(error)
    }
    this.#isSurveying = false
    if (this.#isStopped) return
    const isWell = this.status === 'up' && this.#surveyed === undefined
    this.#timer = clock.setTimeout(() => void this.#survey(), isWell ? SURVEY_MS : WORRIED_MS)
  }

  /** Something was elsewhere: it is looked at soon, once for all that is told in a while. */
  #hurry(): void {
    if (this.#isSurveying || this.#isHurried || this.#isStopped) return
    this.#isHurried = true
    this.#timer?.cancel()
    this.#timer = this.#init.clock.setTimeout(() => void this.#survey(), WORRIED_MS / 5)
  }

  #take(view: Layout): void {
    if (this.#isStopped) return
    this.#arrange(view.map((owner, partition) => this.#newer(owner, this.#layout[partition])))
    this.#doubted.clear()
    for (const { interest } of this.#uplinks.values()) interest.retry()
    this.#tell()
  }

  /** A server that was cut off, or has not heard of a change yet, has an older view. Where all are lost it may be another cluster. */
  #newer(seen: Owner | undefined, known: Owner | undefined): Owner | undefined {
    if (known === undefined || this.#doubted.has(known.address) || this.status === 'down') return seen
    return seen !== undefined && (seen.epoch > known.epoch || seen.address === known.address) ? seen : known
  }

  #arrange(layout: Layout): void {
    const owners = new Set(layout.flatMap((owner) => owner?.address ?? []))
    const [known, home] = [this.#layout, this.#home]
    this.#layout = layout
    for (const owner of owners) if (!this.#uplinks.has(owner)) this.#uplinks.set(owner, this.#uplinkTo(owner))
    const retired = [...this.#uplinks].filter(([address]) => !owners.has(address))
    if (this.#home !== undefined && !owners.has(this.#home)) this.#home = undefined
    this.#findHome()
    // Most surveys find what the last one found, and topics may be many.
    if (this.#home !== home || !hasSameOwners(layout, known)) this.#move()
    for (const [address, uplink] of retired) {
      this.#uplinks.delete(address)
      void uplink.stop()
    }
  }

  #uplinkTo(address: string): Uplink {
    const { driver, changed: _, ...init } = this.#init
    const uplink: Uplink = new Uplink({
      ...init,
      driver: driver.at(address),
      changed: (status) => this.#changed(status),
      elsewhere: () => {
        this.#doubted.add(address)
        this.#hurry()
      },
      unheard: () => this.#tell(uplink.interest.unheard === 0),
    })
    return uplink
  }

  #findHome(): void {
    const up = [...this.#uplinks].flatMap(([address, { status }]) => (status === 'up' ? address : []))
    if (this.#home !== undefined && (up.includes(this.#home) || up.length === 0)) return
    this.#home = up[Math.floor(this.#init.chance() * up.length)] ?? this.#home
  }

  /** Every topic goes to where it belongs now. */
  #move(): void {
    this.#isMoving = true
    const all = [this.#nowhere, ...[...this.#uplinks.values()].map(({ interest }) => interest)]
    for (const from of all) {
      const moved = from.release((topic) => this.#interestOf(topic) !== from)
      for (const [topic, wanted] of moved) this.#interestOf(topic).take(topic, wanted)
    }
    this.#isMoving = false
  }

  // Reports

  #changed(status: AdapterStatus): void {
    if (this.#isStopped) return
    if (status === 'down') this.#hurry()
    const home = this.#home
    this.#findHome()
    if (this.#home !== home) this.#move()
    this.#tell(status === 'up')
  }

  /** @param isMore more topics are heard than before */
  #tell(isMore = false): void {
    if (this.#isMoving || this.#isStopped) return
    const { status } = this
    if (status === this.#told && !(isMore && status === 'partial')) return
    this.#told = status
    if (status === 'up') this.#begin()
    this.#init.changed(status, status === 'up' ? undefined : this.error)
  }
}

function hasSameOwners(one: Layout, other: Layout): boolean {
  return (
    one.length === other.length &&
    one.every((owner, partition) => owner?.address === other[partition]?.address)
  )
}
