import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PresenceOptions } from '../../src/presence/options.ts'
import { PresenceRegister } from '../../src/presence/register.ts'
import type { Lane } from '../../src/replication/lane.ts'
import { soloLane } from '../../src/replication/lane.ts'
import { startSupervisor } from '../../src/supervision/supervisor.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { ManualClock, Network, TestNode } from './network.ts'

const PERIOD_MS = 1_500
const owner = { id: 'connection', topic: 'room:1' }

/** Nodes that know each other, on one clock or on clocks of their own. */
function cluster(names: readonly string[], options: PresenceOptions = {}) {
  const network = new Network()
  const clock = new ManualClock()
  const nodes = names.map((name) => new TestNode(name, network, clock, options))
  network.deliverAll()
  const pass = (ms: number): void => {
    for (let left = ms; left > 0; left -= PERIOD_MS) {
      clock.advance(Math.min(left, PERIOD_MS))
      network.deliverAll()
    }
    clock.turn()
  }
  return { network, clock, nodes: nodes as [TestNode, TestNode, ...TestNode[]], pass }
}

function keysOf(node: TestNode, topic = 'room:1'): string[] {
  return Object.keys(node.presence.list(topic))
}

function eventsOf(node: TestNode): string[] {
  return node.events.map((event) => ('node' in event ? `${event.type} ${event.node}` : event.type))
}

test('a join is visible on every node within a period, a leave likewise', () => {
  const { nodes, pass } = cluster(['a', 'b', 'c'])
  nodes[0].presence.track('room:1', 'ann', {}, { owner })
  pass(PERIOD_MS)
  for (const node of nodes) assert.deepEqual(keysOf(node), ['ann'])
  nodes[0].presence.end(owner)
  pass(PERIOD_MS)
  for (const node of nodes) assert.deepEqual(keysOf(node), [])
})

test('W5 a change that the network lost is found within five seconds, though nothing else changes', () => {
  const { nodes, network, clock, pass } = cluster(['a', 'b'])
  nodes[0].presence.track('room:1', 'ann', {}, { owner })
  clock.advance(PERIOD_MS)
  network.queue.length = 0
  pass(5_000)
  assert.deepEqual(keysOf(nodes[1]), ['ann'])
})

test('P15 W8 neither clients nor other nodes notice that the process crashes and is started again', () => {
  const { nodes, pass } = cluster(['a', 'b'])
  const [a, b] = nodes
  a.presence.track('room:1', 'ann', { n: 1 }, { owner })
  b.presence.track('room:1', 'bob', {}, { owner })
  pass(PERIOD_MS)
  const told = [a.told.length, b.told.length]
  const before = a.lines(['room:1'])
  for (let crash = 0; crash < 5; crash++) {
    a.crash()
    assert.deepEqual(a.lines(['room:1']), before, 'at once')
    pass(60_000)
  }
  assert.deepEqual(a.lines(['room:1']), before)
  assert.deepEqual(b.lines(['room:1']), before)
  assert.deepEqual([a.told.length, b.told.length], told)
})

test('P15 what happens while the process is away is known afterwards', () => {
  const { nodes, pass } = cluster(['a', 'b'])
  const [a, b] = nodes
  for (const key of ['ann', 'amy']) a.presence.track('room:1', key, {}, { owner })
  for (const key of ['bob', 'ben']) b.presence.track('room:1', key, {}, { owner })
  pass(PERIOD_MS)
  a.kill()
  a.presence.untrack('room:1', 'ann', owner)
  a.presence.track('room:1', 'abe', {}, { owner })
  b.presence.untrack('room:1', 'bob', owner)
  pass(PERIOD_MS)
  assert.deepEqual(keysOf(a), ['amy', 'bob', 'ben', 'abe'], 'its own users are right, the others not yet')
  a.crash()
  pass(5_000)
  for (const node of nodes) assert.deepEqual(keysOf(node).sort(), ['abe', 'amy', 'ben'])
  assert.deepEqual(a.failures, [])
})

