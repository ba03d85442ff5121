import type { Connection, Target } from '../load/connection.ts'
import { closeCrowd, openCrowd } from '../load/crowd.ts'
import { type Peer, targetAt } from '../peers/catalog.ts'
import type { Memory } from '../peers/commands.ts'
import type { Place } from './cores.ts'
import { ServerProcess } from './server.ts'

/** The price of one more of something for the server's process after garbage collection, in bytes. */
export interface Cost {
  /** Without V8's young generation. */
  readonly residentBytes: number
  readonly heapBytes: number
  readonly externalBytes: number
}

export interface MemorySample {
  /** Per idle connection with one joined topic. */
  readonly perConnection: Cost
  /** Per further topic joined by the same connections. */
  readonly perTopic: Cost
}

export interface MemorySize {
  readonly connections: number
  /** Further topics that each connection joins in the second step. */
  readonly furtherTopics: number
  /** Done with connections before their memory is measured. @default nothing */
  readonly use?: (crowd: readonly Connection[]) => Promise<void>
}

/** The part of the measured size that is opened before measuring, and stays: it makes what is made once, and compiles what joins need. */
const BASE_SHARE = 0.5
/** So many connections are opened, and used, in turn: what all of it takes for a while is taken again, and not once more for all. */
const STEP = 250

/**
 * Takes a fresh server with a base of connections, and measures twice: after `connections` more have joined a topic
 * each, and after each of those has joined further topics. Every topic has one subscriber: the dearest case.
 */
export async function benchMemory(peer: Peer, size: MemorySize, place: Place): Promise<MemorySample> {
  const server = await ServerProcess.start({ peer, ...place })
  const target = targetAt(server.port, peer)
  const open: Connection[] = []
  const add = async (count: number, name: string): Promise<Connection[]> => {
    const crowd: Connection[] = []
    const step = size.use === undefined ? count : STEP
    for (let from = 0; from < count; from += step) {
      const topicsOf = (index: number) => [topic(target, name, from + index)]
      const some = await openCrowd(target, Math.min(step, count - from), { topicsOf })
      open.push(...some)
      crowd.push(...some)
      await size.use?.(some)
    }
    return crowd
  }
  try {
    const base = await add(size.connections * BASE_SHARE, 'base')
    await joinFurther(base, target, size.furtherTopics)
    const before = await restedMemory(server)
    const crowd = await add(size.connections, 'more')
    const connected = await restedMemory(server)
    await joinFurther(crowd, target, size.furtherTopics)
    const joined = await restedMemory(server)
    return {
      perConnection: cost(before, connected, size.connections),
      perTopic: cost(connected, joined, size.connections * size.furtherTopics),
    }
  } finally {
    closeCrowd(open)
    await server.stop()
  }
}

async function restedMemory(server: ServerProcess): Promise<Memory> {
  await server.quiet()
  return server.memory()
}

async function joinFurther(crowd: readonly Connection[], target: Target, count: number): Promise<void> {
  for (const connection of crowd) {
    const first = connection.topics[0] ?? target.topicPrefix
    await connection.join(Array.from({ length: count }, (_, index) => `${first}-${index}`))
  }
}

function topic({ topicPrefix }: Target, crowd: string, index: number): string {
  return `${topicPrefix}:${crowd}-${index}`
}

function cost(before: Memory, after: Memory, count: number): Cost {
  return {
    residentBytes: (oldBytes(after) - oldBytes(before)) / count,
    heapBytes: (after.heapBytes - before.heapBytes) / count,
    externalBytes: (after.externalBytes - before.externalBytes) / count,
  }
}

/** The young generation has its full size only after a long rush: what it grew meanwhile is no cost of a connection. */
function oldBytes({ residentBytes, youngBytes }: Memory): number {
  return residentBytes - youngBytes
}
