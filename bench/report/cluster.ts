import { availableParallelism } from 'node:os'
import type { InterestSample, TopicCost } from '../measure/bench-interest.ts'
import type { Sample, WorkloadResult } from '../measure/bench-workload.ts'
import { spread } from '../measure/statistics.ts'
import { describeFaults } from './figures.ts'
import { markdown, number, range } from './table.ts'

/** The findings of the run, in the order in which they are shown; what did not run is absent. */
export interface ClusterReport {
  readonly results: readonly WorkloadResult[]
  readonly interest: readonly InterestSample[]
}

/** A figure that is held against another of the same rounds. */
interface Comparison {
  readonly what: string
  /** Ids of the results that it and the other are taken from. */
  readonly from: string
  readonly against: string
  readonly ours: string
  readonly peer: string
  readonly figure: Figure
  /** The highest ratio that is good; undefined where the ratio is only told. */
  readonly target?: number
}

interface Figure {
  readonly unit: string
  readonly of: (sample: Sample) => number
}

/** A row of the table: beryl's values, one a round, and those of the other, where there is one. */
interface Row {
  readonly what: string
  readonly unit: string
  readonly ours: readonly number[]
  readonly theirs?: readonly number[]
  readonly beside: string
  readonly target: number | undefined
  readonly faults: string
}

const CPU: Figure = { unit: 'µs', of: (sample) => sample.totalUs }
const WALL: Figure = { unit: 'µs', of: (sample) => (sample.wallMs * 1_000) / sample.operations }
const P50: Figure = { unit: 'ms', of: (sample) => sample.latencyMs.p50 }
const P99: Figure = { unit: 'ms', of: (sample) => sample.latencyMs.p99 }

/** True where two workers, their primary and the load have a core each. */
export const hasCoreForEach = availableParallelism() >= 4

const COMPARISONS: readonly Comparison[] = [
  comparison('receiving, CPU of a delivery', 'receiving', 'socket.io', CPU, { target: 0.9 }),
  comparison('the same, 16 broadcasts a turn', 'receiving-16', 'socket.io', CPU, { target: 0.12 }),
  comparison('sending, nobody local, CPU of a message', 'sending', 'socket.io', CPU, { target: 0.55 }),
  comparison('the same', 'sending', 'bare', CPU, { target: 1.15 }),
  comparison('the same, 16 broadcasts a turn, beside one at a time', 'sending-16', 'socket.io', CPU, {
    against: 'sending',
    target: 0.15,
  }),
  comparison('the same, beside 16 a turn', 'sending-16', 'socket.io', CPU),
  comparison('the same', 'sending-16', 'bare', CPU),
  comparison('from broadcast to deliver, p50', 'latency', 'bare', P50, { target: 1.3 }),
  comparison('the same, p99', 'latency', 'bare', P99, { target: 2 }),
  comparison('two workers of cluster(), many subscribers, CPU of a delivery', 'workers', 'one process', CPU, {
    target: 1.15,
  }),
  comparison('the same, 16 broadcasts a turn', 'workers-16', 'one process', CPU),
  comparison('the same, few subscribers', 'workers-few', 'one process', CPU),
  comparison('the same, 16 broadcasts a turn', 'workers-few-16', 'one process', CPU),
  // 1.7 times as many deliveries in the same time.
  comparison('the same, as fast as they can, time of a delivery', 'workers-full-16', 'one process', WALL, {
    target: 1 / 1.7,
  }),
  comparison('from broadcast to deliver through a log, p50', 'latency', 'bare', P50, {
    ours: 'beryl, logged',
    target: 1.5,
  }),
  comparison('the same, p99', 'latency', 'bare', P99, { ours: 'beryl, logged', target: 2.5 }),
  comparison('the least that a log can do, p50', 'latency', 'bare', P50, { ours: 'bare, logged' }),
  comparison('through a log, beside that least', 'latency', 'bare, logged', P50, { ours: 'beryl, logged' }),
]

