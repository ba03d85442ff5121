import type { Dice } from '../fuzz/dice.ts'
import type { World } from './world.ts'

/** The families of moves. A round mixes all of them. */
export type Family = 'clients' | 'handlers' | 'crashes' | 'adapters' | 'network'

/** One way to attack. */
export interface MoveKind {
  readonly family: Family
  readonly name: string
  /** Its share among the others. */
  readonly weight: number
  /** Where the stage cannot play it, it is not drawn. */
  readonly only?: 'simulated' | 'sockets'
  /** All chance comes from `dice`, which belongs to this one move: others may be left out without changing it. */
  play(world: World, dice: Dice): void | Promise<void>
}

/** One move of a round, as data. */
export interface Move {
  readonly kind: string
  readonly seed: number
  /** The time between the move before it and this one. */
  readonly afterMs: number
}
