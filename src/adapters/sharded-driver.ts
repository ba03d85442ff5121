import type { Driver, Engine } from './driver.ts'

/**
 * The driver of an engine that spreads topics over several servers. Topics fall into partitions, each of which one server
 * has at a time; which one may change while it runs.
 */
export interface ShardedDriver extends Engine {
  /** The partition of a topic, from 0; `undefined` for one that every server carries. */
  partitionOf(topic: string): number | undefined
  /** The driver of one server, at an address that an {@link Owner} has. */
  at(address: string): Driver
  /** Makes a scout, which has not connected yet. */
  scout(): Scout
}

/** Tells which server has what, over a connection of its own. */
export interface Scout {
  /** Asks one server; after it has failed, the next one. */
  survey(): Promise<Layout>
  /** Gives up on the server that was asked. */
  giveUp(): void
  close(): void
}

/** The owner of each partition, as one server sees it; `undefined` where nobody has it. */
export type Layout = readonly (Owner | undefined)[]

export interface Owner {
  readonly address: string
  /** Higher than that of the former owner of the partition: so an older view is known for one. */
  readonly epoch: number
}
