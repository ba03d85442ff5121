import { type Stormed, targetAt } from '../peers/catalog.ts'
import { StormBout } from '../workloads/storm.ts'
import { measure, rotated, type Sample, type WorkloadResult } from './bench-workload.ts'
import type { Place } from './cores.ts'
import { ServerProcess } from './server.ts'

export interface StormOptions extends Place {
  readonly clients: number
  readonly rounds: number
  readonly profileTo?: string | undefined
}

/** As after a deploy: each server has just started, and nothing in it is compiled yet. In each round every peer has its turn. */
export async function benchStorm(
  peers: readonly Stormed[],
  { clients, rounds, ...options }: StormOptions,
): Promise<WorkloadResult> {
  const samples: Record<string, Sample[]> = Object.fromEntries(peers.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (const peer of rotated(peers, round)) samples[peer.name]?.push(await stormed(peer, clients, options))
  }
  const title = `storm: ${clients.toLocaleString('en')} clients come back to a server that has just started`
  return { id: 'storm', title, unit: 'join', samples }
}

async function stormed(
  peer: Stormed,
  clients: number,
  options: Omit<StormOptions, 'clients' | 'rounds'>,
): Promise<Sample> {
  const server = await ServerProcess.start({ peer, ...options })
  const bout = new StormBout(targetAt(server.port, peer), { clients, perTopic: peer.perTopic })
  try {
    return await measure(bout, server, 0)
  } finally {
    bout.close()
    await server.stop()
  }
}
