import type { Dice } from '../../fuzz/dice.ts'
import type { AdapterFaults, HostileAdapter } from '../hostile-adapter.ts'
import type { MoveKind } from '../move.ts'

// The adapter between the nodes, when it carries nothing.

function fault(name: string, weight: number, change: (faults: AdapterFaults, dice: Dice) => void): MoveKind {
  return on(name, weight, (adapter, dice) => change(adapter.faults, dice))
}

function on(name: string, weight: number, play: (adapter: HostileAdapter, dice: Dice) => void): MoveKind {
  return {
    family: 'adapters',
    name,
    weight,
    play(world, dice) {
      const adapter = world.upNode(dice)?.adapter
      if (adapter !== undefined) play(adapter, dice)
    },
  }
}

export const adapterMoves: readonly MoveKind[] = [
  fault('an adapter that confirms late', 4, (faults, dice) => {
    faults.confirmMs = 1 + dice.below(3_000)
  }),
  fault('an adapter that confirms nothing', 1, (faults) => {
    faults.isSilent = true
  }),
  fault('an adapter that refuses', 1, (faults) => {
    faults.refuses = true
  }),
  fault('messages that come late and overtake each other', 2, (faults, dice) => {
    faults.delayMs = 1 + dice.below(5_000)
  }),
  fault('messages that are lost', 2, (faults) => {
    faults.loses = true
  }),
  fault('messages that come twice', 2, (faults) => {
    faults.doubles = true
  }),
  fault('an adapter that throws', 2, (faults, dice) => {
    faults.throws = new Set([dice.pick(['start', 'publish', 'subscribe', 'unsubscribe', 'stop'] as const)])
  }),
  fault('an adapter that does not stop', 1, (faults) => {
    faults.hangs = true
  }),
  on('a status that flaps', 2, (adapter, dice) => {
    for (let left = 1 + dice.below(4); left > 0; left--) adapter.say(dice.oneIn(2) ? 'down' : 'up')
  }),
  on('an adapter that is well again', 8, (adapter) => adapter.heal()),
]
