import type { PubSubLog } from './log.ts'

/**
 * An engine that carries bytes between nodes, as the pubsub sees it. It knows nothing of channels: topics are opaque
 * names, messages opaque bytes, and local delivery never goes through it.
 *
 * An adapter may lose messages, and may deliver its own echo, duplicates or foreign bytes: the pubsub sorts that out.
 * It keeps the order of what one node published on one topic. What it throws, or rejects with, is reported as
 * `pubsub.failed` and ends nothing, but for `start` (the start fails) and `subscribe` (the join is refused).
 *
 * Started, stopped, and where the pubsub restarts, started again: after `stop` has settled, or has taken 4 s.
 */
export interface PubSubAdapter {
  /** For logs and status: `local`, `redis`, … */
  readonly name: string

  /** There is no other node and will be none: nothing is encoded for `publish`. @default false */
  readonly isSolo?: boolean | undefined

  /**
   * The longest message that `publish` carries, in bytes: a longer one is refused where it is sent. What comes, and is longer than
   * this and than 1 MiB, no node has sent: it is ignored. @default no limit
   */
  readonly maxMessageBytes?: number | undefined

  /**
   * The time that `start` takes at the most, in milliseconds. The plugin is refused where Fastify's `pluginTimeout` is not
   * a second longer. @default unknown
   */
  readonly connectTimeoutMs?: number | undefined

  /** Counts since the adapter was made: for `channels.status()` and for metrics. @default nothing */
  readonly counts?: AdapterCounts | undefined

  /** The connections, where it has several that live and die apart: for `channels.status()` and for metrics. @default nothing */
  readonly links?: readonly AdapterLinkStatus[] | undefined

  /** The logs of topics, where the engine keeps any: without it a channel may not declare a `history`. @default none */
  readonly log?: PubSubLog | undefined

  /**
   * Connects. Rejects where that fails for good; from then on the adapter reconnects by itself and says so through
   * `report`.
   *
   * @param node This node: unique among all nodes and over restarts.
   * @param deliver Takes every message of a subscribed topic.
   * @param report Told of every change of {@link PubSubAdapter.status}.
   */
  start(node: string, deliver: Deliver, report: ReportStatus): void | Promise<void>

  /** Sends to every node that subscribes to the topic. Fire and forget: what cannot be sent now is dropped. */
  publish(topic: string, bytes: Uint8Array): void

  /**
   * Resolves when the engine has confirmed: what is published elsewhere after that arrives here. Stays pending while the
   * engine is out of reach; the pubsub waits 2 s, and not at all while the adapter is `down`, or `isDeaf` to the topic. Rejects
   * where the engine says no: that topic is asked for again by the next who joins, and when more topics are heard again.
   */
  subscribe(topic: string): void | Promise<void>

  unsubscribe(topic: string): void

  readonly status: AdapterStatus

  /** Asked where the status is `partial`: true for a topic that is out of reach. @default false */
  readonly isDeaf?: ((topic: string) => boolean) | undefined

  /**
   * Sends what is on its way, then disconnects. `deliver` is not called any more. Also called while a `start` is pending
   * that took too long, and once more where that succeeds after all.
   */
  stop(): void | Promise<void>
}

/** The counts only ever rise. */
export interface AdapterCounts {
  /** Messages that were not sent: the engine was out of reach, or too far behind. */
  readonly dropped: number
  /** Topics that were subscribed to again after the engine had been out of reach. */
  readonly resubscribed: number
  /** Subscriptions to which the engine said no. */
  readonly refused: number
  /** Milliseconds that the last probe took to the engine and back; `undefined` before the first one. */
  readonly roundTripMs: number | undefined
}

export type Deliver = (topic: string, bytes: Uint8Array) => void

/**
 * `down`: the engine is out of reach, messages are dropped and the adapter tries again by itself. `partial`: so it is for some
 * topics, while others are heard; it is reported once more whenever more of them are heard again.
 */
export type AdapterStatus = 'up' | 'partial' | 'down'

/** One connection of an adapter that has several. */
export interface AdapterLinkStatus {
  /** Where it leads to, without credentials. */
  readonly address: string
  readonly status: 'up' | 'down'
  /** The topics for which this node listens there. */
  readonly topics: number
  /** Milliseconds that its last probe took; `undefined` before the first one. */
  readonly roundTripMs: number | undefined
}

export type ReportStatus = (status: AdapterStatus, error?: unknown) => void
