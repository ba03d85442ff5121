import { setTimeout as delay } from 'node:timers/promises'
import type { Connection, Target } from '../load/connection.ts'
import { closeCrowd, openCrowd } from '../load/crowd.ts'
import { NODES } from '../peers/catalog.ts'
import type { Memory } from '../peers/commands.ts'
import { rotated } from './bench-workload.ts'
import type { Place } from './cores.ts'
import type { Redis } from './redis.ts'
import { ServerProcess, totalUs } from './server.ts'

/** Clients that share the topics among them. */
const CLIENTS = 100
/** The broker is asked so often whether all topics are there, or gone; and for so long. */
const ASK_EVERY_MS = 50
const PATIENCE_MS = 10_000
/** The names of the topics at the broker. */
const CHANNELS = 'beryl:topic:bench:*'

/** The price of one topic for one node. */
export interface TopicCost {
  readonly joinUs: number
  readonly leaveUs: number
  /** On the heap and beside it, after garbage collection. */
  readonly bytes: number
}

/** One round: a node that is alone, one with a broker, and whether the broker saw every topic come and go. */
export interface InterestSample {
  readonly alone: TopicCost
  readonly connected: TopicCost
  /** Topics that the broker did not see come, or go. */
  readonly missed: number
}

export interface InterestOptions extends Place {
  readonly rounds: number
  readonly profileTo?: string | undefined
}

/**
 * All clients join their topics at the same time, each with one write, and are gone later. The same at a node that is alone
 * is taken off in the report: what is left is the interest.
 */
export async function benchInterest(
  topics: number,
  redis: Redis,
  { rounds, ...options }: InterestOptions,
): Promise<InterestSample[]> {
  const alone = new Seat(await ServerProcess.start({ peer: NODES.beryl, ...options }), topics, undefined)
  const connected = new Seat(
    await ServerProcess.start({ peer: NODES.beryl, ...options, brokerUrl: redis.url }),
    topics,
    redis,
  )
  const samples: InterestSample[] = []
  try {
    for (const seat of [alone, connected]) await seat.turn()
    for (let round = 0; round < rounds; round += 1) {
      const costs = new Map<Seat, TopicCost>()
      for (const seat of rotated([alone, connected], round)) costs.set(seat, await seat.turn())
      samples.push({
        alone: costOf(costs, alone),
        connected: costOf(costs, connected),
        missed: connected.missed,
      })
    }
  } finally {
    await Promise.all([alone.stop(), connected.stop()])
  }
  return samples
}

class Seat {
  missed = 0
  readonly #server: ServerProcess
  readonly #topics: number
  readonly #redis: Redis | undefined

  constructor(server: ServerProcess, topics: number, redis: Redis | undefined) {
    this.#server = server
    this.#topics = topics
    this.#redis = redis
  }

  async turn(): Promise<TopicCost> {
    const target: Target = { port: this.#server.port, dialects: NODES.beryl.dialects, topicPrefix: 'bench' }
    const crowd = await openCrowd(target, CLIENTS, { topicsOf: () => [] })
    try {
      await this.#server.quiet()
      const before = await this.#server.memory()
      const joinUs = await this.#spent(() => this.#join(crowd))
      const after = await this.#server.memory()
      const leaveUs = await this.#spent(() => this.#leave(crowd))
      return { joinUs, leaveUs, bytes: (bytesOf(after) - bytesOf(before)) / this.#topics }
    } finally {
      closeCrowd(crowd)
    }
  }

  stop(): Promise<void> {
    return this.#server.stop()
  }

  async #join(crowd: readonly Connection[]): Promise<void> {
    const each = this.#topics / CLIENTS
    await Promise.all(
      crowd.map((connection) =>
        connection.join(Array.from({ length: each }, (_, index) => `bench:${connection.index}-${index}`)),
      ),
    )
    await this.#seen(this.#topics)
  }

  async #leave(crowd: readonly Connection[]): Promise<void> {
    closeCrowd(crowd)
    await this.#seen(0)
  }

  /** Waits until the broker has so many topics; in vain, they count as missed. */
  async #seen(wanted: number): Promise<void> {
    if (this.#redis === undefined) return
    const until = performance.now() + PATIENCE_MS
    let there = await this.#redis.channels(CHANNELS)
    while (there !== wanted && performance.now() < until) {
      await delay(ASK_EVERY_MS)
      there = await this.#redis.channels(CHANNELS)
    }
    this.missed += Math.abs(wanted - there)
  }

  /** Microseconds of the server for each topic, until it is at rest again. */
  async #spent(act: () => Promise<void>): Promise<number> {
    await this.#server.quiet()
    const before = await this.#server.usage()
    await act()
    await this.#server.quiet()
    return (totalUs(await this.#server.usage()) - totalUs(before)) / this.#topics
  }
}

function bytesOf({ heapBytes, externalBytes }: Memory): number {
  return heapBytes + externalBytes
}

function costOf(costs: ReadonlyMap<Seat, TopicCost>, seat: Seat): TopicCost {
  const cost = costs.get(seat)
  if (cost === undefined) throw new Error('a node without a turn')
  return cost
}
