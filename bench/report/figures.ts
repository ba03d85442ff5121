import type { Sample, WorkloadResult } from '../measure/bench-workload.ts'
import { type Spread, spread } from '../measure/statistics.ts'
import { YARDSTICK } from '../peers/catalog.ts'

/** The figures of one peer in one workload, medians over the rounds. */
export interface Figures {
  readonly peer: string
  /** Microseconds of server CPU per operation. */
  readonly costUs: Spread
  /** The same divided by the base's of the same round. */
  readonly ratio: Spread
  readonly userUs: number
  readonly systemUs: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly operations: number
  /** On the wire per operation; NaN where nobody counted. */
  readonly bytes: number
  /** The reasons that void the figures, in words; empty when nothing was lost, doubled, out of order or wrong. */
  readonly faults: string
}

export function figuresOf(result: WorkloadResult): Figures[] {
  const base = result.samples[baseOf(result)] ?? []
  return Object.entries(result.samples).map(([peer, samples]) => ({
    peer,
    costUs: spread(samples.map((sample) => sample.totalUs)),
    ratio: ratios(samples, base),
    userUs: median(samples, (sample) => sample.userUs),
    systemUs: median(samples, (sample) => sample.systemUs),
    p50Ms: median(samples, (sample) => sample.latencyMs.p50),
    p99Ms: median(samples, (sample) => sample.latencyMs.p99),
    bytes: median(samples, (sample) => sample.bytes ?? Number.NaN),
    operations: samples.reduce((sum, sample) => sum + sample.operations, 0),
    faults: describeFaults(samples),
  }))
}

/** True where any figure among the results is void. */
export function anyVoid(results: readonly WorkloadResult[]): boolean {
  return results.some((result) => figuresOf(result).some(({ faults }) => faults !== ''))
}

/** By what ratios divide: the yardstick, or the first peer where it did not run. */
export function baseOf({ samples }: WorkloadResult): string {
  return YARDSTICK in samples ? YARDSTICK : (Object.keys(samples)[0] ?? YARDSTICK)
}

function ratios(samples: readonly Sample[], base: readonly Sample[]): Spread {
  return spread(samples.map((sample, round) => sample.totalUs / (base[round]?.totalUs ?? Number.NaN)))
}

function median(samples: readonly Sample[], of: (sample: Sample) => number): number {
  return spread(samples.map(of)).median
}

/** A bout counts its faults from its beginning, so the last sample has most. */
export function describeFaults(samples: readonly Sample[]): string {
  const worst = new Map<string, number>()
  for (const { faults } of samples) {
    for (const [kind, count] of Object.entries(faults)) worst.set(kind, Math.max(worst.get(kind) ?? 0, count))
  }
  return [...worst]
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ')
}
