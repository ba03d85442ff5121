import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PresenceDiff } from '../../src/presence/diff.ts'
import { type PresenceEvent, PresenceRegister } from '../../src/presence/register.ts'
import { soloLane } from '../../src/replication/lane.ts'
import { ManualClock, Network, TestNode } from './network.ts'

// P17: updates above the rate of their owner.

function setup(changesPerSecond: number) {
  const clock = new ManualClock()
  const before = clock.pending
  const diffs: PresenceDiff[] = []
  const events: PresenceEvent[] = []
  const presence = new PresenceRegister({
    lane: () => soloLane('a'),
    sink: { subscribers: () => 1, diff: (_, { text }) => void diffs.push(JSON.parse(text)) },
    report: (event) => events.push(event),
    clock,
    options: { diffMs: 0, limits: { changesPerSecond } },
  })
  const process = presence.start()
  const idle = clock.pending
  const owner = { id: 'connection', topic: 'room:1' }
  const shown = (key = 'ann'): unknown => presence.get('room:1', key)?.metas[0]?.x
  const update = (x: number, key = 'ann'): string => presence.update('room:1', key, { x }, { owner })
  return { before, clock, diffs, events, presence, process, idle, owner, shown, update }
}

test('P17 a cursor that moves 60 times a second never throws, and shows its newest place at the rate', () => {
  const { clock, diffs, events, presence, owner, shown, update } = setup(20)
  presence.track('room:1', 'ann', { x: 0 }, { owner })
  clock.turn()
  diffs.length = 0
  for (let x = 1; x <= 600; x++) {
    update(x)
    clock.turn()
    clock.advance(1_000 / 60)
  }
  clock.advance(50)
  assert.equal(shown(), 600)
  // Ten seconds of 20, and the second's worth that may come at once.
  assert.ok(diffs.length > 200 && diffs.length <= 220, `${diffs.length}`)
  assert.deepEqual(events, [])
})

test('P17 the ref that update gives is the one under which the newest meta goes out, once', () => {
  const { clock, diffs, presence, owner, update } = setup(1)
  const tracked = presence.track('room:1', 'ann', { x: 0 }, { owner })
  clock.turn()
  const refs = [update(1), update(2), update(3)]
  assert.equal(new Set(refs).size, 1)
  clock.advance(999)
  assert.equal(presence.get('room:1', 'ann')?.metas[0]?.phx_ref, tracked)
  clock.advance(1)
  assert.deepEqual(
    presence.get('room:1', 'ann')?.metas.map((meta) => ({ ...meta })),
    [{ phx_ref: refs[0], phx_ref_prev: tracked, x: 3 }],
  )
  clock.advance(10_000)
  assert.equal(diffs.length, 2)
})

test('P17 an update function is given what was said last, also where it waits', () => {
  const { clock, presence, owner, shown } = setup(1)
  presence.track('room:1', 'ann', { x: 0 }, { owner })
  const more = (meta: Record<string, unknown>): object => ({ x: (meta.x as number) + 1 })
  for (let n = 0; n < 5; n++) presence.update('room:1', 'ann', more, { owner })
  assert.equal(shown(), 0)
  clock.advance(1_000)
  assert.equal(shown(), 5)
})

test('P17 what waits for several keys goes out one by one, each when it may', () => {
  const { clock, idle, presence, owner, shown, update } = setup(2)
  presence.track('room:1', 'ann', { x: 0 }, { owner })
  presence.track('room:1', 'bob', { x: 0 }, { owner })
  update(1)
  update(2, 'bob')
  update(3)
  clock.advance(500)
  assert.deepEqual([shown(), shown('bob')], [3, 0])
  clock.advance(500)
  assert.deepEqual([shown(), shown('bob')], [3, 2])
  clock.turn()
  assert.equal(clock.pending, idle)
})

for (const [what, go] of [
  ['untrack', ({ presence, owner }) => presence.untrack('room:1', 'ann', owner)],
  ['untrackAll', ({ presence, owner }) => presence.untrackAll(owner)],
  ['the end of the owner', ({ presence, owner }) => presence.end(owner)],
] as readonly [string, (setting: ReturnType<typeof setup>) => void][])
  test(`P17 ${what} takes what waits with it, and no timer is left`, () => {
    const setting = setup(1)
    const { clock, idle, presence, owner, update } = setting
    presence.track('room:1', 'ann', { x: 0 }, { owner })
    update(1)
    go(setting)
    clock.turn()
    assert.equal(clock.pending, idle)
    clock.advance(5_000)
    assert.equal(presence.count('room:1'), 0)
  })

test('P17 what is tracked anew is not changed by an update of before', () => {
  const { clock, presence, owner, shown, update } = setup(1)
  presence.track('room:1', 'ann', { x: 0 }, { owner })
  update(1)
  presence.untrack('room:1', 'ann', owner)
  clock.advance(1_000)
  presence.track('room:1', 'ann', { x: 7 }, { owner })
  clock.advance(5_000)
  assert.equal(shown(), 7)
})

test('P17 a restart of the process keeps what waits', async () => {
  const { clock, presence, owner, process, shown, update } = setup(1)
  presence.track('room:1', 'ann', { x: 0 }, { owner })
  update(1)
  process.kill()
  presence.start()
  clock.advance(1_000)
  assert.equal(shown(), 1)
})

test('P17 the other nodes see the newest meta of a flood', () => {
  const network = new Network()
  const clock = new ManualClock()
  const nodes = ['a', 'b', 'c'].map(
    (name) => new TestNode(name, network, clock, { broadcastMs: 100, limits: { changesPerSecond: 20 } }),
  )
  const step = (ms: number): void => {
    clock.advance(ms)
    network.deliverAll()
    clock.turn()
  }
  step(500)
  const owner = { id: 'connection', topic: 'room:1' }
  const [first] = nodes as [TestNode]
  first.presence.track('room:1', 'ann', { x: 0 }, { owner })
  for (let x = 1; x <= 180; x++) {
    first.presence.update('room:1', 'ann', { x }, { owner })
    step(1_000 / 60)
  }
  for (let turn = 0; turn < 10; turn++) step(100)
  for (const { failures, presence } of nodes) {
    assert.equal(presence.get('room:1', 'ann')?.metas[0]?.x, 180)
    assert.deepEqual(failures, [])
  }
})

test('P17 at the end of the tree what waits is kept at once: no timer of it keeps the process alive', () => {
  const { clock, events, presence, process, before, shown } = setup(3)
  const controller = new AbortController()
  const owner = { owner: controller.signal }
  for (const key of ['ann', 'bob', 'cid']) presence.track('room:1', key, { x: 0 }, owner)
  for (const key of ['ann', 'bob', 'cid']) presence.update('room:1', key, { x: 7 }, owner)
  process.shutdown('shutdown')
  presence.ended()
  clock.turn()
  assert.equal(clock.pending, before)
  assert.deepEqual(['ann', 'bob', 'cid'].map(shown), [7, 7, 7])
  controller.abort()
  assert.equal(presence.count('room:1'), 0)
  assert.deepEqual(events, [])
})
