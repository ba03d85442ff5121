import type { Dice } from '../../fuzz/dice.ts'
import { randomJson, randomMessage } from '../../fuzz/messages.ts'
import { giving, reentering } from '../acts.ts'
import { HOSTILE_TOPICS } from '../application.ts'
import type { HostileClient } from '../hostile-client.ts'
import type { MoveKind } from '../move.ts'
import type { World } from '../world.ts'

// The deeds of clients.

/** The payload of a join that wants to be let in. */
export function politely(topic: string): unknown {
  if (topic.startsWith('bare:')) return { url: 'http://localhost/' }
  return topic.startsWith('control:') ? { name: 'a stranger' } : {}
}

/** A token says what its renewal does, and for how long it is. */
function tokenOf(act: string, forMs: number): string {
  return JSON.stringify({ act, forMs })
}

function joins(client: HostileClient, dice: Dice): string {
  const topic = dice.pick(HOSTILE_TOPICS)
  client.join(topic, dice.oneIn(3) ? randomJson(dice, 3) : politely(topic))
  return topic
}

function move(name: string, weight: number, play: (client: HostileClient, dice: Dice) => void): MoveKind {
  return {
    family: 'clients',
    name,
    weight,
    play: async (world: World, dice: Dice) => play(await world.anybody(dice), dice),
  }
}

