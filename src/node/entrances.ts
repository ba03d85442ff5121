import type { CompiledChannel } from '../channel/definition.ts'
import { refuseOption } from '../ground/option-checks.ts'
import type { OpenWay } from '../transport/entrance.ts'

/** A path at which clients come in. */
export interface EntranceStatus {
  /** As phoenix.js wants it: without `/websocket`, behind the prefix of the scope. */
  readonly path: string
  /** The clients that came in here, and are connected. */
  readonly connections: number
}

/** The contract of an entrance: for those who describe it to others. */
export interface EntranceContract {
  readonly hasConnect: boolean
  readonly hasRenew: boolean
  readonly hasLongPoll: boolean
  /** The channels that can be joined here, as they are now. */
  channels(): readonly CompiledChannel[]
}

interface Opened {
  readonly contract: EntranceContract
  readonly way: OpenWay
}

/** The entrances of a node, in the order in which they were opened. */
export class Entrances {
  readonly #ways = new Map<string, Opened>()

  get status(): EntranceStatus[] {
    return Array.from(this.#ways, ([path, { way }]) => ({ path, connections: way.connections }))
  }

  /** By their paths. */
  get contracts(): ReadonlyMap<string, EntranceContract> {
    return new Map(Array.from(this.#ways, ([path, { contract }]) => [path, contract]))
  }

  /** @throws `BERYL_ERR_OPTION_INVALID` where another entrance has this path */
  async open(path: string, contract: EntranceContract, way: () => Promise<OpenWay>): Promise<void> {
    if (this.#ways.has(path)) {
      const others = [...this.#ways.keys()].join(', ')
      refuseOption(
        'path',
        `a path, with the prefix of its scope, that no other entrance has (${others})`,
        path,
      )
    }
    this.#ways.set(path, { contract, way: CLOSED })
    this.#ways.set(path, { contract, way: await way() })
  }
}

const CLOSED: OpenWay = { connections: 0 }
