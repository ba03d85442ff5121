import type { Target } from '../load/connection.ts'
import type { Peer } from '../peers/catalog.ts'
import { type Pacing, RelayBout } from '../workloads/relay.ts'
import type { Unit } from '../workloads/workload.ts'
import { measure, type Pace, rotated, type Sample, type WorkloadResult } from './bench-workload.ts'
import type { Place } from './cores.ts'
import { Latencies, type LatencySummary } from './latencies.ts'
import { ServerProcess } from './server.ts'
import { matchStamps, withFaults } from './stamps.ts'

/** Two nodes of one peer: the one broadcasts, the subscribers are at the other. */
export interface Pair {
  readonly peer: Peer
  readonly sender: ServerProcess
  readonly receiver: ServerProcess
}

export interface PairOptions extends Place {
  readonly brokerUrl: string
  readonly profileTo?: string | undefined
}

/** The measures of broadcasts between nodes. */
export interface Relay {
  readonly id: string
  readonly title: string
  readonly unit: Unit
  /** Whose CPU time it is about. */
  readonly of: 'sender' | 'receiver'
  readonly subscribers: number
  readonly pacing: Pacing
  /** Broadcasts in one turn: one result for each of these, from the same rounds. */
  readonly perTurn: readonly number[]
  /** True where latency is taken between the nodes, from the broadcast to what the broker delivers. */
  readonly stamped?: boolean
}

export async function startPairs(peers: readonly Peer[], options: PairOptions): Promise<Pair[]> {
  const start = (peer: Peer) => ServerProcess.start({ peer, ...options })
  return Promise.all(
    peers.map(async (peer) => {
      const [sender, receiver] = await Promise.all([start(peer), start(peer)])
      return { peer, sender, receiver }
    }),
  )
}

/** One server that is both: what it broadcasts goes to its own subscribers. */
export async function startAlone(
  peers: readonly Peer[],
  options: Omit<PairOptions, 'brokerUrl'>,
): Promise<Pair[]> {
  return Promise.all(
    peers.map(async (peer) => {
      const server = await ServerProcess.start({ peer, ...options })
      return { peer, sender: server, receiver: server }
    }),
  )
}

export async function stopPairs(pairs: readonly Pair[]): Promise<void> {
  await Promise.all(pairs.flatMap(({ sender, receiver }) => [sender.stop(), receiver.stop()]))
}

/** Runs it at all pairs, interleaved: in each round every pair has a turn with each `perTurn`, in another order each time. */
export async function benchRelay(
  relay: Relay,
  pairs: readonly Pair[],
  pace: Pace,
): Promise<WorkloadResult[]> {
  const bouts: RelayBout[] = []
  const seats: Seat[] = []
  try {
    for (const pair of pairs) {
      const bout = await open(pair, relay)
      bouts.push(bout)
      for (const perTurn of relay.perTurn) seats.push({ relay, pair, bout, perTurn, samples: [] })
    }
    for (const bout of bouts) await warm(bout, Math.max(WARM_PER_TURN, ...relay.perTurn), pace.warmMs)
    for (let round = 0; round < pace.rounds; round += 1) {
      for (const seat of rotated(seats, round)) seat.samples.push(await turn(seat, pace.runMs))
    }
  } finally {
    for (const bout of bouts) bout.close()
  }
  return relay.perTurn.map((perTurn) => resultOf(relay, perTurn, seats))
}

/** One pair's place in the rounds, with so many broadcasts in a turn. */
interface Seat {
  readonly relay: Relay
  readonly pair: Pair
  readonly bout: RelayBout
  readonly perTurn: number
  readonly samples: Sample[]
}

function open({ peer, sender, receiver }: Pair, relay: Relay): Promise<RelayBout> {
  const target: Target = { port: receiver.port, dialects: peer.dialects, topicPrefix: peer.topicPrefix }
  return RelayBout.open(target, sender, relay)
}

/** At the least. What is paced has no more than it needs: on a busy machine 1,000 wait for a log soon, and no more may. */
const WARM_PER_TURN = 4

/** Many at once for the compiler, which counts calls; then one at a time for what that takes another way. */
async function warm(bout: RelayBout, most: number, forMs: number): Promise<void> {
  for (const perTurn of [most, 1]) {
    bout.perTurn = perTurn
    await bout.run(forMs)
  }
}

async function turn({ relay, pair, bout, perTurn }: Seat, runMs: number): Promise<Sample> {
  bout.perTurn = perTurn
  const idle = pair[relay.of === 'sender' ? 'receiver' : 'sender']
  await idle.quiet()
  if (relay.stamped === true) await stampFromNow(pair)
  const sample = await measure(bout, pair[relay.of], runMs)
  return relay.stamped === true ? stamped(sample, pair) : { ...sample, latencyMs: UNKNOWN }
}

/** The load orders the broadcasts and receives them, and does not see when a node begins. */
const UNKNOWN: LatencySummary = { p50: Number.NaN, p90: Number.NaN, p99: Number.NaN, max: Number.NaN }

/** Resolves when both nodes have heard of it. */
async function stampFromNow({ sender, receiver }: Pair): Promise<void> {
  for (const node of [sender, receiver]) {
    node.order({ kind: 'stamp' })
    await node.usage()
  }
}

/** `sample` with the latency between the nodes, and what went wrong there. */
async function stamped(sample: Sample, { sender, receiver }: Pair): Promise<Sample> {
  const { sent } = await sender.stamps()
  const { heard } = await receiver.stamps()
  const latencies = new Latencies()
  const faults = matchStamps(sent, heard, (us) => latencies.add(us / 1_000))
  return { ...sample, latencyMs: latencies.summary(), faults: withFaults(sample.faults, faults) }
}

function resultOf({ id, title, unit }: Relay, perTurn: number, seats: readonly Seat[]): WorkloadResult {
  const own = seats.filter((seat) => seat.perTurn === perTurn)
  return {
    id: perTurn === 1 ? id : `${id}-${perTurn}`,
    title: `${title}, ${perTurn === 1 ? 'one message at a time' : `${perTurn} broadcasts a turn`}`,
    unit,
    samples: Object.fromEntries(own.map(({ pair, samples }) => [pair.peer.name, samples])),
  }
}
