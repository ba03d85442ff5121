import { roundSeed } from '../fuzz/dice.ts'
import { seedChance } from './chance.ts'
import type { Move } from './move.ts'
import { plan } from './moves.ts'
import { playRound, type RoundReport } from './round.ts'
import type { Stage } from './stage.ts'
import { simulatedStage } from './stage-simulated.ts'
import { socketStage } from './stage-sockets.ts'

export type Mode = Stage['name']

export interface RunOptions {
  readonly mode: Mode
  readonly seed: number
  readonly round: number
  /** Moves of one round. */
  readonly count: number
  readonly spanMs: number
  readonly families?: readonly string[] | undefined
  /** The numbers of the moves that are played. All, where it is absent. */
  readonly only?: ReadonlySet<number>
  /** These instead of those that the seed draws. */
  readonly moves?: readonly Move[]
  readonly write?: ((line: string) => void) | undefined
}

export function movesOf({
  mode,
  seed,
  round,
  count,
  spanMs,
  families,
  only,
  moves: given,
}: RunOptions): Move[] {
  const moves = given ?? plan(roundSeed(seed, round), { count, spanMs, families, stage: mode })
  return moves.filter((_, index) => only?.has(index) ?? true)
}

/** Plays one round of a seed, from nothing to nothing. */
export function run(options: RunOptions): Promise<RoundReport> {
  const seed = roundSeed(options.seed, options.round)
  seedChance(seed)
  return playRound({ seed, moves: movesOf(options), stage: stageOf(options.mode), write: options.write })
}

function stageOf(mode: Mode): Stage {
  return mode === 'sockets' ? socketStage() : simulatedStage()
}
