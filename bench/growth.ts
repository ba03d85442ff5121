import { type Ground, wanted } from './compare.ts'
import { benchMemory, type MemorySample } from './measure/bench-memory.ts'
import { benchWorkload, startPeers, stopPeers, type WorkloadResult } from './measure/bench-workload.ts'
import type { Options } from './options.ts'
import { DEFLATES, HISTORIES, type Peer, VARIANTS, YARDSTICK } from './peers/catalog.ts'
import { anyVoid, figuresOf } from './report/figures.ts'
import { writeResult } from './report/files.ts'
import { describeMachine } from './report/machine.ts'
import { svg } from './report/plot.ts'
import { type MemoryResult, markdown, memoryTable, number, workloadTable } from './report/table.ts'
import { echoAll } from './workloads/echo-all.ts'
import {
  type Axis,
  deflateWorkloads,
  growthAxes,
  historyWorkloads,
  variantWorkloads,
} from './workloads/growth.ts'
import type { Workload } from './workloads/workload.ts'

/** The results along one axis. */
interface Growth {
  readonly id: string
  readonly title: string
  readonly points: readonly { readonly x: number; readonly result: WorkloadResult }[]
}

/** Every axis point by point, a table and a plot for each; then beryl's own variants side by side. */
export async function growth(options: Options, ground: Ground): Promise<void> {
  const axes: Growth[] = []
  for (const axis of growthAxes(ground.maxConnections)) {
    if (wanted(options, axis.id)) axes.push(await benchAxis(axis, options, ground))
  }
  const beside = async (part: string, peers: readonly Peer[], workloads: readonly Workload[]) =>
    wanted(options, part) ? benchBeside(peers, workloads, options, ground) : []
  const variants = await beside('variants', VARIANTS, variantWorkloads())
  const histories = await beside('history', HISTORIES, historyWorkloads(options.scale.joins))
  const deflates = await beside('deflate', DEFLATES, deflateWorkloads())
  const deflateMemory = wanted(options, 'deflate') ? await benchDeflateMemory(options, ground) : {}
  const results = [
    ...axes.flatMap(({ points }) => points.map(({ result }) => result)),
    ...variants,
    ...histories,
    ...deflates,
  ]
  if (anyVoid(results)) process.exitCode = 1
  const machine = describeMachine(ground)
  const { pace } = options
  const report = { machine, pace, axes, variants, histories, deflates, deflateMemory }
  console.log(`\nwritten: ${writeResult(`${options.out}.json`, JSON.stringify(report, null, 1))}`)
}

async function benchAxis(axis: Axis, options: Options, ground: Ground): Promise<Growth> {
  const running = await startPeers(peersFor(axis, options), ground)
  const points: { x: number; result: WorkloadResult }[] = []
  try {
    for (const { x, workload } of axis.points) {
      console.error(`${axis.id}: ${x}`)
      points.push({ x, result: await benchWorkload(workload, running, { ...ground, pace: options.pace }) })
    }
  } finally {
    await stopPeers(running)
  }
  const growth = { id: axis.id, title: axis.title, points }
  console.log(`\n${axisTable(axis, growth)}\n`)
  console.log(`written: ${writeResult(`${options.out}-${axis.id}.svg`, axisPlot(axis, growth))}`)
  return growth
}

function peersFor({ allPeers }: Axis, { peers, peersChosen }: Options): readonly Peer[] {
  if (allPeers || peersChosen) return peers
  return peers.filter(({ name }) => name === YARDSTICK || name === 'beryl')
}

/** Ways to use beryl, side by side. */
async function benchBeside(
  peers: readonly Peer[],
  workloads: readonly Workload[],
  options: Options,
  ground: Ground,
): Promise<WorkloadResult[]> {
  const running = await startPeers(peers, ground)
  const results: WorkloadResult[] = []
  try {
    for (const workload of workloads) {
      const result = await benchWorkload(workload, running, { ...ground, pace: options.pace })
      console.log(`\n${workloadTable(result)}`)
      results.push(result)
    }
  } finally {
    await stopPeers(running)
  }
  return results
}

/** Connections whose deflaters a machine has room for: ws keeps a quarter of a MiB for each. */
const DEFLATED = 3_000

/** The memory that a connection keeps when it has sent a message of 1 KB and was sent one, compressed where that was agreed to. */
async function benchDeflateMemory({ memory }: Options, ground: Ground): Promise<MemoryResult> {
  const connections = Math.min(memory.connections, DEFLATED)
  const size = { connections, furtherTopics: 1, use: echoAll }
  const samples: Record<string, MemorySample[]> = Object.fromEntries(DEFLATES.map(({ name }) => [name, []]))
  for (let round = 0; round < memory.rounds; round += 1)
    for (const peer of DEFLATES) samples[peer.name]?.push(await benchMemory(peer, size, ground))
  console.log(`\n${memoryTable(samples)}`)
  return samples
}

function axisTable({ title, xLabel }: Axis, { points }: Growth): string {
  const peers = Object.keys(points[0]?.result.samples ?? {})
  const rows = points.map(({ x, result }) => [
    x.toLocaleString('en'),
    ...figuresOf(result).map(({ costUs, faults }) =>
      faults === '' ? number(costUs.median) : `void: ${faults}`,
    ),
  ])
  return `${title}, server CPU µs\n\n${markdown([xLabel, ...peers], rows)}`
}

/** Void figures are not drawn. */
function axisPlot({ title, xLabel }: Axis, { points }: Growth): string {
  const peers = Object.keys(points[0]?.result.samples ?? {})
  const curves = peers.map((name) => ({
    name,
    points: points.flatMap(({ x, result }) =>
      figuresOf(result)
        .filter(({ peer, faults }) => peer === name && faults === '')
        .map(({ costUs }) => ({ x, y: costUs.median })),
    ),
  }))
  return svg({ title, xLabel, yLabel: 'server CPU µs per delivery', curves })
}
