import type { Dice } from './dice.ts'
import type { House } from './house.ts'

/** One way of fuzzing. */
export interface Campaign {
  readonly name: string
  /** The name of one message of it, for the report. */
  readonly unit: string
  /** One round sends about so many messages. */
  readonly perRound: number
  /**
   * Plays one round, all of whose chance comes from `dice`.
   *
   * @returns how often what was heard
   * @throws `Violation` where the server did what it must not
   */
  round(dice: Dice, house: House): Promise<Tally>
}

/** Answers of each kind that were heard, and `messages`: those that were sent. */
export type Tally = ReadonlyMap<string, number>

export function addTally(total: Map<string, number>, more: Tally): void {
  for (const [kind, count] of more) total.set(kind, (total.get(kind) ?? 0) + count)
}
