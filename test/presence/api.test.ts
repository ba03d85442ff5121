import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Changes, type PresenceDiff } from '../../src/presence/diff.ts'
import { Ledger } from '../../src/presence/ledger.ts'
import type { PresenceLimits } from '../../src/presence/options.ts'
import { type PresenceEvent, PresenceRegister } from '../../src/presence/register.ts'
import { makeRow } from '../../src/presence/row.ts'
import { soloLane } from '../../src/replication/lane.ts'
import { ManualClock } from './network.ts'

interface Setup {
  readonly limits?: PresenceLimits
  readonly checkMeta?: (topic: string, meta: object) => void
  readonly subscribers?: number
}

/** Clients are told at the end of each turn: pacing.test.ts has the times. */
function setup({ limits = {}, checkMeta, subscribers = 1 }: Setup = {}) {
  const clock = new ManualClock()
  const frames: [topic: string, diff: PresenceDiff][] = []
  const events: PresenceEvent[] = []
  const presence = new PresenceRegister({
    lane: () => soloLane('a'),
    sink: {
      subscribers: () => subscribers,
      diff: (topic, { text }) => frames.push([topic, JSON.parse(text)]),
    },
    report: (event) => events.push(event),
    clock,
    options: { diffMs: 0, limits },
    ...(checkMeta === undefined ? {} : { checkMeta }),
  })
  const process = presence.start()
  const taken = (): [topic: string, diff: PresenceDiff][] => {
    clock.turn()
    return frames.splice(0)
  }
  return { clock, presence, process, events, frames, taken }
}

