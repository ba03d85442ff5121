import { refuseOption } from '../ground/option-checks.ts'
import type { OpenWay } from '../transport/entrance.ts'

/** A path at which clients come in. */
export interface EntranceStatus {
  /** As phoenix.js wants it: without `/websocket`, behind the prefix of the scope. */
  readonly path: string
  /** The clients that came in here, and are connected. */
  readonly connections: number
}

/** The entrances of a node, in the order in which they were opened. */
export class Entrances {
  readonly #ways = new Map<string, OpenWay>()

  get status(): EntranceStatus[] {
    return Array.from(this.#ways, ([path, { connections }]) => ({ path, connections }))
  }

  /** @throws `BERYL_ERR_OPTION_INVALID` where another entrance has this path */
  async open(path: string, way: () => Promise<OpenWay>): Promise<void> {
    if (this.#ways.has(path)) {
      const others = [...this.#ways.keys()].join(', ')
      refuseOption(
        'path',
        `a path, with the prefix of its scope, that no other entrance has (${others})`,
        path,
      )
    }
    this.#ways.set(path, CLOSED)
    this.#ways.set(path, await way())
  }
}

const CLOSED: OpenWay = { connections: 0 }
