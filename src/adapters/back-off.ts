const FIRST_MS = 50
const LONGEST_MS = 2_000
const JITTER_MS = 200

/**
 * The pause before the next attempt to connect: 50 ms × 2ⁿ, at most 2 s, give or take 200 ms, so that the nodes of a cluster
 * do not come back all at once.
 *
 * @param attempt the number of attempts that failed since the link was lost
 * @param chance from 0 to 1
 */
export function backOffMs(attempt: number, chance: number): number {
  const pause = Math.min(FIRST_MS * 2 ** Math.min(attempt, 20), LONGEST_MS)
  return Math.max(0, Math.round(pause + (2 * chance - 1) * Math.min(JITTER_MS, pause)))
}