test('P15 when the channels end with the process, nothing stale remains anywhere', () => {
  const { nodes, pass } = cluster(['a', 'b'])
  const owners = ['1', '2', '3'].map((id) => ({ id, topic: 'room:1' }))
  for (const each of owners) nodes[0].presence.track('room:1', each.id, {}, { owner: each })
  pass(PERIOD_MS)
  nodes[0].stop()
  for (const each of owners) nodes[0].presence.end(each)
  nodes[0].crash()
  pass(PERIOD_MS)
  for (const node of nodes) assert.deepEqual(keysOf(node), [])
})

test('W7 a process that ended leaves no timer and no listener behind, over 100 restarts', () => {
  const { nodes, clock, network } = cluster(['a'])
  const before = clock.pending
  for (let crash = 0; crash < 100; crash++) nodes[0].crash()
  assert.equal(clock.pending, before)
  nodes[0].stop()
  assert.equal(clock.pending, before - 1)
  network.hand({ from: 'b', to: 'a', bytes: Uint8Array.of(0) })
  assert.deepEqual(eventsOf(nodes[0]), [])
})

test('a node that falls silent is hidden after 30 s, forgotten after 20 min, and shown when it is heard again', () => {
  const { nodes, network, pass } = cluster(['a', 'b'])
  const [a, b] = nodes
  b.presence.track('room:1', 'bob', {}, { owner })
  pass(PERIOD_MS)
  network.part('a', 'b')
  pass(28_500)
  assert.deepEqual(keysOf(a), ['bob'])
  pass(6_000)
  assert.deepEqual(keysOf(a), [])
  network.heal()
  pass(5_000)
  assert.deepEqual(keysOf(a), ['bob'])
  network.part('a', 'b')
  pass(1_210_000)
  assert.deepEqual(a.presence.peers(), [])
  network.heal()
  pass(5_000)
  assert.deepEqual(keysOf(a), ['bob'])
  assert.deepEqual(eventsOf(a), [
    'peer_up b',
    'peer_down b',
    'peer_up b',
    'peer_down b',
    'peer_gone b',
    'peer_up b',
  ])
})

test('a graceful stop removes at once what was here', () => {
  const { nodes, network, clock } = cluster(['a', 'b'])
  nodes[0].presence.track('room:1', 'ann', {}, { owner })
  clock.advance(PERIOD_MS)
  network.deliverAll()
  assert.deepEqual(keysOf(nodes[1]), ['ann'])
  nodes[0].stop()
  network.deliverAll()
  assert.deepEqual(keysOf(nodes[1]), [])
})

test('a goodbye is final: what the node said before, and comes late, brings nothing back', () => {
  const { nodes, network, clock } = cluster(['a', 'b'])
  nodes[0].presence.track('room:1', 'ann', {}, { owner })
  clock.advance(PERIOD_MS * 4)
  const late = network.queue.filter(({ from }) => from === 'a')
  network.deliverAll()
  nodes[0].stop()
  network.deliverAll()
  for (const packet of late) network.hand(packet)
  network.deliverAll()
  assert.deepEqual(keysOf(nodes[1]), [])
})

test('while a node drains, its users who come back elsewhere never seem to go', () => {
  const { nodes, network, pass } = cluster(['a', 'b', 'c'])
  const [a, b] = nodes
  const c = nodes[2] as TestNode
  a.presence.track('room:1', 'ann', {}, { owner })
  a.presence.track('room:1', 'lost', {}, { owner })
  pass(PERIOD_MS)
  a.presence.drain()
  a.presence.end(owner)
  pass(PERIOD_MS)
  a.stop()
  network.deliverAll()
  assert.deepEqual(keysOf(c), ['ann', 'lost'])
  b.presence.track('room:1', 'ann', {}, { owner: { id: 'again', topic: 'room:1' } })
  pass(PERIOD_MS)
  assert.equal(c.presence.get('room:1', 'ann')?.metas.length, 2)
  pass(6_000)
  assert.deepEqual(keysOf(c), ['ann'], 'who did not come back has gone after handoffMs')
  assert.equal(c.presence.get('room:1', 'ann')?.metas.length, 1)
})

