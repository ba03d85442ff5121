import { readFields } from '../ground/argument.ts'
import { check, checkKeys, isMilliseconds, LONGEST_TIMER_MS } from './check.ts'

/**
 * The wait before a start that follows others in a row, in milliseconds: none before the first restart, `minMs` or a little
 * more before the second, then twice as long each time, up to `maxMs`. A child that had run for `maxMs` begins anew.
 */
export interface Backoff {
  readonly minMs: number
  readonly maxMs: number
}

/**
 * Checks a back-off. `false` is none, also where the supervisor has one.
 *
 * @throws BERYL_ERR_CHILD_SPEC naming the field, what was wanted and what came
 */
export function resolveBackoff(owner: string, field: string, value: unknown): Backoff | false | undefined {
  if (value === undefined || value === false) return value
  checkKeys(owner, field, value, ['minMs', 'maxMs'])
  const { minMs, maxMs } = readFields(value) ?? {}
  return Object.freeze({
    minMs: waitOf(owner, `${field}.minMs`, minMs, 1),
    maxMs: waitOf(owner, `${field}.maxMs`, maxMs, isMilliseconds(minMs) ? minMs : 1),
  })
}

function waitOf(owner: string, field: string, value: unknown, least: number): number {
  const isWait = isMilliseconds(value) && value >= least
  check(isWait, owner, field, `milliseconds from ${least} to ${LONGEST_TIMER_MS}`, value)
  return Number(value)
}

/** The wait before the n-th restart in a row. @param random from 0 to 1: children that failed together come back apart */
export function backoffMs({ minMs, maxMs }: Backoff, inARow: number, random: number): number {
  if (inARow < 2) return 0
  const most = Math.min(maxMs, minMs * 2 ** (inARow - 1))
  const least = Math.max(minMs, most / 2)
  return Math.round(least + random * (most - least))
}
