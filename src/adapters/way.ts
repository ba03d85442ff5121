import type { Clock } from '../ground/clock.ts'
import type { AdapterLinkStatus, AdapterStatus } from '../pubsub/adapter.ts'
import type { Link } from './driver.ts'
import type { Tally } from './tally.ts'

/** The way to an engine, from the start of an adapter to its stop: over one link, or over one to each of its shards. */
export interface Way {
  /** Resolves when it is up for the first time, and when it is stopped before that. */
  readonly begun: Promise<void>
  readonly status: AdapterStatus
  /** Why it is not up. Made anew: an error of a client may hold its options, and with them credentials. */
  readonly error: Error
  /** The same, in a few words. */
  readonly why: string | undefined
  /** Topics at the engine, or on their way there and back. */
  readonly topics: number
  /** Where there are several links: what became of each. */
  readonly links?: readonly AdapterLinkStatus[]

  /** The link of a topic, where messages may be handed to it. */
  linkFor(topic: string): Link | undefined
  /** Gives a promise where the engine has not confirmed: pending while it is out of reach. */
  subscribe(topic: string): undefined | Promise<void>
  unsubscribe(topic: string): void
  /** True where a topic is out of reach. */
  isDeaf(topic: string): boolean
  /** Sends what is on its way, and ends it all. */
  stop(): Promise<void>
}

export interface WayInit {
  readonly node: string
  readonly clock: Clock
  readonly tally: Tally
  readonly deliver: (topic: string, bytes: Uint8Array) => void
  /** All logs had as many bytes as they may. */
  readonly full: () => void
  readonly changed: (status: AdapterStatus, error?: unknown) => void
  /** From 0 to 1. */
  readonly chance: () => number
}
