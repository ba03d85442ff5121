import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { Dice } from '../fuzz/dice.ts'

/**
 * From now on all chance of this process comes from a seed: the names of nodes, the ids of connections, the refs of
 * presences. They stand in the trace, and decide who asks whom. A process that does this does nothing else.
 */
export function seedChance(seed: number): void {
  const dice = new Dice(seed)
  const patched: Partial<Record<keyof typeof crypto, unknown>> = {
    randomBytes: (size: number) => dice.bytes(size),
    randomInt: (limit: number) => dice.below(limit),
    randomUUID: () => dice.bytes(16).toString('hex'),
  }
  Object.assign(crypto, patched)
  syncBuiltinESMExports()
  Math.random = () => dice.next() / 2 ** 32
}
