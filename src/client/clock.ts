/** A timer that is set for longer runs at once. */
export const LONGEST_MS = 2 ** 31 - 1

/** Runs it in `ms`, once. Gives what prevents it. */
export function after(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms)
  return () => clearTimeout(timer)
}
