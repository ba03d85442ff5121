import type { MoveKind } from './move.ts'
import { kindsFor } from './moves.ts'
import type { RoundReport } from './round.ts'
import { type RunOptions, run } from './run.ts'

export interface Extent {
  readonly rounds?: number | undefined
  /** Of the machine's clock. */
  readonly minutes?: number | undefined
  /** Of the clock of the nodes. */
  readonly hours?: number | undefined
  /** Goes on behind a round that failed. */
  readonly goesOn?: boolean
  readonly failed: (options: RunOptions, report: RoundReport) => void
}

/** The outcome of many rounds. */
export interface Total {
  rounds: number
  failed: number
  said: number
  delivered: number
  nodeMs: number
  seconds: number
  readonly counts: Map<string, number>
  /** A fault that was never played proves nothing. */
  unplayed: readonly Unplayed[]
  /** Bytes of the heap after every few rounds, where the collector may be called. */
  readonly heap: number[]
}

/** A kind of move that chance left out. */
export interface Unplayed {
  readonly name: string
  /** The plays that its weight had led to expect. */
  readonly expected: number
}

/** Where so many plays were to be expected, none is no chance: one run in half a milliard. */
const TOO_MANY_TO_MISS = 20

/** Rounds between two looks at the heap. */
const HEAP_EVERY = 5

/** Plays rounds of one seed, one after the other. */
export async function campaign(base: Omit<RunOptions, 'round'>, extent: Extent): Promise<Total> {
  const counts = new Map<string, number>()
  const total: Total = {
    rounds: 0,
    failed: 0,
    said: 0,
    delivered: 0,
    nodeMs: 0,
    seconds: 0,
    counts,
    unplayed: [],
    heap: [],
  }
  const startedAt = performance.now()
  for (let round = 0; !isOver(total, extent); round++) {
    const report = await run({ ...base, round })
    add(total, report)
    total.seconds = (performance.now() - startedAt) / 1_000
    if (total.rounds % HEAP_EVERY === 0) await measure(total)
    if (report.findings.length === 0) continue
    total.failed++
    extent.failed({ ...base, round }, report)
    if (!extent.goesOn) break
  }
  if (heapGrowth(total.heap) !== undefined) total.failed++
  const kinds = kindsFor({ stage: base.mode, families: base.families })
  total.unplayed = unplayed(counts, kinds, total.rounds * base.count)
  if (total.unplayed.some(isNoChance)) total.failed++
  return total
}

function isOver({ rounds, seconds, nodeMs }: Total, extent: Extent): boolean {
  if (extent.rounds !== undefined && rounds >= extent.rounds) return true
  if (extent.minutes !== undefined && seconds >= extent.minutes * 60) return true
  return extent.hours !== undefined && nodeMs >= extent.hours * 3_600_000
}

function add(total: Total, { counts, said, delivered, tookMs }: RoundReport): void {
  total.rounds++
  total.said += said
  total.delivered += delivered
  total.nodeMs += tookMs
  for (const [what, count] of counts) total.counts.set(what, (total.counts.get(what) ?? 0) + count)
}

/** The kinds that were not played in so many moves. */
export function unplayed(
  counts: ReadonlyMap<string, number>,
  kinds: readonly MoveKind[],
  moves: number,
): Unplayed[] {
  const total = kinds.reduce((sum, { weight }) => sum + weight, 0)
  return kinds
    .filter(({ name }) => !counts.has(`move: ${name}`))
    .map(({ name, weight }) => ({ name, expected: (moves * weight) / total }))
}

export function isNoChance({ expected }: Unplayed): boolean {
  return expected >= TOO_MANY_TO_MISS
}

async function measure({ heap }: Total): Promise<void> {
  const { gc } = globalThis
  if (gc === undefined) return
  let least = Number.POSITIVE_INFINITY
  for (let pass = 0; pass < COLLECTIONS; pass++) {
    await new Promise((resolve) => setImmediate(resolve))
    gc()
    least = Math.min(least, process.memoryUsage().heapUsed)
  }
  heap.push(least)
}

/** One collection leaves what weak references and compiled code hold until the next turn, some MiB: the least of several counts. */
const COLLECTIONS = 4
/** A leak of one object a round is far below this; one of a connection a round is far above it. */
const LEVEL_BYTES = 2 * 1_048_576
/** Looks before the code is warm, and the least that a slope needs behind them. */
const WARM_LOOKS = 4

/**
 * The growth of the heap over the rounds, in bytes: the median of the last half of the looks beyond that of the first, the warm-up
 * apart. `undefined` where it is level, or where there are too few looks to tell.
 */
export function heapGrowth(looks: readonly number[]): number | undefined {
  const warm = looks.slice(WARM_LOOKS)
  if (warm.length < 2 * WARM_LOOKS) return undefined
  const half = Math.floor(warm.length / 2)
  const growth = median(warm.slice(-half)) - median(warm.slice(0, half))
  return growth > LEVEL_BYTES ? growth : undefined
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
