import type { Target } from '../load/connection.ts'
import type { Faults } from '../load/ledger.ts'
import { type Peer, targetAt } from '../peers/catalog.ts'
import type { Bout, Unit, Workload } from '../workloads/workload.ts'
import type { Place } from './cores.ts'
import type { LatencySummary } from './latencies.ts'
import { ServerProcess, totalUs } from './server.ts'

/** One run of one workload at one server. */
export interface Sample {
  readonly operations: number
  /** CPU time of the server process per operation, microseconds. */
  readonly userUs: number
  readonly systemUs: number
  readonly totalUs: number
  readonly wallMs: number
  /** Share of the wall time that the server's process was on the CPU. */
  readonly serverBusy: number
  /** The same of the load: near 1 with an idle server, the load is what was measured. */
  readonly loadBusy: number
  readonly latencyMs: LatencySummary
  readonly faults: Faults
  /** Bytes on the wire per operation, as the load read them. */
  readonly bytes?: number
}

export interface WorkloadResult {
  readonly id: string
  readonly title: string
  readonly unit: Unit
  /** By peer, one sample a round. */
  readonly samples: Readonly<Record<string, readonly Sample[]>>
}

export interface Pace {
  readonly rounds: number
  /** One run loads one server for so long. */
  readonly runMs: number
  readonly warmMs: number
}

/** A peer's server, started. */
export interface RunningPeer {
  readonly peer: Peer
  readonly server: ServerProcess
}

export async function startPeers(
  peers: readonly Peer[],
  options: Place & { readonly profileTo?: string | undefined },
): Promise<RunningPeer[]> {
  return Promise.all(
    peers.map(async (peer) => ({ peer, server: await ServerProcess.start({ peer, ...options }) })),
  )
}

export async function stopPeers(running: readonly RunningPeer[]): Promise<void> {
  await Promise.all(running.map(({ server }) => server.stop()))
}

/**
 * Runs one workload at all servers, interleaved: in each round every server has its turn, in another order each
 * time, so that what disturbs the machine disturbs all alike. Where the connections of all servers together would
 * exceed `maxConnections`, each turn opens and closes its own.
 */
export async function benchWorkload(
  workload: Workload,
  running: readonly RunningPeer[],
  { pace, maxConnections }: { readonly pace: Pace; readonly maxConnections: number },
): Promise<WorkloadResult> {
  const sideBySide = workload.connections * running.length <= maxConnections
  const seats = running.map((peer) => new Seat(workload, peer, pace, sideBySide))
  try {
    for (const seat of seats) if (sideBySide) await seat.open()
    for (let round = 0; round < pace.rounds; round += 1) {
      for (const seat of rotated(seats, round)) await seat.turn()
    }
  } finally {
    for (const seat of seats) seat.close()
  }
  const samples = Object.fromEntries(seats.map(({ name, samples }) => [name, samples]))
  return { id: workload.id, title: workload.title, unit: workload.unit, samples }
}

/** One server's place in the rounds of one workload. */
class Seat {
  readonly name: string
  readonly samples: Sample[] = []
  readonly #workload: Workload
  readonly #server: ServerProcess
  readonly #target: Target
  readonly #pace: Pace
  readonly #keepsOpen: boolean
  #bout: Bout | undefined

  constructor(workload: Workload, { peer, server }: RunningPeer, pace: Pace, keepsOpen: boolean) {
    this.name = peer.name
    this.#workload = workload
    this.#server = server
    this.#target = targetAt(server.port, peer)
    this.#pace = pace
    this.#keepsOpen = keepsOpen
  }

  async open(): Promise<Bout> {
    if (this.#bout !== undefined) return this.#bout
    const bout = await this.#workload.open(this.#target)
    this.#bout = bout
    await bout.run(this.#pace.warmMs)
    bout.rest?.()
    return bout
  }

  async turn(): Promise<void> {
    const bout = await this.open()
    this.samples.push(await measure(bout, this.#server, this.#pace.runMs))
    bout.rest?.()
    if (!this.#keepsOpen) this.close()
  }

  close(): void {
    this.#bout?.close()
    this.#bout = undefined
  }
}

/** Measures the price of one run for `server`. */
export async function measure(bout: Bout, server: ServerProcess, runMs: number): Promise<Sample> {
  await server.quiet()
  const before = await server.usage()
  const load = process.cpuUsage()
  const began = performance.now()
  const { operations, latencies, faults, bytes } = await bout.run(runMs)
  const wallMs = performance.now() - began
  const loadUs = process.cpuUsage(load)
  const after = await server.usage()
  const spentUs = totalUs(after) - totalUs(before)
  return {
    operations,
    userUs: (after.userUs - before.userUs) / operations,
    systemUs: (after.systemUs - before.systemUs) / operations,
    totalUs: spentUs / operations,
    wallMs,
    serverBusy: spentUs / 1_000 / wallMs,
    loadBusy: (loadUs.user + loadUs.system) / 1_000 / wallMs,
    latencyMs: latencies.summary(),
    faults: { ...faults },
    ...(bytes === undefined ? {} : { bytes: bytes / operations }),
  }
}

/** Another order for each `by`. */
export function rotated<T>(items: readonly T[], by: number): T[] {
  const cut = by % items.length
  return [...items.slice(cut), ...items.slice(0, cut)]
}
