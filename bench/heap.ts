import { rmSync } from 'node:fs'
import type { Ground } from './compare.ts'
import { closeCrowd, openCrowd } from './load/crowd.ts'
import { growthPerThing, type Kind, type KindGrowth, readKinds } from './measure/heap-snapshot.ts'
import { ServerProcess } from './measure/server.ts'
import type { Options } from './options.ts'
import type { Peer } from './peers/catalog.ts'
import { markdown, number } from './report/table.ts'

const CONNECTIONS = 1_000
const FURTHER_TOPICS = 5

/** Prints what a connection with one topic, and a further topic, keep alive on a peer's heap. */
export async function heap({ peers, peersChosen }: Options, { pinned }: Ground): Promise<void> {
  for (const peer of peers) {
    if (peersChosen || peer.name === 'beryl') await breakDown(peer, pinned)
  }
}

async function breakDown(peer: Peer, pinned: boolean): Promise<void> {
  const server = await ServerProcess.start({ peer, pinned })
  const target = { port: server.port, dialects: peer.dialects, topicPrefix: peer.topicPrefix }
  const open = (size: number) =>
    openCrowd(target, size, { topicsOf: (index) => [`${peer.topicPrefix}:${index}-0`] })
  try {
    closeCrowd(await open(CONNECTIONS / 10))
    const empty = await kindsOf(server)
    const crowd = await open(CONNECTIONS)
    const connected = await kindsOf(server)
    for (const connection of crowd) {
      const further = Array.from({ length: FURTHER_TOPICS }, (_, index) => index + 1)
      await connection.join(further.map((index) => `${peer.topicPrefix}:${connection.index}-${index}`))
    }
    const joined = await kindsOf(server)
    closeCrowd(crowd)
    print(`${peer.name}: one connection with one topic`, growthPerThing(empty, connected, CONNECTIONS))
    print(`${peer.name}: one further topic`, growthPerThing(connected, joined, CONNECTIONS * FURTHER_TOPICS))
  } finally {
    await server.stop()
  }
}

async function kindsOf(server: ServerProcess): Promise<Map<string, Kind>> {
  await server.quiet()
  const file = await server.heapSnapshot()
  const kinds = readKinds(file)
  rmSync(file)
  return kinds
}

function print(title: string, rows: readonly KindGrowth[]): void {
  const total = rows.reduce((sum, row) => sum + row.bytes, 0)
  const lines = rows.map((row) => [row.kind, row.count.toFixed(2), number(row.bytes)])
  console.log(
    `\n${title}: ${Math.round(total)} B of heap\n\n${markdown(['kind', 'objects', 'bytes'], lines)}`,
  )
}
