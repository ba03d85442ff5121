/**
 * One run of the replicating process of one node. A successor is never mistaken for its predecessor, and of two it can
 * always be told which one is the later: by generation, then by nonce.
 */
export interface Incarnation {
  readonly generation: number
  /** Random, below 2^32: tells two runs apart that took the same generation. */
  readonly nonce: number
}

/** Generations begin with the milliseconds of the wall clock and rise by one: nobody comes near. */
export const MAX_GENERATION = 2 ** 52

/** Before every real incarnation. */
export const NO_INCARNATION: Incarnation = { generation: 0, nonce: 0 }

/** Negative where `a` came before `b`, 0 where they are the same, positive where it came after. */
export function compareIncarnations(a: Incarnation, b: Incarnation): number {
  return a.generation - b.generation || a.nonce - b.nonce
}
