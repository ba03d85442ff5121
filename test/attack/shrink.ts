import type { Move } from './move.ts'
import type { RoundReport } from './round.ts'
import { movesOf, type RunOptions, run } from './run.ts'

export interface Shrunk {
  readonly moves: readonly Move[]
  readonly without: ReadonlySet<number>
}

/**
 * Leaves out moves as long as the first finding of a round stays: halves first, then smaller parts, at last one at a time.
 * Each move has its chance for itself, so the others stay what they were.
 */
export async function shrink(
  options: RunOptions,
  report: RoundReport,
  progress: (left: number) => void,
): Promise<Shrunk> {
  const wanted = kindOfFinding(report.findings[0] as string)
  const without = new Set(options.without)
  const kept = (): number[] =>
    Array.from({ length: options.count }, (_, n) => n).filter((n) => !without.has(n))
  for (let size = Math.ceil(kept().length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (const part of partsOf(kept(), size)) {
      const fewer = new Set([...without, ...part])
      const { findings } = await run({ ...options, write: undefined, without: fewer })
      if (!findings.some((finding) => kindOfFinding(finding) === wanted)) continue
      for (const n of part) without.add(n)
      progress(kept().length)
    }
  }
  return { moves: movesOf({ ...options, without }), without }
}

/** Numbers may change while a failure stays the same. */
function kindOfFinding(finding: string): string {
  return finding.replace(/\d+/g, 'n').slice(0, 60)
}

function partsOf(items: readonly number[], size: number): number[][] {
  const parts: number[][] = []
  for (let at = 0; at < items.length; at += size) parts.push(items.slice(at, at + size))
  return parts
}
