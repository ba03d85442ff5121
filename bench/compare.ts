import { benchMemory, type MemorySample } from './measure/bench-memory.ts'
import { benchStorm } from './measure/bench-storm.ts'
import {
  benchWorkload,
  type RunningPeer,
  startPeers,
  stopPeers,
  type WorkloadResult,
} from './measure/bench-workload.ts'
import type { Place } from './measure/cores.ts'
import type { Options } from './options.ts'
import { STORMED, stormedBefore } from './peers/catalog.ts'
import { anyVoid } from './report/figures.ts'
import { profileFolder, writeResult } from './report/files.ts'
import { describeMachine } from './report/machine.ts'
import { type MemoryResult, memoryTable, stormTable, summaryTable, workloadTable } from './report/table.ts'
import { standardWorkloads } from './workloads/catalog.ts'
import type { Workload } from './workloads/workload.ts'

/** The machine, as a command knows it. */
export interface Ground extends Place {
  /** Connections that this process may hold at once. */
  readonly maxConnections: number
}

/** Every workload at every peer, then memory; prints as it goes, ends with the summary. */
export async function compare(options: Options, ground: Ground): Promise<void> {
  const standard = standardWorkloads(options.scale).filter(({ id }) => wanted(options, id))
  const results = await benchAll(standard, options, ground)
  const storm = wanted(options, 'storm') ? await benchStorms(options, ground) : undefined
  const memory = wanted(options, 'memory') ? await benchAllMemory(options, ground) : {}
  if (results.length > 0) console.log(`\n${summaryTable(results)}`)
  if (storm !== undefined) console.log(`\n${stormTable(storm)}`)
  if (Object.keys(memory).length > 0) console.log(`\n${memoryTable(memory)}`)
  if (anyVoid(results)) process.exitCode = 1
  const workloads = [...results, ...(storm === undefined ? [] : [storm])]
  const report = { machine: describeMachine(ground), pace: options.pace, workloads, memory }
  console.log(`\nwritten: ${writeResult(`${options.out}.json`, JSON.stringify(report, null, 1))}`)
}

/** True where `--only` names `id`, or nothing. */
export function wanted({ only }: Options, id: string): boolean {
  return only === undefined || only.includes(id)
}

async function benchAll(
  workloads: readonly Workload[],
  options: Options,
  ground: Ground,
): Promise<WorkloadResult[]> {
  const results: WorkloadResult[] = []
  const start = () =>
    startPeers(options.peers, { ...ground, profileTo: options.profile ? profileFolder() : undefined })
  let running: RunningPeer[] = []
  try {
    for (const workload of workloads) {
      if (running.length === 0) running = await start()
      const result = await benchWorkload(workload, running, { ...ground, pace: options.pace })
      console.log(`\n${workloadTable(result)}`)
      results.push(result)
      if (!options.keepServers) await stopPeers(running.splice(0))
    }
  } finally {
    await stopPeers(running)
  }
  return results
}

/** At peers of its own: what `--peers` chose plays no part. */
async function benchStorms(
  { peers, pace, scale, profile, tls }: Options,
  ground: Ground,
): Promise<WorkloadResult> {
  const stormed = [...STORMED, ...peers.flatMap(stormedBefore)].map((peer) => ({ ...peer, tls }))
  return benchStorm(stormed, {
    ...ground,
    clients: scale.joins,
    rounds: pace.rounds,
    profileTo: profile ? profileFolder() : undefined,
  })
}

async function benchAllMemory({ peers, memory }: Options, ground: Ground): Promise<MemoryResult> {
  const samples: Record<string, MemorySample[]> = Object.fromEntries(peers.map(({ name }) => [name, []]))
  for (let round = 0; round < memory.rounds; round += 1) {
    for (const peer of peers) samples[peer.name]?.push(await benchMemory(peer, memory, ground))
  }
  return samples
}
