import { rmSync } from 'node:fs'
import type { Ground } from './compare.ts'
import { closeCrowd, openCrowd } from './load/crowd.ts'
import type { Place } from './measure/cores.ts'
import { growthPerThing, type Kind, readKinds } from './measure/heap-snapshot.ts'
import { ServerProcess } from './measure/server.ts'
import type { Options } from './options.ts'
import type { Peer } from './peers/catalog.ts'
import { markdown, number } from './report/table.ts'

const CONNECTIONS = 1_000
const FURTHER_TOPICS = 5

/** Prints what a connection with one topic, and a further topic, keep alive on a peer's heap. */
export async function heap({ peers, peersChosen }: Options, ground: Ground): Promise<void> {
  for (const peer of peers) {
    if (peersChosen || peer.name === 'beryl') await breakDown(peer, ground)
  }
}

async function breakDown(peer: Peer, place: Place): Promise<void> {
  const server = await ServerProcess.start({ peer, ...place })
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

/** One line for each class: what its objects take with their parts, and the largest of those. */
function print(title: string, rows: readonly Kind[]): void {
  const lines = byOwner(rows)
    .sort(([, one], [, other]) => sum(other) - sum(one))
    .filter(([, parts]) => sum(parts) >= 4)
    .map(([owner, parts]) => [owner, number(sum(parts)), parts.map(describe).join(' · ')])
  const table = markdown(['class', 'bytes', 'of that'], lines)
  console.log(`\n${title}: ${Math.round(sum(rows))} B of heap\n\n${table}`)
}

function byOwner(rows: readonly Kind[]): [owner: string, parts: Kind[]][] {
  const owners = new Map<string, Kind[]>()
  for (const row of rows) {
    const parts = owners.get(row.owner)
    if (parts === undefined) owners.set(row.owner, [row])
    else parts.push(row)
  }
  return [...owners]
}

function sum(rows: readonly Kind[]): number {
  return rows.reduce((bytes, row) => bytes + row.bytes, 0)
}

function describe({ part, bytes, count }: Kind): string {
  const times = count > 1.5 ? ` (${Math.round(count)})` : ''
  return `${part === '' ? 'itself' : part.replaceAll('_', '\\_')} ${Math.round(bytes)}${times}`
}
