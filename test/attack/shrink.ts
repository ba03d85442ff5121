import type { Move } from './move.ts'
import { movesOf, type RunOptions, run } from './run.ts'

export interface Shrunk {
  readonly moves: readonly Move[]
  readonly only: ReadonlySet<number>
}

/**
 * Leaves out moves as long as one finding of a round stays: halves first, then smaller parts, at last one at a time.
 * Each move has its chance for itself, so the others stay what they were.
 */
export async function shrink(
  options: RunOptions,
  about: string,
  progress: (left: number) => void,
): Promise<Shrunk> {
  const wanted = kindOfFinding(about)
  let kept = [...(options.only ?? Array.from({ length: options.count }, (_, n) => n))]
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (const part of partsOf(kept, size)) {
      const fewer = kept.filter((n) => !part.includes(n))
      const { findings } = await run({ ...options, write: undefined, only: new Set(fewer) })
      if (!findings.some((finding) => kindOfFinding(finding) === wanted)) continue
      kept = fewer
      progress(kept.length)
    }
  }
  const only = new Set(kept)
  return { moves: movesOf({ ...options, only }), only }
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
