import type { Timer } from '../ground/clock.ts'
import { berylError } from '../ground/errors.ts'
import { describe } from '../ground/foreign.ts'
import { Watch } from '../ground/watch.ts'
import { backOffMs } from './back-off.ts'
import type { Driver, Link } from './driver.ts'
import { Interest } from './interest.ts'
import type { Way, WayInit } from './way.ts'
import { within } from './within.ts'

/** One attempt to connect. */
export const CONNECT_MS = 5_000
/** A probe comes back within this, or the link is taken for deaf. */
export const PROBE_MS = 5_000
/** Silence of the engine after which it is probed. */
export const SILENCE_MS = 10_000
/** Its silence is looked at so often. */
const LOOK_MS = 1_000
/** After so many looks at which something was on its way it is probed, too: it may take nothing any more. */
const BEHIND_LOOKS = 2
/** Messages on their way may take so long when the adapter stops. */
const FLUSH_MS = 2_000

export interface UplinkInit extends WayInit {
  readonly driver: Driver
  /** Told where this is one of several: something was to be had at another server. */
  readonly elsewhere?: (() => void) | undefined
  /** The number of topics that are not heard though the link is up has left 0, or come back to it. */
  readonly unheard?: (() => void) | undefined
}

/**
 * The way to an engine over one link. It connects anew whenever a link is lost, and is up only
 * when all topics are subscribed to and a probe has come back.
 *
 *     connecting ──▶ subscribing ──▶ probing ──▶ up
 *      ▲    └──────────────┴─────────────┴────────┴──lost──▶ pausing
 *      └──────────────────────────────────────────────────────┘
 */
export class Uplink implements Way {
  readonly interest: Interest
  why: string | undefined
  /** Time that the last probe took. */
  roundTripMs: number | undefined
  readonly begun: Promise<void>
  readonly #init: UplinkInit
  readonly #watch: Watch
  /** Names the attempt, or the link that came of it. Aborted when that is over. */
  #attempt = new AbortController()
  #link: Link | undefined
  #isUp = false
  #isStopped = false
  #failures = 0
  #pause: Timer | undefined
  /** Something came since the last look; when something had come, by the watch. */
  #heard = false
  #heardAt = 0
  #isProbing = false
  /** Looks in a row at which the engine had not taken all that was handed over. */
  #behind = 0
  #begin: () => void = () => {}

  constructor(init: UplinkInit) {
    const { clock, tally } = init
    this.#init = init
    this.interest = new Interest(clock, {
      broke: (link, error) => {
        if (link === this.#link) this.#lost(this.#attempt, error)
      },
      resubscribed: (topics) => tally.resubscribed(topics),
      refused: (topics) => tally.refused(topics),
      unheard: () => init.unheard?.(),
    })
    this.begun = new Promise((resolve) => {
      this.#begin = resolve
    })
    this.#watch = new Watch(clock, LOOK_MS, (now) => this.#look(now))
    void this.#connect()
  }

  get status(): 'up' | 'down' {
    return this.#isUp ? 'up' : 'down'
  }

  get topics(): number {
    return this.interest.size
  }

  linkFor(): Link | undefined {
    return this.open
  }

  subscribe(topic: string): undefined | Promise<void> {
    return this.interest.subscribe(topic)
  }

  unsubscribe(topic: string): void {
    this.interest.unsubscribe(topic)
  }

  isDeaf(topic: string): boolean {
    return !this.#isUp || this.interest.isAdrift(topic)
  }

  /** The link, where messages may be handed to it. */
  get open(): Link | undefined {
    return this.#isUp ? this.#link : undefined
  }

  get error(): Error {
    const { name, address } = this.#init.driver
    return berylError('BERYL_ERR_BROKER', name, address, this.why ?? 'no answer')
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    const { clock } = this.#init
    const link = this.open
    this.#isUp = false
    this.#begin()
    this.#watch.stop()
    this.#pause?.cancel()
    this.interest.stop()
    if (link !== undefined) await within(clock, FLUSH_MS, 'the rest', link.flush()).catch(() => {})
    this.#attempt.abort()
    this.#link?.close()
    this.#link = undefined
  }

  /** Never rejects. */
  async #connect(): Promise<void> {
    const attempt = new AbortController()
    const { signal } = attempt
    this.#attempt = attempt
    try {
      const link = await this.#open(attempt)
      this.#link = link
      await this.interest.attach(link)
      if (signal.aborted) return
      await this.#probe(link)
      if (!signal.aborted) this.#up()
    } catch (error) {
      this.#lost(attempt, error)
    }
  }

  #open(attempt: AbortController): Promise<Link> {
    const { driver, node, clock, deliver, full, tally } = this.#init
    const { signal } = attempt
    const events = {
      arrived: (topic: string, bytes: Uint8Array): void => {
        this.#heard = true
        if (!signal.aborted && !this.#isStopped) deliver(topic, bytes)
      },
      dropped: (messages: number): void => tally.dropped(messages),
      full,
      lost: (error: unknown): void => this.#lost(attempt, error),
      revoked: (topic: string): void => {
        if (!signal.aborted) this.interest.revoked(topic)
      },
      elsewhere: (topic?: string): void => {
        if (signal.aborted) return
        if (topic !== undefined) this.interest.cast(topic)
        this.#init.elsewhere?.()
      },
    }
    const opening = driver.connect(node, events, signal).then((link) => {
      if (!signal.aborted) return link
      link.close()
      throw new Error('nobody waits for it any more')
    })
    return within(clock, CONNECT_MS, 'connecting', opening)
  }

  #up(): void {
    this.#isUp = true
    this.#failures = 0
    this.#heard = true
    this.#begin()
    this.#init.changed('up')
  }

  #lost(attempt: AbortController, error: unknown): void {
    if (attempt.signal.aborted || this.#isStopped) return
    attempt.abort()
    const { clock, chance, changed } = this.#init
    const [wasUp, link] = [this.#isUp, this.#link]
    this.why = reasonOf(error)
    this.#isUp = false
    this.#link = undefined
    this.interest.detach()
    link?.close()
    this.#pause = clock.setTimeout(() => void this.#connect(), backOffMs(this.#failures++, chance()))
    if (wasUp) changed('down', this.error)
  }

  // Alive but deaf

  #look(now: number): void {
    if (this.#heard) this.#heardAt = now
    this.#heard = false
    const link = this.open
    this.#behind = link !== undefined && link.pendingBytes > 0 ? this.#behind + 1 : 0
    const isSuspect = now - this.#heardAt >= SILENCE_MS || this.#behind > BEHIND_LOOKS
    if (link === undefined || this.#isProbing || !isSuspect) return
    this.#behind = 0
    const attempt = this.#attempt
    this.#probe(link).catch((error) => this.#lost(attempt, error))
  }

  async #probe(link: Link): Promise<void> {
    const { clock, tally } = this.#init
    const sentAt = clock.now()
    this.#isProbing = true
    try {
      await within(clock, PROBE_MS, 'a probe', link.probe())
      this.roundTripMs = clock.now() - sentAt
      tally.roundTrip(this.roundTripMs)
      this.#heard = true
    } finally {
      this.#isProbing = false
    }
  }
}

/** Where a name has several addresses, Node tells of them all, and says nothing itself. */
function reasonOf(error: unknown): string {
  return error instanceof AggregateError ? error.errors.map(describe).join(', ') : describe(error)
}
