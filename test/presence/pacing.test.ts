import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PresenceDiff } from '../../src/presence/diff.ts'
import type { PresenceOptions } from '../../src/presence/options.ts'
import { PresenceRegister } from '../../src/presence/register.ts'
import { soloLane } from '../../src/replication/lane.ts'
import { ManualClock } from './network.ts'

// P19, P20: when the clients of a topic are told of several changes.

const TOPIC = 'room:1'

interface Heard {
  readonly at: number
  readonly joins: readonly string[]
  readonly leaves: readonly string[]
}

function setup(subscribers: number, options: PresenceOptions = {}) {
  const clock = new ManualClock()
  const idle = clock.pending
  const room = { subscribers }
  const heard: Heard[] = []
  const presence = new PresenceRegister({
    lane: () => soloLane('a'),
    sink: {
      subscribers: () => room.subscribers,
      diff: (_, { text }) => void heard.push({ at: clock.now(), ...keysOf(JSON.parse(text)) }),
    },
    clock,
    options: { limits: { keys: false, changesPerSecond: false }, ...options },
  })
  const owner = { id: 'connection', topic: TOPIC }
  const come = (...keys: string[]): void => {
    for (const key of keys) presence.track(TOPIC, key, {}, { owner })
    clock.turn()
  }
  const go = (...keys: string[]): void => {
    for (const key of keys) presence.untrack(TOPIC, key, owner)
    clock.turn()
  }
  const join = (): void => {
    presence.newcomer(TOPIC, () => {})
    clock.turn()
  }
  /** The diffs since the last call. */
  const told = (): Heard[] => heard.splice(0)
  return { clock, idle, room, presence, owner, come, go, join, told }
}

function keysOf({ joins, leaves }: PresenceDiff): Omit<Heard, 'at'> {
  return { joins: Object.keys(joins), leaves: Object.keys(leaves) }
}

test('P19 where a topic was quiet, a change is told at the end of its turn', () => {
  const { clock, come, go, told } = setup(5_000)
  come('ann')
  assert.deepEqual(told(), [{ at: 0, joins: ['ann'], leaves: [] }])
  clock.advance(1_000)
  go('ann')
  assert.deepEqual(told(), [{ at: 1_000, joins: [], leaves: ['ann'] }])
})

for (const [subscribers, waitMs] of [
  [11, 2],
  [60, 100],
  [509, 998],
  [510, 1_000],
  [20_000, 1_000],
] as const)
  test(`P19 what follows within ${waitMs} ms is one diff for ${subscribers} subscribers`, () => {
    const { clock, come, told } = setup(subscribers)
    come('ann')
    told()
    for (const key of ['bob', 'cid', 'dee']) come(key)
    clock.advance(waitMs - 1)
    assert.deepEqual(told(), [])
    clock.advance(1)
    assert.deepEqual(told(), [{ at: waitMs, joins: ['bob', 'cid', 'dee'], leaves: [] }])
  })

test('P19 who is told waits as long as those need who have come meanwhile, and no longer than diffMs', () => {
  const { clock, room, come, told } = setup(20, { diffMs: 300 })
  come('ann')
  told()
  come('bob')
  room.subscribers = 110
  clock.advance(199)
  assert.deepEqual(told(), [])
  room.subscribers = 9_000
  clock.advance(101)
  assert.deepEqual(told(), [{ at: 300, joins: ['bob'], leaves: [] }])
})

test('P19 those who stay when all others go and come back are told no more often', () => {
  const { clock, room, come, go, told } = setup(1_000)
  come('ann')
  clock.advance(1_000)
  told()
  go('ann')
  room.subscribers = 3
  come('bob')
  clock.advance(999)
  assert.equal(told().length, 1)
  clock.advance(1)
  assert.equal(told().length, 1)
})

test('P19 a storm is one diff in diffMs, and the first after it is told at once', () => {
  const { clock, idle, come, told } = setup(10_000)
  for (let n = 0; n < 5_000; n++) {
    come(`user:${n}`)
    clock.advance(1)
  }
  clock.advance(1_000)
  assert.deepEqual(
    told().map(({ at }) => at),
    [0, 1_000],
    'clients are shown a thousand keys, and of the others nothing',
  )
  assert.equal(clock.pending, idle)
  const all = setup(10_000, { limits: { keys: false, changesPerSecond: false, shownKeys: false } })
  for (let n = 0; n < 5_000; n++) {
    all.come(`user:${n}`)
    all.clock.advance(1)
  }
  all.clock.advance(2_000)
  const diffs = all.told()
  assert.deepEqual(
    diffs.map(({ at }) => at),
    [0, 1_000, 2_000, 3_000, 4_000, 5_000],
  )
  assert.equal(diffs.flatMap(({ joins }) => joins).length, 5_000)
})

