import type { Cost, MemorySample } from '../measure/bench-memory.ts'
import type { WorkloadResult } from '../measure/bench-workload.ts'
import { type Spread, spread } from '../measure/statistics.ts'
import { baseOf, type Figures, figuresOf } from './figures.ts'

/** By peer, one sample a round. */
export type MemoryResult = Readonly<Record<string, readonly MemorySample[]>>

/** One workload: a line a peer. */
export function workloadTable(result: WorkloadResult): string {
  const head = [
    '',
    'CPU µs',
    'min–max',
    `÷ ${baseOf(result)}`,
    'min–max',
    'user',
    'kernel',
    'p50 ms',
    'p99 ms',
    'bytes',
    '',
  ]
  const lines = figuresOf(result).map((figures) => [
    figures.peer,
    number(figures.costUs.median),
    range(figures.costUs),
    number(figures.ratio.median),
    range(figures.ratio),
    number(figures.userUs),
    number(figures.systemUs),
    number(figures.p50Ms),
    number(figures.p99Ms),
    number(figures.bytes),
    verdict(figures),
  ])
  return `${result.title} — server CPU per ${result.unit}\n${aligned([head, ...lines])}`
}

/** The whole run as one Markdown table: the base's cost, and the other peers' ratios to it. */
export function summaryTable(results: readonly WorkloadResult[]): string {
  const peers = [...new Set(results.flatMap((result) => Object.keys(result.samples)))]
  const rows = results.map((result) => {
    const figures = new Map(figuresOf(result).map((each) => [each.peer, each]))
    return [result.title, ...peers.map((peer) => summaryCell(figures.get(peer), baseOf(result)))]
  })
  return markdown(['CPU µs, and ratio to it', ...peers], rows)
}

/** Until all have joined: the CPU time of the server for each client, and the time that all had to wait. */
export function stormTable(result: WorkloadResult): string {
  const base = baseOf(result)
  const wallMs = (peer: string) => (result.samples[peer] ?? []).map((sample) => sample.wallMs)
  const rows = figuresOf(result).map(({ peer, costUs, ratio, faults }) => {
    const waited = spread(wallMs(peer).map((ms, round) => ms / (wallMs(base)[round] ?? Number.NaN)))
    if (faults !== '') return [peer, `VOID: ${faults}`]
    return [
      peer,
      number(costUs.median),
      `${number(ratio.median)} (${range(ratio)})`,
      number(spread(wallMs(peer)).median / 1_000),
      `${number(waited.median)} (${range(waited)})`,
    ]
  })
  const head = [result.title, 'CPU µs a client', `÷ ${base}`, 'all have joined after, s', `÷ ${base}`]
  return markdown(head, rows)
}

export function memoryTable(result: MemoryResult): string {
  const rows = Object.entries(result).map(([peer, samples]) => [
    peer,
    ...costCells(samples.map((sample) => sample.perConnection)),
    ...costCells(samples.map((sample) => sample.perTopic)),
  ])
  const head = [
    'KiB',
    'connection + 1 topic: resident',
    'min–max',
    'heap',
    'further topic: resident',
    'min–max',
    'heap',
  ]
  return markdown(head, rows)
}

export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** Three digits that count: enough to compare, no more than the machine gives. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '–'
  return value >= 100 ? String(Math.round(value)) : value.toPrecision(3)
}

function costCells(costs: readonly Cost[]): string[] {
  const resident = spread(costs.map((cost) => cost.residentBytes / 1_024))
  const heap = spread(costs.map((cost) => cost.heapBytes / 1_024))
  return [number(resident.median), range(resident), number(heap.median)]
}

function summaryCell(figures: Figures | undefined, base: string): string {
  if (figures === undefined) return ''
  if (figures.faults !== '') return 'void'
  if (figures.peer === base) return `${number(figures.costUs.median)} µs`
  return number(figures.ratio.median)
}

function verdict({ faults, operations }: Figures): string {
  return faults === '' ? `${operations.toLocaleString('en')} checked` : `VOID: ${faults}`
}

export function range({ min, max }: Spread): string {
  return `${number(min)}–${number(max)}`
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
  return rows.map((row) => `  ${row.map(pad).join('  ')}`.trimEnd()).join('\n')
}
