import { addressAt, letGo, type RedisClient, type RedisPlace } from './redis-client.ts'
import { SLOTS } from './redis-partitions.ts'
import type { Layout, Owner, Scout } from './sharded-driver.ts'

/** So often one server is asked, then the next: one that was cut off does not know it, and would be believed for ever. */
const ASKED_OF_ONE = 5

/** Slots and the server that has them. */
interface Range {
  readonly from: number
  readonly to: number
  readonly owner: RedisPlace
  readonly id: string
}

/** Asks the servers of a Redis Cluster, one after the other, which has what. */
export class RedisScout implements Scout {
  readonly #makeClient: (place: RedisPlace) => RedisClient
  readonly #seeds: readonly RedisPlace[]
  /** The masters, as the last answer named them. */
  #masters: readonly RedisPlace[] = []
  #next = 0
  #asked = 0
  #client: RedisClient | undefined
  #place: RedisPlace | undefined
  #isClosed = false

  constructor(makeClient: (place: RedisPlace) => RedisClient, seeds: readonly RedisPlace[]) {
    this.#makeClient = makeClient
    this.#seeds = seeds
  }

  async survey(): Promise<Layout> {
    const client = this.#client ?? (await this.#connect())
    const place = this.#place as RedisPlace
    // Only the one has the addresses that clients are to take, only the other the epochs.
    const [slots, nodes] = await Promise.all([
      client.sendCommand(['CLUSTER', 'SLOTS']),
      client.sendCommand(['CLUSTER', 'NODES']),
    ])
    const ranges = rangesOf(slots, place)
    this.#masters = [...new Map(ranges.map(({ owner }) => [addressAt(owner), owner])).values()]
    if (++this.#asked >= ASKED_OF_ONE) this.giveUp()
    const epochs = epochsOf(String(nodes))
    return SLOTS.map((slot) => ownerOf(slot, ranges, epochs))
  }

  giveUp(): void {
    const client = this.#client
    this.#client = undefined
    this.#asked = 0
    if (client !== undefined) letGo(client)
  }

  close(): void {
    this.#isClosed = true
    this.giveUp()
  }

  async #connect(): Promise<RedisClient> {
    if (this.#isClosed) throw new Error('closed')
    // The seeds stay in the round: all masters that were named may have gone at once.
    const all = [...this.#masters, ...this.#seeds]
    const place = all[this.#next++ % all.length] as RedisPlace
    const client = this.#makeClient(place)
    // The promises tell what goes wrong, too; without a listener it would end the process.
    client.on('error', () => {})
    this.#client = client
    this.#place = place
    await client.connect()
    return client
  }
}

function ownerOf(
  slot: number,
  ranges: readonly Range[],
  epochs: ReadonlyMap<string, number>,
): Owner | undefined {
  const range = ranges.find(({ from, to }) => slot >= from && slot <= to)
  return range && { address: addressAt(range.owner), epoch: epochs.get(range.id) ?? 0 }
}

/** The epoch of each server, by its id: the seventh word of its line. */
function epochsOf(nodes: string): Map<string, number> {
  const lines = nodes.split('\n').map((line) => line.split(' '))
  return new Map(lines.map(([id = '', , , , , , epoch]) => [id, Number(epoch ?? 0)]))
}

/** The answer to `CLUSTER SLOTS`. A server that does not know its own name leaves it out: it is where we reached it. */
function rangesOf(answer: unknown, { host: here }: RedisPlace): Range[] {
  if (!Array.isArray(answer)) throw new TypeError('CLUSTER SLOTS gave no list')
  return answer.map((range: unknown) => {
    const [from, to, master] = Array.isArray(range) ? range : []
    const [host, port, id] = Array.isArray(master) ? master : []
    const isNamed = host !== null && host !== undefined && !['', '?'].includes(String(host))
    const owner = { host: isNamed ? String(host) : here, port: Number(port) }
    if (![from, to, owner.port].every(Number.isSafeInteger))
      throw new TypeError('CLUSTER SLOTS gave no slots')
    return { from, to, owner, id: String(id) }
  })
}
