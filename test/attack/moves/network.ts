import type { MoveKind } from '../move.ts'

// The links between the nodes, and the nodes themselves.

export const networkMoves: readonly MoveKind[] = [
  {
    family: 'network',
    name: 'a partition',
    weight: 2,
    play(world, dice) {
      const alone = dice.below(world.nodes.length)
      for (const { index } of world.nodes) {
        if (index === alone) continue
        world.links.cut(alone, index)
        world.links.cut(index, alone)
      }
    },
  },
  {
    family: 'network',
    name: 'a link that carries one way',
    weight: 2,
    play(world, dice) {
      const from = dice.below(world.nodes.length)
      world.links.cut(from, (from + 1 + dice.below(world.nodes.length - 1)) % world.nodes.length)
    },
  },
  { family: 'network', name: 'links that carry again', weight: 4, play: (world) => world.links.heal() },
  {
    family: 'network',
    name: 'a node that stops',
    weight: 1,
    play: (world, dice) => world.stopNode(dice),
  },
  {
    family: 'network',
    name: 'a node that vanishes',
    weight: 1,
    async play(world, dice) {
      const node = world.upNode(dice)
      if (node === undefined) return
      for (const { index } of world.nodes) world.links.cut(node.index, index)
      for (const client of world.clientsOf(node.index)) client.drop()
      await world.stopNode(dice, node)
    },
  },
  {
    family: 'network',
    name: 'nodes that start again',
    weight: 4,
    play: (world) => world.startNodes(),
  },
  {
    family: 'network',
    name: 'a loop that stands still',
    weight: 2,
    only: 'simulated',
    play: (world, dice) => world.upNode(dice)?.clock.freeze(500 + dice.below(14_000)),
  },
]
