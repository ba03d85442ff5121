import { type Ground, wanted } from './compare.ts'
import { benchInterest, type InterestSample } from './measure/bench-interest.ts'
import { benchRelay, type Relay, startAlone, startPairs, stopPairs } from './measure/bench-relay.ts'
import type { WorkloadResult } from './measure/bench-workload.ts'
import { ALL_CORES } from './measure/cores.ts'
import { Redis } from './measure/redis.ts'
import type { Options } from './options.ts'
import { NODES, type Peer, PROCESSES } from './peers/catalog.ts'
import { type ClusterReport, hasCoreForEach, interestTable, targetTable } from './report/cluster.ts'
import { anyVoid } from './report/figures.ts'
import { profileFolder, writeResult } from './report/files.ts'
import { describeMachine } from './report/machine.ts'
import { workloadTable } from './report/table.ts'

/** Several nodes with a Redis between them: what they cost, beside Socket.IO and a bare `PUBLISH` on the same Redis. */
export async function cluster(options: Options, ground: Ground): Promise<void> {
  const redis = await Redis.start()
  try {
    const results = await benchRelays(options, ground, redis)
    if (wanted(options, 'workers')) results.push(...(await benchWorkers(options, ground)))
    const interest = wanted(options, 'interest') ? await benchTopics(options, ground, redis) : []
    report({ results, interest }, options, ground)
  } finally {
    await redis.stop()
  }
}

interface Bench extends Relay {
  readonly peers: readonly Peer[]
}

function relays(subscribers: number): Bench[] {
  const { socketIo, bare, bareLogged, beryl, logged } = NODES
  return [
    {
      id: 'receiving',
      title: `the receiving node, ${subscribers} subscribers`,
      unit: 'delivery',
      of: 'receiver',
      subscribers,
      pacing: { kind: 'closed' },
      perTurn: [1, 16],
      peers: [socketIo, bare, beryl],
    },
    {
      id: 'sending',
      title: 'the sending node, nobody local, a turn each millisecond',
      unit: 'message',
      of: 'sender',
      subscribers: 1,
      pacing: { kind: 'paced', everyMs: 1 },
      perTurn: [1, 16],
      peers: [socketIo, bare, beryl],
    },
    {
      id: 'latency',
      title: 'from broadcast to what the other node is delivered, each 2 ms',
      unit: 'message',
      of: 'sender',
      subscribers: 1,
      pacing: { kind: 'paced', everyMs: 2 },
      perTurn: [1],
      stamped: true,
      peers: [bare, bareLogged, beryl, logged],
    },
  ]
}

async function benchRelays(options: Options, ground: Ground, redis: Redis): Promise<WorkloadResult[]> {
  const results: WorkloadResult[] = []
  for (const bench of relays(options.cluster.subscribers).filter(({ id }) => wanted(options, id))) {
    const pairs = await startPairs(bench.peers, { brokerUrl: redis.url, ...serversOf(options, ground) })
    try {
      for (const result of await benchRelay(bench, pairs, options.pace)) {
        console.log(`\n${workloadTable(result)}`)
        results.push(result)
      }
    } finally {
      await stopPairs(pairs)
    }
  }
  return results
}

/** Two workers of `cluster()` beside one process, with as many subscribers. */
async function benchWorkers(options: Options, ground: Ground): Promise<WorkloadResult[]> {
  const servers = serversOf(options, ground)
  // On one core they would take turns.
  const cores = servers.cores !== undefined && hasCoreForEach ? ALL_CORES : servers.cores
  const pairs = await startAlone([PROCESSES.one, PROCESSES.workers], { ...servers, cores })
  const results: WorkloadResult[] = []
  try {
    for (const relay of workerRelays(options)) {
      for (const result of await benchRelay(relay, pairs, options.pace)) {
        console.log(`\n${workloadTable(result)}`)
        results.push(result)
      }
    }
    return results
  } finally {
    await stopPairs(pairs)
  }
}

/**
 * For CPU time the broadcasts are paced: the bench would reach a worker only by way of the primary, each time. What a turn
 * costs beside its deliveries (three processes wake up instead of one) is shared by those: few and many show it.
 */
function workerRelays({ cluster: { subscribers }, scale }: Options): Relay[] {
  const all = { unit: 'delivery', of: 'receiver' } as const
  const title = (count: number): string => `a primary with two workers, ${count} subscribers`
  const paced = (id: string, count: number, everyMs: number): Relay => ({
    ...all,
    id,
    subscribers: count,
    title: `${title(count)}, a turn each ${everyMs} ms`,
    pacing: { kind: 'paced', everyMs },
    perTurn: [1, 16],
  })
  const full: Relay = {
    ...all,
    id: 'workers-full',
    subscribers,
    title: title(subscribers),
    pacing: { kind: 'closed' },
    perTurn: [16],
  }
  const few = paced('workers-few', subscribers, 10)
  const many = paced('workers', scale.subscribers, 50)
  return hasCoreForEach ? [few, many, full] : [few, many]
}

async function benchTopics(options: Options, ground: Ground, redis: Redis): Promise<InterestSample[]> {
  const { topics } = options.cluster
  const { rounds } = options.pace
  const samples = await benchInterest(topics, redis, { rounds, ...serversOf(options, ground) })
  console.log(`\n${topics.toLocaleString('en')} topics joined and left\n${interestTable(samples)}`)
  return samples
}

function serversOf({ profile }: Options, { cores, node }: Ground) {
  return { cores, node, profileTo: profile ? profileFolder() : undefined }
}

function report(found: ClusterReport, options: Options, ground: Ground): void {
  console.log(`\n${targetTable(found)}`)
  if (anyVoid(found.results) || found.interest.some(({ missed }) => missed > 0)) process.exitCode = 1
  const all = { machine: describeMachine(ground), pace: options.pace, size: options.cluster, ...found }
  console.log(`\nwritten: ${writeResult(`${options.out}.json`, JSON.stringify(all, null, 1))}`)
}
