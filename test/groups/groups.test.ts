import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupsEvent } from '../../src/groups/gossip.ts'
import { decodeMessage, encodeMessage, paginate } from '../../src/groups/messages.ts'
import { GroupRegister } from '../../src/groups/register.ts'
import { LANE_PAGE_BYTES, soloLane } from '../../src/replication/lane.ts'
import { startSupervisor } from '../../src/supervision/supervisor.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { ManualClock, Network } from '../presence/network.ts'

const EXISTS = { code: 'BERYL_ERR_GROUP_EXISTS' }
const NOT_FOUND = { code: 'BERYL_ERR_GROUP_NOT_FOUND' }

function setup(broadcast: (topic: string, event: string, payload: unknown) => void = () => {}) {
  const groups = new GroupRegister({ lane: () => soloLane('a'), broadcast, clock: new ManualClock() })
  groups.start()
  return groups
}

function cluster(names: readonly string[]) {
  const network = new Network()
  const clock = new ManualClock()
  const events: GroupsEvent[] = []
  const nodes = names.map((name) => {
    const groups = new GroupRegister({
      lane: () => network.lane(name),
      broadcast() {},
      clock,
      report: (event) => events.push(event),
    })
    return { groups, process: groups.start() }
  })
  const pass = (ms = 0): void => {
    clock.turn()
    network.deliverAll()
    for (let left = ms; left > 0; left -= 1_500) {
      clock.advance(1_500)
      network.deliverAll()
    }
  }
  pass()
  return {
    network,
    clock,
    events,
    pass,
    nodes: nodes as [(typeof nodes)[0], (typeof nodes)[0], ...typeof nodes],
  }
}

test('a group is created once, and deleted with its topics', () => {
  const groups = setup()
  groups.create('team')
  assert.throws(() => groups.create('team'), EXISTS)
  groups.add('team', 'room:1')
  groups.delete('team')
  assert.equal(groups.has('team'), false)
  groups.create('team')
  assert.deepEqual(groups.topics('team'), new Set())
})

test('what needs a group throws where there is none', () => {
  const groups = setup()
  for (const call of [
    () => groups.delete('none'),
    () => groups.add('none', 'room:1'),
    () => groups.remove('none', 'room:1'),
    () => groups.topics('none'),
  ])
    assert.throws(call, NOT_FOUND)
  assert.equal(groups.has('none'), false)
})

test('adding twice and removing what is not there do nothing', () => {
  const groups = setup()
  groups.create('team')
  groups.add('team', 'room:1')
  groups.add('team', 'room:1')
  groups.remove('team', 'room:2')
  assert.deepEqual(groups.topics('team'), new Set(['room:1']))
  groups.remove('team', 'room:1')
  assert.deepEqual(groups.topics('team'), new Set())
  assert.deepEqual(groups.list(), ['team'])
})

test('names like __proto__ are plain names, and topics gives a copy', () => {
  const groups = setup()
  for (const name of ['__proto__', 'constructor', 'группа', '0']) {
    groups.create(name)
    groups.add(name, '__proto__')
  }
  assert.deepEqual(groups.list(), ['__proto__', 'constructor', 'группа', '0'])
  groups.topics('0').clear()
  assert.deepEqual(groups.topics('0'), new Set(['__proto__']))
})

test('a broadcast reaches each topic once, with the same payload; an unknown group has none', () => {
  const sent: unknown[] = []
  const groups = setup((topic, event, payload) => sent.push([topic, event, payload]))
  const payload = { text: 'hello' }
  groups.broadcast('none', 'said', payload)
  groups.create('team')
  groups.broadcast('team', 'said', payload)
  groups.add('team', 'room:1')
  groups.add('team', 'room:2')
  groups.broadcast('team', 'said', payload)
  assert.deepEqual(sent, [
    ['room:1', 'said', payload],
    ['room:2', 'said', payload],
  ])
})

test('a topic that refuses the event does not keep it from the others, and its refusal is thrown', () => {
  const sent: string[] = []
  const groups = setup((topic) => {
    if (topic === 'room:1') throw new Error('no such event')
    sent.push(topic)
  })
  groups.create('team')
  for (const topic of ['room:1', 'room:2', 'room:3']) groups.add('team', topic)
  assert.throws(() => groups.broadcast('team', 'said', {}), /no such event/)
  assert.deepEqual(sent, ['room:2', 'room:3'])
})

test('groups are the same on every node, a turn after the change', () => {
  const { nodes, pass } = cluster(['a', 'b', 'c'])
  nodes[0].groups.create('team')
  pass()
  nodes[1].groups.add('team', 'room:1')
  pass()
  for (const { groups } of nodes) assert.deepEqual(groups.topics('team'), new Set(['room:1']))
  nodes[1].groups.delete('team')
  pass()
  for (const { groups } of nodes) assert.deepEqual(groups.list(), [])
})

test('an addition wins over a removal that has not seen it', () => {
  const { nodes, pass } = cluster(['a', 'b'])
  const [a, b] = nodes.map(({ groups }) => groups) as [GroupRegister, GroupRegister]
  a.create('team')
  a.add('team', 'room:1')
  pass()
  b.remove('team', 'room:1')
  a.remove('team', 'room:1')
  a.add('team', 'room:1')
  pass()
  for (const groups of [a, b]) assert.deepEqual(groups.topics('team'), new Set(['room:1']))
  b.delete('team')
  a.add('team', 'room:2')
  pass()
  for (const groups of [a, b]) assert.deepEqual(groups.topics('team'), new Set(['room:2']))
  a.remove('team', 'room:2')
  pass()
  for (const groups of [a, b]) assert.deepEqual(groups.topics('team'), new Set(), 'empty, and there')
})

