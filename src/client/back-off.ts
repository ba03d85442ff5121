const FIRST_MS = 1000
const LONGEST_MS = 20_000

/** The wait before a try, from 1: full jitter, so that those whom one server lost do not come back together. */
export function backOffMs(tries: number): number {
  return Math.random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** (tries - 1))
}
