import type { Dice } from './dice.ts'
import type { House } from './house.ts'

/** One way of fuzzing. */
export interface Campaign {
  readonly name: string
  /** What one message of it is, for the report. */
  readonly unit: string
  /** How many messages one round sends, about. */
  readonly perRound: number
  /**
   * Plays one round, all of whose chance comes from `dice`.
   *
   * @returns how often what was heard
   * @throws `Violation` where the server did what it must not
   */
  round(dice: Dice, house: House): Promise<Tally>
}

/** How often each kind of answer was heard, and `messages`: how many were sent. */
export type Tally = ReadonlyMap<string, number>

export function addTally(total: Map<string, number>, more: Tally): void {
  for (const [kind, count] of more) total.set(kind, (total.get(kind) ?? 0) + count)
}
