import type { Dice } from '../../fuzz/dice.ts'
import { attempt, giving, reentering } from '../acts.ts'
import type { HostileClient } from '../hostile-client.ts'
import type { MoveKind } from '../move.ts'
import type { World } from '../world.ts'

// The deeds of the application's callbacks, and of its own code to the library.

function acting(
  name: string,
  weight: number,
  play: (client: HostileClient, dice: Dice, act: string) => void,
): MoveKind {
  return {
    family: 'handlers',
    name,
    weight,
    async play(world, dice) {
      const act = dice.pick(dice.oneIn(2) ? giving : reentering)
      world.count(`act: ${act}`)
      play(await world.anybody(dice), dice, act)
    },
  }
}

const TOPICS = ['hostile:1', 'hostile:2', 'hostile:3'] as const

/** A listener of the server's own that misbehaves, until the end of the round. */
function listening(
  name: string,
  listen: (world: World, dice: Dice, fail: () => unknown) => (() => void) | undefined,
): MoveKind {
  return {
    family: 'handlers',
    name,
    weight: 1,
    play(world, dice) {
      const failing = [
        () => {
          throw new Error('a listener')
        },
        () => Promise.reject(new Error('a listener')),
        () => new Promise(() => {}),
        () => ({
          // biome-ignore lint/suspicious/noThenProperty: that is the point
          get then() {
            throw new Error('a getter')
          },
        }),
      ] as const
      const end = listen(world, dice, dice.pick(failing))
      if (end !== undefined) world.atEnd(end)
    },
  }
}

/** The application's own calls with what the types would refuse. Each must be refused, and change nothing. */
const WRONG: readonly unknown[] = [
  0,
  7,
  null,
  undefined,
  true,
  {},
  [],
  Symbol('wrong'),
  () => {},
  Number.NaN,
  '',
  'x'.repeat(100_000),
]