function newOwner(): { id: string; topic: string } {
  return { id: 'connection', topic: 'room:1' }
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

test('K1 list maps each key to its metas, which carry a phx_ref of 16 base64url characters', () => {
  const { presence } = setup()
  const ref = presence.track('room:1', 'ann', { name: 'Ann' }, { owner: newOwner() })
  assert.match(ref, /^[A-Za-z0-9_-]{16}$/)
  assert.deepEqual(plain(presence.list('room:1')), { ann: { metas: [{ phx_ref: ref, name: 'Ann' }] } })
  assert.deepEqual(plain(presence.list('room:2')), {})
})

test('K1 a number as a key becomes a string', () => {
  const { presence } = setup()
  const owner = newOwner()
  presence.track('room:1', 5, {}, { owner })
  assert.deepEqual(Object.keys(presence.list('room:1')), ['5'])
  assert.equal(presence.get('room:1', 5)?.metas.length, 1)
  presence.untrack('room:1', 5, owner)
  assert.equal(presence.count('room:1'), 0)
})

test('K1 refs are unique, over 10,000 tracks and over two instances', () => {
  const refs = new Set<string>()
  for (const { presence } of [setup(), setup()])
    for (let n = 0; n < 5_000; n++) refs.add(presence.track('t', n, {}, { owner: newOwner() }))
  assert.equal(refs.size, 10_000)
})

test('K6 an update is one diff with a join and a leave, and names the ref that it replaces', () => {
  const { presence, taken } = setup()
  const owner = newOwner()
  const first = presence.track('room:1', 'ann', { status: 'online' }, { owner })
  taken()
  const second = presence.update('room:1', 'ann', { status: 'away' }, { owner })
  assert.deepEqual(plain(taken()), [
    [
      'room:1',
      {
        joins: { ann: { metas: [{ phx_ref: second, phx_ref_prev: first, status: 'away' }] } },
        leaves: { ann: { metas: [{ phx_ref: first, status: 'online' }] } },
      },
    ],
  ])
  assert.deepEqual(plain(presence.get('room:1', 'ann')), {
    metas: [{ phx_ref: second, phx_ref_prev: first, status: 'away' }],
  })
})

test('K6 an update to the same meta is a diff too, and a function is given the meta without reserved names', () => {
  const { presence, taken } = setup()
  const owner = newOwner()
  presence.track('room:1', 'ann', { n: 1 }, { owner })
  presence.update('room:1', 'ann', { n: 1 }, { owner })
  taken()
  let seen: unknown
  presence.update('room:1', 'ann', (meta) => (seen = meta), { owner })
  assert.deepEqual(seen, { n: 1 })
  assert.equal(taken().length, 1)
})

test('K8 the metas of a key stand in the order in which they came', () => {
  const { presence } = setup()
  for (let tab = 1; tab <= 4; tab++) presence.track('room:1', 'ann', { tab }, { owner: newOwner() })
  assert.deepEqual(
    presence.get('room:1', 'ann')?.metas.map(({ tab }) => tab),
    [1, 2, 3, 4],
  )
})

test('K10 get gives one key, and undefined where nobody is', () => {
  const { presence } = setup()
  presence.track('room:1', 'ann', {}, { owner: newOwner() })
  assert.equal(presence.get('room:1', 'ann')?.metas.length, 1)
  assert.equal(presence.get('room:1', 'bob'), undefined)
  assert.equal(presence.get('room:2', 'ann'), undefined)
})

test('K12 P13 keys and fields like __proto__ are plain names', () => {
  const { presence, taken } = setup()
  const meta = JSON.parse('{"__proto__":{"admin":true},"constructor":1}')
  for (const key of ['__proto__', 'constructor', 'toString', ''])
    presence.track('room:1', key, meta, { owner: newOwner() })
  const list = presence.list('room:1')
  assert.deepEqual(Object.keys(list), ['__proto__', 'constructor', 'toString', ''])
  assert.equal(Object.getPrototypeOf(list), null)
  assert.ok(JSON.stringify(list).includes('"__proto__":{"metas":'))
  assert.ok(JSON.stringify(presence.get('room:1', '')).includes('"__proto__":{"admin":true}'))
  assert.equal(Object.keys(taken()[0]?.[1].joins ?? {}).length, 4)
  assert.equal(({} as Record<string, unknown>).admin, undefined)
})

test('one owner tracks a key of a topic once; a second owner may track the same', () => {
  const { presence } = setup()
  const owner = newOwner()
  presence.track('room:1', 'ann', {}, { owner })
  assert.throws(() => presence.track('room:1', 'ann', {}, { owner }), { code: 'BERYL_ERR_PRESENCE_TRACKED' })
  presence.track('room:2', 'ann', {}, { owner })
  presence.track('room:1', 'ann', {}, { owner: newOwner() })
  assert.equal(presence.get('room:1', 'ann')?.metas.length, 2)
})

test('an update of what is not tracked throws, an untrack of it does nothing', () => {
  const { presence, taken } = setup()
  const owner = newOwner()
  assert.throws(() => presence.update('room:1', 'ann', {}, { owner }), {
    code: 'BERYL_ERR_PRESENCE_NOT_TRACKED',
  })
  presence.untrack('room:1', 'ann', owner)
  presence.untrackAll(owner)
  assert.deepEqual(taken(), [])
})

test('C23 W6 only its owner removes a presence', () => {
  const { presence } = setup()
  presence.track('room:1', 'ann', {}, { owner: newOwner() })
  presence.untrack('room:1', 'ann', newOwner())
  assert.equal(presence.count('room:1'), 1)
})

test('a meta that is no JSON object, or uses a reserved name, is refused and changes nothing', () => {
  const { presence, taken } = setup()
  const owner = newOwner()
  const circular: Record<string, unknown> = {}
  circular.self = circular
  const wrong = [null, 1, 'x', [], { phx_ref: 'x' }, { phx_ref_prev: 'x' }, circular, new Date(), { n: 1n }]
  for (const meta of wrong)
    assert.throws(() => presence.track('room:1', 'ann', meta as object, { owner }), {
      code: 'BERYL_ERR_PRESENCE_INVALID',
    })
  assert.deepEqual(taken(), [])
  assert.equal(presence.count('room:1'), 0)
})

test("the channel's own check refuses a meta before it is tracked or updated", () => {
  const { presence, taken } = setup({
    checkMeta(topic, meta) {
      if (topic === 'room:1' && !('name' in meta)) throw new Error('no name')
    },
  })
  const owner = newOwner()
  assert.throws(() => presence.track('room:1', 'ann', {}, { owner }), /no name/)
  presence.track('room:1', 'ann', { name: 'Ann' }, { owner })
  taken()
  assert.throws(() => presence.update('room:1', 'ann', {}, { owner }), /no name/)
  assert.deepEqual(taken(), [])
})

test('what was tracked and what is listed cannot be changed from outside', () => {
  const { presence } = setup()
  const meta = { tags: ['a'] }
  presence.track('room:1', 'ann', meta, { owner: newOwner() })
  meta.tags.push('b')
  const tags = presence.get('room:1', 'ann')?.metas[0]?.tags as string[]
  assert.deepEqual(tags, ['a'])
  assert.throws(() => tags.push('c'), TypeError)
  delete presence.list('room:1').ann
  assert.equal(presence.count('room:1'), 1)
})

test('what an AbortSignal owns ends with it, and it owns nothing after that', () => {
  const { presence, taken } = setup()
  const controller = new AbortController()
  presence.track('room:1', 'bot', {}, { owner: controller.signal })
  presence.track('room:2', 'bot', {}, { owner: controller.signal })
  taken()
  controller.abort()
  assert.deepEqual(
    taken().map(([topic, { leaves }]) => [topic, Object.keys(leaves)]),
    [
      ['room:1', ['bot']],
      ['room:2', ['bot']],
    ],
  )
  assert.throws(() => presence.track('room:1', 'bot', {}, { owner: controller.signal }), {
    code: 'BERYL_ERR_PRESENCE_OWNER_ENDED',
  })
})

test('a channel that has ended tracks nothing any more, not even from a handler that goes on', () => {
  const { presence } = setup()
  const owner = newOwner()
  presence.track('room:1', 'ann', {}, { owner })
  presence.end(owner)
  assert.equal(presence.count('room:1'), 0)
  assert.throws(() => presence.track('room:1', 'ann', {}, { owner }), {
    code: 'BERYL_ERR_PRESENCE_OWNER_ENDED',
  })
})

test('an owner that is no object is refused', () => {
  const { presence } = setup()
  for (const owner of [undefined, null, 'me'])
    assert.throws(() => presence.track('t', 'k', {}, { owner: owner as unknown as AbortSignal }), {
      code: 'BERYL_ERR_PRESENCE_INVALID',
    })
})

test('the limits of keys, bytes and tracks throw at the caller, and changes come back with time', () => {
  const { presence, clock } = setup()
  const owner = newOwner()
  const limited = { code: 'BERYL_ERR_PRESENCE_LIMIT', statusCode: 429 }
  for (let n = 0; n < 10; n++) presence.track('room:1', n, {}, { owner })
  assert.throws(() => presence.track('room:1', 10, {}, { owner }), limited)
  const fits = { text: 'x'.repeat(4_096 - '{"text":""}'.length) }
  presence.update('room:1', 0, fits, { owner })
  assert.throws(() => presence.update('room:1', 0, { text: `${fits.text}x` }, { owner }), limited)
  for (let n = 0; n < 9; n++) presence.update('room:1', 1, {}, { owner })
  const again = (): unknown => {
    presence.untrack('room:1', 9, owner)
    return presence.track('room:1', 9, {}, { owner })
  }
  assert.throws(again, limited)
  clock.advance(50)
  again()
  assert.throws(again, limited)
  clock.advance(60_000)
  for (let n = 0; n < 20; n++) again()
  assert.throws(again, limited)
})

test('a limit that is false is off', () => {
  const { presence } = setup({ limits: { keys: false, metaBytes: false, changesPerSecond: false } })
  const owner = newOwner()
  for (let n = 0; n < 100; n++) presence.track('room:1', n, { text: 'x'.repeat(10_000) }, { owner })
  assert.equal(presence.count('room:1'), 100)
})

test('C31 the changes of one turn on one topic are one frame', () => {
  const { presence, taken } = setup()
  for (let n = 0; n < 1_000; n++) presence.track('room:1', n, {}, { owner: newOwner() })
  presence.track('room:2', 'ann', {}, { owner: newOwner() })
  const frames = taken()
  assert.deepEqual(
    frames.map(([topic, { joins, leaves }]) => [
      topic,
      Object.keys(joins).length,
      Object.keys(leaves).length,
    ]),
    [
      ['room:1', 1_000, 0],
      ['room:2', 1, 0],
    ],
  )
  assert.deepEqual(taken(), [])
})

test('P9 what comes and goes in one turn is not told, unless somebody read the topic in between', () => {
  const { presence, taken } = setup()
  const owner = newOwner()
  presence.track('room:1', 'ann', {}, { owner })
  presence.untrack('room:1', 'ann', owner)
  assert.deepEqual(taken(), [])
  presence.track('room:1', 'ann', {}, { owner })
  assert.deepEqual(Object.keys(presence.list('room:1')), ['ann'], 'the reader knows ann')
  presence.untrack('room:1', 'ann', owner)
  assert.deepEqual(
    taken().map(([, { joins, leaves }]) => [Object.keys(joins), Object.keys(leaves)]),
    [
      [['ann'], []],
      [[], ['ann']],
    ],
  )
})

test('K2 clients that join are told who is there at the end of the turn, themselves included, before its diff', () => {
  const { presence, frames, taken } = setup()
  const [here, gone, coming] = [newOwner(), newOwner(), newOwner()]
  presence.track('room:1', 'here', {}, { owner: here })
  presence.track('room:1', 'gone', {}, { owner: gone })
  taken()
  const told: string[] = []
  const hear = ({ text }: { text: string }): void => {
    assert.deepEqual(frames, [], 'no diff before the state')
    told.push(text)
  }
  presence.newcomer('room:1', hear)
  presence.track('room:1', 'coming', {}, { owner: coming })
  presence.newcomer('room:1', hear)
  presence.untrackAll(gone)
  const [[, diff] = []] = taken()
  assert.deepEqual(Object.keys(diff?.joins ?? {}), ['coming'])
  assert.deepEqual(Object.keys(diff?.leaves ?? {}), ['gone'])
  const state = JSON.stringify(presence.list('room:1'))
  assert.deepEqual(told, [state, state])
  presence.track('room:1', 'later', {}, { owner: here })
  taken()
  assert.equal(told.length, 2, 'once')
})

test('K2 where nothing changes, a client that joins is told the state nevertheless', () => {
  const { presence, clock } = setup()
  const told: string[] = []
  presence.newcomer('room:1', ({ text }) => told.push(text))
  assert.deepEqual(told, [], 'not within the call')
  clock.turn()
  assert.deepEqual(told, ['{}'])
})

test('a client that fails while it is told is reported, and the others are told', () => {
  const { presence, clock, events } = setup()
  const told: string[] = []
  presence.newcomer('room:1', () => {
    throw new Error('gone')
  })
  presence.newcomer('room:1', ({ text }) => told.push(text))
  clock.turn()
  assert.deepEqual(told, ['{}'])
  assert.deepEqual(
    events.map(({ type }) => type),
    ['listener_failed'],
  )
})

test('a state that cannot be written as JSON is reported; other topics are told theirs, and all their diffs', (t) => {
  const { presence, events, taken } = setup()
  const told: string[] = []
  for (const topic of ['room:1', 'room:2']) {
    presence.track(topic, 'ann', {}, { owner: newOwner() })
    presence.newcomer(topic, () => told.push(topic))
  }
  // As for metas that are nested too deeply, where their size is not limited.
  const tooDeep = (): never => {
    throw new RangeError('Maximum call stack size exceeded')
  }
  t.mock.method(JSON, 'stringify', tooDeep, { times: 1 })
  assert.deepEqual(
    taken().map(([topic]) => topic),
    ['room:1', 'room:2'],
  )
  assert.deepEqual(told, ['room:2'])
  assert.deepEqual(
    events.map(({ type }) => type),
    ['listener_failed'],
  )
})

test('C31 5,000 joins, one a turn, cost every client at most the shown keys', () => {
  const { presence, taken } = setup({ limits: { shownKeys: 100 } })
  let rows = 0
  let joined = 0
  const owners = Array.from({ length: 5_000 }, newOwner)
  for (const [n, owner] of owners.entries()) {
    presence.track('room:1', n, {}, { owner })
    presence.newcomer('room:1', ({ text }) => {
      rows += Object.keys(JSON.parse(text)).length
    })
    for (const [, { joins }] of taken()) rows += Object.keys(joins).length * joined
    joined++
  }
  assert.equal(presence.count('room:1'), 5_000)
  assert.equal(Object.keys(presence.list('room:1')).length, 5_000)
  assert.equal(Object.keys(presence.list('room:1', { limit: 7 })).length, 7)
  // Told to each of n clients as state and as diffs, all would be 25,000,000.
  assert.ok(rows <= 5_000 * 100 * 1.1, `${rows} rows`)
  presence.untrackAll(owners[0] as object as AbortSignal)
  const [[, { joins, leaves }] = ['', { joins: {}, leaves: {} }]] = taken()
  assert.deepEqual([Object.keys(leaves), Object.keys(joins)], [['0'], ['100']], 'the next one moves up')
})

test('onDiff hears every change in order, also of keys that clients are not shown, until it is ended', () => {
  const { presence, taken } = setup({ limits: { shownKeys: 1 } })
  const heard: unknown[] = []
  const end = presence.onDiff((topic, { joins, leaves }) =>
    heard.push([topic, Object.keys(joins), Object.keys(leaves)]),
  )
  const owner = newOwner()
  for (const key of ['ann', 'bob']) presence.track('room:1', key, {}, { owner })
  taken()
  presence.untrack('room:1', 'bob', owner)
  taken()
  end()
  presence.untrack('room:1', 'ann', owner)
  taken()
  assert.deepEqual(heard, [
    ['room:1', ['ann', 'bob'], []],
    ['room:1', [], ['bob']],
  ])
})

test('C28 a listener that throws harms nobody and is reported; it may track from within', () => {
  const { presence, events, taken, process } = setup()
  let heard = 0
  presence.onDiff(() => {
    throw new Error('broken listener')
  })
  presence.onDiff((_topic, { joins }) => {
    heard++
    if ('ann' in joins) presence.track('room:1', 'echo', {}, { owner: newOwner() })
  })
  presence.track('room:1', 'ann', {}, { owner: newOwner() })
  assert.equal(taken().length, 1)
  assert.equal(taken().length, 1)
  assert.equal(heard, 2)
  assert.deepEqual(
    events.map((event) => event.type),
    ['listener_failed', 'listener_failed'],
  )
  assert.equal(process.inspect().note, '2 rows, 0 nodes')
})

test('nothing is made for a topic without subscribers', () => {
  const { presence, taken } = setup({ subscribers: 0 })
  presence.track('room:1', 'ann', {}, { owner: newOwner() })
  assert.deepEqual(taken(), [])
})

test('the options refuse what is unknown, out of range or contradictory, and name the field', () => {
  const wrong: [object, RegExp][] = [
    [{ downms: 1 }, /option 'presence.downms': wanted one of .*downMs.*, got "downms"/],
    [{ diffMs: -1 }, /'presence.diffMs': wanted a whole number of at least 0, got -1/],
    [{ broadcastMs: 0 }, /'presence.broadcastMs': wanted a whole number of at least 1, got 0/],
    [
      { downMs: 1_000 },
      /'presence.downMs': wanted at least 2 × broadcastMs × quietPeriods \(9000\), got 1000/,
    ],
    [{ permanentDownMs: 30_000 }, /'presence.permanentDownMs': wanted more than downMs \(30000\), got 30000/],
    [
      { limits: { keys: -1 } },
      /'presence.limits.keys': wanted a whole number above 0, or false for no limit, got -1/,
    ],
    [{ limits: { key: 1 } }, /'presence.limits.key': wanted one of keys, .*, got "key"/],
  ]
  for (const [options, message] of wrong)
    assert.throws(
      () =>
        new PresenceRegister({
          lane: () => soloLane('a'),
          sink: { subscribers: () => 1, diff() {} },
          options,
        }),
      { code: 'BERYL_ERR_OPTION_INVALID', message },
    )
})

test('W9 C29 a look at one topic does not touch the rows of the others', () => {
  const { presence } = setup()
  const owners = Array.from({ length: 3_000 }, newOwner)
  let reads = 0
  for (const [n, owner] of owners.entries()) presence.track(`room:${n}`, 'ann', {}, { owner })
  // Whoever walks a Map is charged with all that it holds.
  const values = Map.prototype.values
  const iterator = Map.prototype[Symbol.iterator]
  Map.prototype.values = function counted(this: Map<unknown, unknown>) {
    reads += this.size
    return values.call(this)
  }
  Map.prototype[Symbol.iterator] = function counted(this: Map<unknown, unknown>) {
    reads += this.size
    return iterator.call(this)
  }
  try {
    presence.list('room:7')
    presence.get('room:7', 'ann')
    presence.count('room:7')
    presence.untrack('room:7', 'ann', owners[7] as (typeof owners)[0])
  } finally {
    Map.prototype.values = values
    Map.prototype[Symbol.iterator] = iterator
  }
  assert.ok(reads <= 2, `${reads} rows were looked at`)
})

test('P9 a row that goes and comes back within a turn has not changed', () => {
  const row = makeRow({ topic: 't', key: 'k', owner: 1, ref: 'r', json: '{}' })
  const changes = new Changes()
  changes.leave(row)
  changes.join(row)
  assert.equal(changes.empty, true)
})

test('an owner without presences leaves nothing behind', () => {
  const ledger = new Ledger()
  const owner = {}
  const row = makeRow({ topic: 't', key: 'k', owner: ledger.idOf(owner), ref: 'r', json: '{}' })
  ledger.put(owner, row)
  assert.deepEqual([ledger.size, ledger.owners, ledger.count(owner, 't')], [1, 1, 1])
  assert.equal(ledger.take(owner, 't', 'k'), row)
  assert.deepEqual([ledger.size, ledger.owners, ledger.count(owner, 't')], [0, 0, 0])
})