for (const [what, subscribers, options] of [
  ['with diffMs 0', 5_000, { diffMs: 0 }],
  ['with ten subscribers', 10, {}],
] as const)
  test(`P19 ${what} each turn has its diff, and there is no timer`, () => {
    const { clock, idle, come, told } = setup(subscribers, options)
    for (const key of ['ann', 'bob', 'cid']) come(key)
    assert.equal(told().length, 3)
    assert.equal(clock.pending, idle)
  })

test('P19 the listeners of the server hear each turn, and topics do not wait for each other', () => {
  const { presence, owner, clock, come, told } = setup(510)
  const heard: string[] = []
  presence.onDiff((_, { joins }) => heard.push(...Object.keys(joins)))
  come('ann')
  come('bob')
  assert.deepEqual(heard, ['ann', 'bob'])
  presence.track('room:2', 'cid', {}, { owner })
  clock.turn()
  assert.deepEqual(
    told().map(({ joins }) => joins),
    [['ann'], ['cid']],
  )
})

test('P19 where all have gone nothing is told, and no timer is left', () => {
  const { clock, idle, room, come, told } = setup(510)
  come('ann')
  come('bob')
  told()
  room.subscribers = 0
  clock.advance(1_000)
  assert.deepEqual(told(), [])
  assert.equal(clock.pending, idle)
})

test('P19 at the end of the tree no timer is left, and none is set', () => {
  const { clock, idle, presence, come } = setup(510)
  come('ann')
  come('bob')
  presence.ended()
  assert.equal(clock.pending, idle)
  come('cid')
  assert.equal(clock.pending, idle)
})

test('P20 who comes and goes between two diffs is in neither part', () => {
  const { clock, come, go, told } = setup(510)
  come('ann')
  come('bob')
  go('bob')
  come('cid')
  go('ann')
  told()
  clock.advance(1_000)
  assert.deepEqual(told(), [{ at: 1_000, joins: ['cid'], leaves: ['ann'] }])
})

for (const [who, look] of [
  ['a client joined', ({ join }) => join()],
  ['the server listed the topic', ({ presence }) => presence.list(TOPIC)],
  ['the server looked for the key', ({ presence }) => presence.get(TOPIC, 'bob')],
] as readonly [string, (setting: ReturnType<typeof setup>) => unknown][])
  test(`P20 who goes again when ${who} meanwhile is told as gone, once`, () => {
    const setting = setup(510)
    const { clock, come, go, told } = setting
    come('ann')
    told()
    come('bob')
    look(setting)
    come('cid')
    go('bob')
    go('cid')
    clock.advance(1_000)
    assert.deepEqual(told(), [{ at: 1_000, joins: [], leaves: ['bob'] }])
  })

test('P20 a look within the turn of a change has seen what was done before', () => {
  const { clock, presence, owner, come, go, told } = setup(510)
  come('ann')
  told()
  presence.track(TOPIC, 'bob', {}, { owner })
  presence.list(TOPIC)
  clock.turn()
  go('bob')
  clock.advance(1_000)
  assert.deepEqual(told(), [{ at: 1_000, joins: [], leaves: ['bob'] }])
})

test('P20 an update is one diff, also where its join has not been told', () => {
  const { clock, presence, owner, come, told } = setup(510)
  come('ann')
  come('bob')
  told()
  presence.update(TOPIC, 'bob', { n: 1 }, { owner })
  presence.update(TOPIC, 'ann', { n: 1 }, { owner })
  clock.turn()
  clock.advance(1_000)
  assert.deepEqual(told(), [{ at: 1_000, joins: ['bob', 'ann'], leaves: ['ann'] }])
})

test('P22 a large topic is written once for all who come while clients are shown the same, in however many turns', () => {
  const { clock, idle, presence, come, go } = setup(1_000, {
    limits: { keys: false, changesPerSecond: false, shownKeys: 100 },
  })
  const state = (): { text: string } => {
    let told: { text: string } | undefined
    presence.newcomer(TOPIC, (given) => {
      told = given
    })
    clock.turn()
    return told ?? assert.fail('nothing was told')
  }
  const shown = (): string => JSON.stringify(presence.list(TOPIC, { limit: 100 }))
  come(...Array.from({ length: 100 }, (_, n) => `user:${n}`))
  const first = state()
  come('hidden')
  assert.equal(state(), first)
  assert.equal(first.text, shown())
  go('user:7')
  const second = state()
  assert.equal(second.text, shown())
  assert.ok(second.text.includes('"hidden"'))
  clock.advance(5_000)
  assert.equal(clock.pending, idle, 'it is forgotten')
  assert.notEqual(state(), second)
})