export const clientMoves: readonly MoveKind[] = [
  move('connect and join', 6, (client) => {
    for (const topic of HOSTILE_TOPICS) client.join(topic, politely(topic))
  }),
  move('garbage', 6, (client, dice) => {
    for (let left = 1 + dice.below(12); left > 0; left--) {
      const { data, isBinary } = randomMessage(dice, '2.0.0')
      const text = isBinary ? data : Buffer.from(data.toString().replaceAll('room:', 'hostile:'))
      client.raw(text, isBinary)
    }
  }),
  move('a flood of pushes', 3, (client, dice) => {
    client.join('hostile:1', {})
    for (let left = 50 + dice.below(400); left > 0; left--) client.push('hostile:1', 'act', {})
  }),
  move('a flood of joins', 2, (client, dice) => {
    for (let left = 20 + dice.below(150); left > 0; left--) joins(client, dice)
  }),
  move('a join with an odd topic', 3, (client, dice) => {
    client.join(
      dice.pick(['', 'phoenix', '__proto__', 'hostile:', `hostile:${'x'.repeat(300)}`, 'hostile:\u{1f47b}']),
      {},
    )
  }),
  move('an odd payload', 5, (client, dice) => {
    joins(client, dice)
    client.push(dice.pick(HOSTILE_TOPICS), dice.pick(['act', 'quiet', 'picky', 'none']), randomJson(dice, 4))
  }),
  move('a check of a schema that throws', 3, (client, dice) => {
    const url = { url: 'no url' }
    if (dice.oneIn(2)) client.join('bare:1', url)
    client.join('hostile:1', dice.oneIn(2) ? { join: 'settle in a turn' } : {})
    client.push('hostile:1', 'picky', url)
  }),
  move('pushes behind a join that waits', 5, (client, dice) => {
    const topic = dice.pick(HOSTILE_TOPICS)
    client.join(topic, {
      ...(politely(topic) as object),
      join: dice.pick(['settle late', 'settle in a turn', ...giving]),
    })
    for (let left = dice.below(40); left > 0; left--)
      client.push(
        topic,
        dice.pick(['act', 'picky', 'quiet', 'say']),
        dice.oneIn(2) ? { act: dice.pick(giving) } : { url: 1 },
      )
    if (dice.oneIn(3)) client.leave(topic)
    if (dice.oneIn(4)) client.go('drop')
  }),
  move('a leave in any state', 6, (client, dice) => {
    const topic = dice.pick(HOSTILE_TOPICS)
    if (dice.oneIn(2))
      client.join(topic, {
        ...(politely(topic) as object),
        join: dice.pick(['settle late', 'never settle', 'usual']),
      })
    for (let left = dice.below(60); left > 0; left--) client.push(topic, 'act', { act: 'settle late' })
    for (let left = 1 + dice.below(2); left > 0; left--) client.leave(topic)
  }),
  move('a storm of rejoins', 4, (client, dice) => {
    const topic = dice.pick(HOSTILE_TOPICS)
    for (let left = 2 + dice.below(30); left > 0; left--) {
      client.join(topic, {
        ...(politely(topic) as object),
        join: dice.oneIn(3) ? 'settle in a turn' : 'usual',
      })
      if (dice.oneIn(5)) client.leave(topic)
    }
  }),
  move('more topics than allowed', 1, (client) => {
    for (let n = 0; n < 20; n++) client.join(`hostile:many ${n}`, {})
  }),
  move('a reader that stops', 3, (client, dice) => {
    client.join('hostile:1', {})
    client.read(false)
    for (let left = 30; left > 0; left--)
      client.push('hostile:1', 'act', { act: 'broadcast many', pad: 'x'.repeat(dice.below(900)) })
  }),
  move('a reader that goes on', 2, (client) => client.read(true)),
  move('callbacks at work, then gone', 3, (client, dice) => {
    client.join('hostile:2', { terminate: dice.pick(['usual', 'settle late', 'never settle']) })
    for (const topic of ['hostile:3', 'hostile:4', 'hostile:5', 'hostile:6'])
      for (let n = client.joinRefs.has(topic) ? 1 : 0; n < 3; n++)
        if (n === 0) client.join(topic, {})
        else
          client.push(topic, 'act', {
            act: dice.pick(['wait for its signal', 'never settle', 'a later that never settles']),
          })
    for (let n = 0; n < 30; n++) client.push('hostile:2', 'act', { act: 'a later that never settles' })
    client.go(dice.pick(['close', 'drop', 'half'] as const))
  }),
  move('a renewal', 5, (client, dice) => {
    const act = dice.pick(dice.oneIn(3) ? [...giving, ...reentering] : ['usual'])
    for (let left = 1 + dice.below(3); left > 0; left--)
      client.renew(
        dice.oneIn(6)
          ? dice.pick(['', '{', 'null', 'x'.repeat(50_000)])
          : tokenOf(act, 500 + dice.below(70_000)),
      )
    if (dice.oneIn(4)) client.go(dice.pick(['close', 'drop'] as const))
  }),
  {
    family: 'clients',
    name: 'a client for a time',
    weight: 2,
    play: (world, dice) => world.knock(dice, `&forMs=${500 + dice.below(60_000)}`),
  },
  move('a snapshot', 6, (client, dice) => {
    const snapshot = dice.pick(dice.oneIn(2) ? giving : reentering)
    for (let left = 1 + dice.below(3); left > 0; left--) client.join('late:1', { snapshot })
    for (let left = dice.below(30); left > 0; left--)
      client.push('late:1', 'act', {
        act: dice.pick(['broadcast', 'usual', 'inform everybody on its topic']),
      })
    if (dice.oneIn(3)) client.leave('late:1')
    else if (dice.oneIn(4)) client.go('drop')
  }),
  move('a drop', 3, (client) => client.go('drop')),
  move('a close', 2, (client) => client.go('close')),
  move('half of a close', 2, (client) => client.go('half')),
  {
    family: 'clients',
    name: 'slow readers that are closed by the server',
    weight: 2,
    async play(world, dice) {
      for (let left = 6; left > 0; left--) {
        const client = await world.newcomer(dice)
        client.join('hostile:3', {})
        client.read(false)
        client.push('hostile:3', 'act', { act: 'push much' })
        client.raw(Buffer.from('no message'), false)
      }
    },
  },
  {
    family: 'clients',
    name: 'a rush to the door',
    weight: 1,
    async play(world, dice) {
      for (let left = 5 + dice.below(10); left > 0; left--) joins(await world.newcomer(dice), dice)
    },
  },
  {
    family: 'clients',
    name: 'control clients that drop',
    weight: 1,
    play: (world, dice) => dice.pick(world.controls).drop(),
  },
]