/** All figures with targets as one Markdown table, to be pasted. */
export function targetTable(report: ClusterReport): string {
  const rows = [...relayRows(report.results), ...interestRows(report.interest)]
  return markdown(['', 'beryl', 'beside', 'ratio', 'target'], rows.map(cells))
}

/** Each round's figures of a topic: a node alone, one with the broker, and the difference. */
export function interestTable(samples: readonly InterestSample[]): string {
  const line = (what: string, of: (cost: TopicCost) => number) => [
    what,
    summary(samples.map(({ alone }) => of(alone))),
    summary(samples.map(({ connected }) => of(connected))),
    summary(difference(samples, of)),
  ]
  return markdown(
    ['a topic', 'node alone', 'with Redis', 'interest'],
    [
      line('join, CPU µs', ({ joinUs }) => joinUs),
      line('leave, CPU µs', ({ leaveUs }) => leaveUs),
      line('bytes', ({ bytes }) => bytes),
    ],
  )
}

function comparison(
  what: string,
  from: string,
  peer: string,
  figure: Figure,
  more: Partial<Pick<Comparison, 'against' | 'ours' | 'target'>> = {},
): Comparison {
  return { what, from, against: from, ours: 'beryl', peer, figure, ...more }
}

/** Without those whose parts did not run. */
function relayRows(results: readonly WorkloadResult[]): Row[] {
  return COMPARISONS.flatMap((row) => {
    const { what, peer: beside, target } = row
    const { unit, of } = row.figure
    const ours = samplesOf(results, row.from, row.ours)
    const theirs = samplesOf(results, row.against, beside)
    if (ours.length === 0) return []
    const faults = describeFaults([...ours, ...theirs])
    return [{ what, unit, ours: ours.map(of), theirs: theirs.map(of), beside, target, faults }]
  })
}

function samplesOf(results: readonly WorkloadResult[], id: string, peer: string): readonly Sample[] {
  return results.find((result) => result.id === id)?.samples[peer] ?? []
}

function interestRows(samples: readonly InterestSample[]): Row[] {
  if (samples.length === 0) return []
  const missed = samples.at(-1)?.missed ?? 0
  const faults = missed === 0 ? '' : `${missed} topics not seen by the broker`
  const row = (what: string, unit: string, target: number, of: (cost: TopicCost) => number) => {
    return { what, beside: '', unit, target, ours: difference(samples, of), faults }
  }
  return [
    row('interest in a topic, join', 'µs', 30, ({ joinUs }) => joinUs),
    row('interest in a topic, leave', 'µs', 30, ({ leaveUs }) => leaveUs),
    row('interest in a topic, memory', 'B', 1_024, ({ bytes }) => bytes),
  ]
}

function difference(samples: readonly InterestSample[], of: (cost: TopicCost) => number): number[] {
  return samples.map(({ alone, connected }) => of(connected) - of(alone))
}

function cells(row: Row): string[] {
  const { what, ours, theirs, beside, unit, target, faults } = row
  if (faults !== '') return [what, `VOID: ${faults}`, beside, '', String(target ?? '')]
  if (theirs === undefined) return [what, `${summary(ours)} ${unit}`, '', '', verdict(ours, target)]
  const ratios = ours.map((value, round) => value / (theirs[round] ?? Number.NaN))
  const [own, other] = [ours, theirs].map((values) => `${number(spread(values).median)} ${unit}`)
  return [what, `${own}`, `${beside}: ${other}`, summary(ratios), verdict(ratios, target)]
}

function verdict(values: readonly number[], target: number | undefined): string {
  if (target === undefined) return ''
  return spread(values).median <= target ? String(target) : `${target}: **missed**`
}

function summary(values: readonly number[]): string {
  const all = spread(values)
  return `**${number(all.median)}** (${range(all)})`
}