test('a group that two nodes create at once is one group', () => {
  const { nodes, pass } = cluster(['a', 'b'])
  for (const { groups } of nodes) groups.create('team')
  pass()
  nodes[0].groups.delete('team')
  pass()
  for (const { groups } of nodes) assert.equal(groups.has('team'), false)
})

test('groups outlive the node that made them, and a newcomer learns of them at once', () => {
  const { nodes, pass, network, clock } = cluster(['a', 'b'])
  nodes[0].groups.create('team')
  nodes[0].groups.add('team', 'room:1')
  pass()
  nodes[0].process.shutdown('shutdown')
  const late = new GroupRegister({ lane: () => network.lane('c'), broadcast() {}, clock })
  late.start()
  pass()
  assert.deepEqual(late.topics('team'), new Set(['room:1']))
  late.delete('team')
  pass()
  assert.deepEqual(nodes[1].groups.list(), [])
})

test('what the network lost is found within five quiet seconds', () => {
  const { nodes, pass, network, clock } = cluster(['a', 'b'])
  network.part('a', 'b')
  nodes[0].groups.create('team')
  nodes[1].groups.create('other')
  clock.turn()
  network.heal()
  pass(5_000)
  for (const { groups } of nodes) assert.deepEqual(groups.list().sort(), ['other', 'team'])
})

test('what the network lost is asked for as soon as the next change shows the gap', () => {
  const { nodes, pass, network, clock } = cluster(['a', 'b'])
  nodes[0].groups.create('team')
  clock.turn()
  network.queue.length = 0
  nodes[0].groups.add('team', 'room:1')
  pass()
  assert.deepEqual(nodes[1].groups.topics('team'), new Set(['room:1']))
})

test('no group is lost when the process crashes, and what changed meanwhile is told', async () => {
  const clock = fakeClock()
  const network = new Network()
  const a = new GroupRegister({ lane: () => network.lane('a'), broadcast() {}, clock })
  const b = new GroupRegister({ lane: () => network.lane('b'), broadcast() {}, clock })
  b.start()
  const tree = await startSupervisor({
    name: 'groups-crash',
    clock,
    children: [{ id: 'groups', start: () => a.start() }],
  })
  a.create('team')
  tree.exitChild('groups')
  a.add('team', 'room:1')
  await clock.settle()
  assert.deepEqual(a.topics('team'), new Set(['room:1']))
  network.deliverAll()
  assert.deepEqual(b.topics('team'), new Set(['room:1']))
  await tree.stop()
  a.create('later')
  assert.equal(a.has('later'), true)
})

test('W7 a process that ended leaves no timer behind', () => {
  const { nodes, clock } = cluster(['a'])
  const before = clock.pending
  for (let n = 0; n < 100; n++) {
    nodes[0].groups.create(String(n))
    nodes[0].groups.start()
  }
  assert.equal(clock.pending, before)
})

test('10,000 topics travel in pages that every broker carries', () => {
  const { nodes, pass, network } = cluster(['a', 'b'])
  nodes[0].groups.create('all')
  for (let n = 0; n < 10_000; n++) nodes[0].groups.add('all', `room:${n}`.padEnd(60, '.'))
  const sizes: number[] = []
  const push = network.queue.push.bind(network.queue)
  network.queue.push = (...packets) => {
    sizes.push(...packets.map(({ bytes }) => bytes.length))
    return push(...packets)
  }
  pass()
  assert.equal(nodes[1].groups.topics('all').size, 10_000)
  assert.ok(Math.max(...sizes) < LANE_PAGE_BYTES * 1.2, String(Math.max(...sizes)))
  nodes[1].groups.delete('all')
  pass()
  assert.deepEqual(nodes[0].groups.list(), [])
})

test('messages that are not understood are ignored and reported', () => {
  const { events, network } = cluster(['a', 'b'])
  for (const bytes of [[], [0x67, 2, 1], [0x67, 1, 9], [0x62, 1, 1, 0], [0x67, 1, 3, 1, 2]])
    network.hand({ from: 'b', to: 'a', bytes: Uint8Array.from(bytes) })
  assert.deepEqual(
    events.map(({ type, node }) => `${type} ${node}`),
    Array(5).fill('message_ignored b'),
  )
})

test('golden bytes: a digest, a request, a segment', () => {
  const hex = (message: Parameters<typeof encodeMessage>[0]): string =>
    Buffer.from(encodeMessage(message)).toString('hex')
  // magic version kind | flags known holding
  assert.equal(
    hex({ kind: 'digest', greeting: true, known: 300, holding: 1 }),
    '670101' + '01' + 'ac02' + '01',
  )
  assert.equal(hex({ kind: 'request' }), '670102')
  const segment = {
    writer: 'w',
    after: 2,
    upTo: 5,
    entries: [
      [3, { group: 'g', topic: undefined }],
      [5, { group: 'g', topic: 't' }],
    ],
  } as const
  // one segment | writer after upTo two entries | step group, no topic | step group, topic
  const bytes =
    '670103' + '01' + '0277' + '02' + '05' + '02' + '01' + '0267' + '00' + '02' + '0267' + '01' + '0274'
  assert.equal(hex({ kind: 'segments', segments: [segment] }), bytes)
  assert.deepEqual(decodeMessage(Buffer.from(bytes, 'hex')), { kind: 'segments', segments: [segment] })
  assert.deepEqual([...paginate([segment])], [[segment]])
})
