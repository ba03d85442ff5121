import type { Dice } from '../../fuzz/dice.ts'
import { attempt } from '../acts.ts'
import type { MoveKind } from '../move.ts'
import type { NodeSeat } from '../node-seat.ts'

// Crashes of the processes of the tree.

/** The application's, under a supervisor of their own. */
const OWN: readonly string[] = ['feed', 'ticker', 'feed with back-off']
const PROCESSES = ['pubsub', 'coordinator', 'presence', 'groups', 'app', ...OWN]

function end(node: NodeSeat | undefined, id: string, dice: Dice): void {
  const reason = dice.pick(['killed', 'error', 'killed', 'error', 'shutdown', 'normal'] as const)
  attempt(() => {
    const root = node?.app?.channels.supervisor
    const owner = OWN.includes(id) ? root?.which('app') : root
    owner?.exitChild(id, reason === 'error' ? { error: new Error('a crash') } : reason)
  })
}

export const crashMoves: readonly MoveKind[] = [
  ...PROCESSES.map(
    (id): MoveKind => ({
      family: 'crashes',
      name: `a crash of ${id}`,
      weight: id === 'pubsub' ? 2 : 1,
      play: (world, dice) => end(world.upNode(dice), id, dice),
    }),
  ),
  {
    family: 'crashes',
    name: 'several crashes at once',
    weight: 2,
    play(world, dice) {
      for (let left = 2 + dice.below(3); left > 0; left--) end(world.upNode(dice), dice.pick(PROCESSES), dice)
    },
  },
  {
    family: 'crashes',
    name: 'three crashes on one node',
    weight: 1,
    play(world, dice) {
      const node = world.upNode(dice)
      for (const id of ['pubsub', 'presence', 'coordinator']) end(node, id, dice)
    },
  },
  {
    family: 'crashes',
    name: 'a child that fails at every start for a while',
    weight: 1,
    async play(world, dice) {
      const node = world.upNode(dice)
      for (let left = 4 + dice.below(12); left > 0 && node?.isUp; left--) {
        end(node, 'feed with back-off', dice)
        await world.advance(dice.below(900))
      }
    },
  },
  {
    family: 'crashes',
    name: 'a tree that gives up',
    weight: 1,
    async play(world, dice) {
      const node = world.upNode(dice)
      for (let left = 20; left > 0 && node?.isUp; left--) {
        end(node, dice.oneIn(4) ? 'pubsub' : 'groups', dice)
        await world.advance(50)
      }
    },
  },
  {
    family: 'crashes',
    name: 'children that are too many for app',
    weight: 1,
    async play(world, dice) {
      const node = world.upNode(dice)
      for (let left = 20; left > 0 && node?.isUp; left--) {
        end(node, dice.pick(OWN), dice)
        await world.advance(50)
      }
    },
  },
]