test('P18 while a node drains, its own clients who are not closed yet do not see the others go either', () => {
  const { nodes, pass } = cluster(['a', 'b'])
  const [a] = nodes
  a.presence.track('room:1', 'ann', {}, { owner })
  pass(PERIOD_MS)
  const told = a.told.length
  a.presence.drain()
  a.presence.end(owner)
  pass(PERIOD_MS)
  assert.deepEqual(keysOf(a), [], 'the server itself knows')
  assert.equal(a.told.length, told)
})

test('a node that drains goes on to, when its process crashes meanwhile', () => {
  const { nodes, pass } = cluster(['a', 'b'])
  const [a, b] = nodes
  a.presence.track('room:1', 'ann', {}, { owner })
  pass(PERIOD_MS)
  a.presence.drain()
  a.crash()
  a.presence.end(owner)
  pass(10_000)
  assert.deepEqual(keysOf(b), ['ann'])
  a.stop()
  pass(10_000)
  assert.deepEqual(keysOf(b), [])
})

test('a second start ends the process that ran before', async () => {
  const presence = new PresenceRegister({
    lane: () => soloLane('a'),
    sink: { subscribers: () => 1, diff() {} },
    clock: new ManualClock(),
  })
  const first = presence.start()
  presence.start()
  assert.equal(await first.exited, 'killed')
})

test('K6 on another node too an updated key keeps its place among those that clients are shown', () => {
  const { nodes, pass } = cluster(['a', 'b'], { limits: { shownKeys: 1 } })
  const [a, b] = nodes
  for (const key of ['ann', 'bob']) a.presence.track('room:1', key, {}, { owner })
  pass(PERIOD_MS)
  a.presence.update('room:1', 'ann', { n: 1 }, { owner })
  b.told.length = 0
  pass(PERIOD_MS)
  assert.deepEqual(
    b.told.map(([, { joins, leaves }]) => [Object.keys(joins), Object.keys(leaves)]),
    [[['ann'], ['ann']]],
  )
  assert.deepEqual(b.shown('room:1'), ['ann'])
})

test('N18 P14 a node that stood still for 45 s declares nobody down, whatever the wall clock says', () => {
  const network = new Network()
  const clocks = [new ManualClock(), new ManualClock()] as const
  const a = new TestNode('a', network, clocks[0], {})
  const b = new TestNode('b', network, clocks[1], {})
  network.deliverAll()
  b.presence.track('room:1', 'bob', {}, { owner })
  const step = (ms: number): void => {
    for (const clock of clocks) clock.advance(ms)
    network.deliverAll()
  }
  for (let n = 0; n < 4; n++) step(PERIOD_MS)
  assert.deepEqual(keysOf(a), ['bob'])
  clocks[0].wall -= 3_600_000
  clocks[0].freeze(45_000)
  assert.deepEqual(keysOf(a), ['bob'])
  for (let n = 0; n < 10; n++) step(PERIOD_MS)
  assert.deepEqual(keysOf(a), ['bob'])
  assert.deepEqual(eventsOf(a), ['peer_up b', 'lagged'])
})

test('P11 messages that are not understood are ignored, counted and reported', () => {
  const { nodes, network } = cluster(['a', 'b'])
  for (const bytes of [[], [0x62, 2, 1], [0x62, 1, 9, 1, 1], [255, 255], [0x67, 1, 2]])
    network.hand({ from: 'b', to: 'a', bytes: Uint8Array.from(bytes) })
  assert.deepEqual(eventsOf(nodes[0]), ['peer_up b', ...Array(5).fill('message_ignored b')])
  assert.equal(nodes[0].ignored, 5)
})

