import { Dice } from '../fuzz/dice.ts'
import type { Move, MoveKind } from './move.ts'
import { adapterMoves } from './moves/adapters.ts'
import { clientMoves } from './moves/clients.ts'
import { crashMoves } from './moves/crashes.ts'
import { handlerMoves } from './moves/handlers.ts'
import { networkMoves } from './moves/network.ts'
import type { Stage } from './stage.ts'

/** Every way to attack. */
export const moveKinds: readonly MoveKind[] = [
  ...clientMoves,
  ...handlerMoves,
  ...crashMoves,
  ...adapterMoves,
  ...networkMoves,
]

const byName = new Map(moveKinds.map((kind) => [kind.name, kind]))

export function kindOf({ kind }: Move): MoveKind {
  return byName.get(kind) as MoveKind
}

export interface PlanOptions {
  readonly count: number
  /** The moves are spread over about so much time. */
  readonly spanMs: number
  readonly stage: Stage['name']
  /** Only these families, where it is there. */
  readonly families?: readonly string[] | undefined
}

/** The kinds that are drawn from. */
export function kindsFor({ stage, families }: Pick<PlanOptions, 'stage' | 'families'>): readonly MoveKind[] {
  return moveKinds.filter(
    ({ only, family }) => (only ?? stage) === stage && (families?.includes(family) ?? true),
  )
}

/** The moves of one round: all of its chance comes from the seed. */
export function plan(seed: number, { count, spanMs, stage, families }: PlanOptions): Move[] {
  const dice = new Dice(seed)
  const kinds = kindsFor({ stage, families })
  const total = kinds.reduce((sum, { weight }) => sum + weight, 0)
  return Array.from({ length: count }, () => ({
    kind: draw(kinds, dice.below(total)).name,
    seed: dice.next(),
    // Often at once, sometimes after a long while.
    afterMs: dice.oneIn(3) ? 0 : Math.floor((3 * spanMs * dice.below(1_000)) / 1_000 / count),
  }))
}

function draw(kinds: readonly MoveKind[], at: number): MoveKind {
  let left = at
  for (const kind of kinds) {
    left -= kind.weight
    if (left < 0) return kind
  }
  return kinds[0] as MoveKind
}