export const handlerMoves: readonly MoveKind[] = [
  acting('a handler', 14, (client, dice, act) => {
    const topic = dice.pick(TOPICS)
    if (!client.joinRefs.has(topic)) client.join(topic, {})
    client.push(topic, dice.oneIn(4) ? 'quiet' : 'act', { act })
    if (dice.oneIn(3)) client.push(topic, 'act', {})
  }),
  acting('a join', 7, (client, dice, act) => client.join(dice.pick(TOPICS), { join: act })),
  acting('a joined', 5, (client, dice, act) => client.join(dice.pick(TOPICS), { joined: act })),
  acting('a terminate', 7, (client, dice, act) => {
    const topic = dice.pick(TOPICS)
    client.join(topic, { terminate: act })
    if (dice.oneIn(3)) client.join(topic, {})
    else if (dice.oneIn(2)) client.leave(topic)
    else client.go(dice.pick(['close', 'drop'] as const))
  }),
  acting('an info', 5, (client, dice, act) => {
    const topic = dice.pick(['hostile:1', 'late:1'])
    if (!client.joinRefs.has(topic) || dice.oneIn(4)) client.join(topic, {})
    client.push(topic, 'act', { act: dice.pick(['inform itself', 'inform more than may wait']) })
    client.push(topic, 'act', { act })
  }),
  acting('timers of a socket', 4, (client, dice, act) => {
    const topic = dice.pick(['hostile:2', 'late:1'])
    client.join(topic, {})
    for (let left = 1 + dice.below(4); left > 0; left--)
      client.push(topic, 'act', { act: dice.pick(reentering.filter((name) => /timer|interval/.test(name))) })
    client.push(topic, 'act', { act })
    if (dice.oneIn(3)) client.leave(topic)
  }),
  {
    family: 'handlers',
    name: 'the server informs, and sends away',
    weight: 4,
    play(world, dice) {
      const channels = world.upNode(dice)?.app?.channels
      const act = dice.pick([...giving, ...reentering])
      const topic = dice.pick(['hostile:1', 'hostile:2', 'late:1'])
      for (let left = dice.below(40); left > 0; left--)
        attempt(() => channels?.info({ topic }, 'informed', { act }))
      if (dice.oneIn(2)) attempt(() => channels?.leave({ topic }, dice.oneIn(2) ? 'sent away' : undefined))
    },
  },
  acting('an intercept', 5, (client, dice, act) => {
    const topic = dice.pick(TOPICS)
    client.join(topic, { intercept: act })
    for (let left = 1 + dice.below(60); left > 0; left--)
      client.push(topic, 'act', { act: 'broadcast what is intercepted' })
  }),
  acting('several callbacks at once', 5, (client, dice, act) => {
    const pick = (): string => dice.pick(dice.oneIn(2) ? giving : reentering)
    client.join(dice.pick(TOPICS), { joined: pick(), terminate: act, intercept: pick() })
    client.push('hostile:1', 'act', { act: pick() })
  }),
  {
    family: 'handlers',
    name: 'connect',
    weight: 3,
    async play(world, dice) {
      const act = dice.pick(giving.filter((name) => name !== 'never settle'))
      await world.knock(dice, `&act=${encodeURIComponent(act)}`)
    },
  },
  {
    family: 'handlers',
    name: 'a handler that closes the application',
    weight: 1,
    async play(world, dice) {
      const client = await world.anybody(dice)
      client.join('hostile:1', {})
      client.push('hostile:1', 'act', { act: 'close the application' })
    },
  },
  listening('a listener of telemetry', (world, dice, fail) => {
    const name = dice.pick([
      'channel.join',
      'channel.end',
      'message.received',
      'limit.reached',
      'supervisor.event',
    ] as const)
    return world.upNode(dice)?.app?.channels.onTelemetry(name, fail as () => void)
  }),
  listening('a listener of a topic', (world, dice, fail) =>
    world.upNode(dice)?.app?.channels.subscribe(dice.pick(TOPICS), fail as () => void),
  ),
  listening('a listener of presence', (world, dice, fail) =>
    world.upNode(dice)?.app?.presence.onDiff(fail as () => void),
  ),
  {
    family: 'handlers',
    name: 'calls with wrong types',
    weight: 3,
    play(world, dice) {
      const app = world.upNode(dice)?.app
      if (app === undefined) return
      const wrong = (): never => dice.pick(WRONG) as never
      const controller = new AbortController()
      world.atEnd(() => controller.abort())
      const owner = dice.oneIn(2) ? wrong() : { owner: controller.signal }
      const calls: readonly (() => unknown)[] = [
        () => app.groups.create(wrong()),
        () => app.groups.add(wrong(), wrong()),
        () => app.groups.delete(wrong()),
        () => app.groups.broadcast(wrong(), wrong(), wrong()),
        () => app.channels.broadcast(wrong(), wrong(), wrong()),
        () => app.channels.broadcastFrom(wrong(), wrong(), wrong(), wrong()),
        () => app.channels.localBroadcast(wrong(), wrong(), wrong()),
        () => app.channels.push(wrong(), wrong(), wrong(), wrong()),
        () => app.channels.disconnect(wrong()),
        () => app.channels.info(wrong(), wrong(), wrong()),
        () => app.channels.info({ topic: wrong(), connectionId: wrong() }, wrong(), wrong()),
        () => app.channels.leave(wrong(), wrong()),
        () => app.channels.leave({ topic: 'hostile:1', connectionTopic: wrong() }, wrong()),
        () => app.presence.track(wrong(), wrong(), wrong(), owner),
        () => app.presence.update(wrong(), wrong(), wrong(), owner),
        () => app.presence.untrack(wrong(), wrong(), wrong()),
        () => app.presence.list(wrong()),
        () => app.channels.register(wrong()),
      ]
      for (let left = 6; left > 0; left--) attempt(dice.pick(calls))
    },
  },
  {
    family: 'handlers',
    name: 'groups that come and go',
    weight: 2,
    play(world, dice) {
      const groups = world.upNode(dice)?.app?.groups
      const name = dice.pick(['red', 'green', 'blue'])
      attempt(() => groups?.create(name))
      attempt(() => groups?.add(name, dice.pick(TOPICS)))
      if (dice.oneIn(2)) attempt(() => groups?.broadcast(name, 'told', { n: 9 }))
      if (dice.oneIn(3)) attempt(() => groups?.delete(name))
    },
  },
]
