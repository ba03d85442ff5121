import type { Connection, Target } from '../load/connection.ts'
import { closeCrowd, openCrowd } from '../load/crowd.ts'
import { noFaults } from '../load/ledger.ts'
import { Latencies } from '../measure/latencies.ts'
import type { Bout, Outcome, Workload } from './workload.ts'

/** A tenth of a run's size warms the server up. */
const WARM_SHARE = 10

/** Opens connections that each join a topic of their own; one operation is TCP, upgrade and join together. */
export function joins({ id, title, size }: { id: string; title: string; size: number }): Workload {
  return { id, title, unit: 'join', connections: size, open: async (target) => new JoinBout(target, size) }
}

class JoinBout implements Bout {
  readonly #target: Target
  readonly #size: number
  #crowd: readonly Connection[] = []
  #warm = false

  constructor(target: Target, size: number) {
    this.#target = target
    this.#size = size
  }

  /** The first run is smaller: it warms up. The size, not the time, bounds a run. @throws where a join fails */
  async run(): Promise<Outcome> {
    const size = this.#warm ? this.#size : Math.ceil(this.#size / WARM_SHARE)
    this.#warm = true
    const latencies = new Latencies()
    this.#crowd = await openCrowd(this.#target, size, {
      topicsOf: (index) => [`${this.#target.topicPrefix}:${index}`],
      onJoined: (elapsedMs) => latencies.add(elapsedMs),
    })
    return { operations: this.#crowd.length, latencies, faults: noFaults() }
  }

  rest(): void {
    closeCrowd(this.#crowd)
    this.#crowd = []
  }

  close(): void {
    this.rest()
  }
}