test('a second node of the same name is reported, not believed', () => {
  const { nodes, network } = cluster(['a', 'b'])
  network.hand({ from: 'a', to: 'a', bytes: captureHello() })
  assert.deepEqual(eventsOf(nodes[0]), ['peer_up b', 'name_conflict a'])
})

test('P25 where there are no other nodes nothing is kept or written for them, and a restart loses nobody', () => {
  const clock = new ManualClock()
  const said = (isSolo: boolean): number => {
    let bytes = 0
    const publish = ({ length }: Uint8Array): void => {
      bytes += length
    }
    const lane: Lane = { ...soloLane('a'), isSolo, publish }
    const sink = { subscribers: () => 1, diff() {} }
    const presence = new PresenceRegister({ lane: () => lane, sink, clock })
    presence.start()
    const owners = Array.from({ length: 100 }, (_, n) => ({ id: `connection:${n}`, topic: 'room:1' }))
    for (const owner of owners) presence.track('room:1', owner.id, {}, { owner })
    clock.advance(PERIOD_MS)
    assert.deepEqual(presence.start().inspect(), { note: '100 rows, 0 nodes' })
    assert.equal(presence.count('room:1'), 100)
    for (const owner of owners) presence.untrackAll(owner)
    clock.advance(PERIOD_MS)
    assert.equal(presence.count('room:1'), 0)
    return bytes
  }
  assert.ok(said(true) < 500)
  assert.ok(said(false) > 5_000)
})

function captureHello(): Uint8Array {
  const said: Uint8Array[] = []
  const lane: Lane = { ...soloLane('a'), publish: (bytes) => void said.push(bytes) }
  new PresenceRegister({
    lane: () => lane,
    sink: { subscribers: () => 1, diff() {} },
    clock: new ManualClock(),
  }).start()
  return said[0] as Uint8Array
}

test('a fault inside ends the process with its error, and its supervisor starts another', async () => {
  const clock = fakeClock()
  let broken = false
  const lane: Lane = {
    ...soloLane('a'),
    publish() {
      if (broken) throw new Error('broken lane')
    },
  }
  const presence = new PresenceRegister({
    lane: () => lane,
    sink: { subscribers: () => 1, diff() {} },
    clock,
  })
  const events: string[] = []
  const tree = await startSupervisor({
    name: 'presence-fault',
    clock,
    report: (event) => events.push(event.type),
    children: [{ id: 'presence', start: () => presence.start() }],
  })
  presence.track('room:1', 'ann', {}, { owner })
  broken = true
  const first = tree.which('presence')
  const advanced = clock.advance(PERIOD_MS)
  assert.deepEqual(await first?.exited, { error: new Error('broken lane') })
  broken = false
  await advanced
  await clock.settle()
  assert.notEqual(tree.which('presence'), first)
  assert.deepEqual(Object.keys(presence.list('room:1')), ['ann'])
  tree.exitChild('presence')
  await clock.settle()
  assert.deepEqual(Object.keys(presence.list('room:1')), ['ann'])
  await tree.stop()
  assert.equal(clock.pending, 0)
})

test('where one link of three nodes is cut, its ends hide each other after 30 s, and agree again when it is back', () => {
  const { nodes, network, pass } = cluster(['a', 'b', 'c'])
  const [a, b, c] = nodes as unknown as [TestNode, TestNode, TestNode]
  a.presence.track('room:1', 'ann', {}, { owner })
  pass(PERIOD_MS)
  network.part('a', 'c')
  a.presence.track('room:1', 'amy', {}, { owner })
  pass(9_000)
  assert.deepEqual(
    [keysOf(b), keysOf(c)],
    [['ann', 'amy'], ['ann']],
    'what was known stays, what is new is not passed on',
  )
  pass(30_000)
  assert.deepEqual([keysOf(b), keysOf(c)], [['ann', 'amy'], []])
  network.heal()
  pass(5_000)
  assert.deepEqual(
    [keysOf(b), keysOf(c)],
    [
      ['ann', 'amy'],
      ['ann', 'amy'],
    ],
  )
})
