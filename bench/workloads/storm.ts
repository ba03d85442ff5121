import type { Connection, Target } from '../load/connection.ts'
import { closeCrowd, openCrowd } from '../load/crowd.ts'
import { noFaults } from '../load/ledger.ts'
import { Latencies } from '../measure/latencies.ts'
import type { Bout, Outcome } from './workload.ts'

/** So many handshakes are under way at once: fewer than the kernel holds for a server, more than a server takes in a turn. */
const WINDOW = 1_000

/** The clients of a storm, and the topics to which they come back. */
export interface StormSize {
  readonly clients: number
  /** Clients that share a topic, which join one after the other with the clients of all other topics between them. */
  readonly perTopic: number
}

/** Clients that come back, all at the same time, to a server that knows none of them; one operation is a client that has joined. */
export class StormBout implements Bout {
  readonly #target: Target
  readonly #size: StormSize
  #crowd: readonly Connection[] = []

  constructor(target: Target, size: StormSize) {
    this.#target = target
    this.#size = size
  }

  /** Until all have joined: the size, not the time, bounds a run. @throws where a join fails */
  async run(): Promise<Outcome> {
    const { clients, perTopic } = this.#size
    const topics = Math.ceil(clients / perTopic)
    const latencies = new Latencies()
    this.#crowd = await openCrowd(this.#target, clients, {
      topicsOf: (index) => [`${this.#target.topicPrefix}:${index % topics}`],
      onJoined: (elapsedMs) => latencies.add(elapsedMs),
      window: WINDOW,
    })
    return { operations: clients, latencies, faults: noFaults() }
  }

  close(): void {
    closeCrowd(this.#crowd)
    this.#crowd = []
  }
}
