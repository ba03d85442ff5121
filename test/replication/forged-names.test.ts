import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Segment } from '../../src/groups/group-set.ts'
import { decodeMessage as decodeGroups, encodeMessage as encodeGroups } from '../../src/groups/messages.ts'
import { GroupRegister } from '../../src/groups/register.ts'
import type { Incarnation } from '../../src/presence/incarnation.ts'
import { decodeMessage, encodeMessage, type PresenceMessage } from '../../src/presence/messages.ts'
import { makeRow } from '../../src/presence/row.ts'
import { ManualClock, Network, TestNode } from '../presence/network.ts'
import { check } from '../support/property.ts'

// Somebody who can write to the broker speaks in the name of a node, or under names without number. What the nodes keep of
// it has a bound, and when it is over they agree as before.

const PERIOD_MS = 1_000
const OPTIONS = {
  broadcastMs: PERIOD_MS,
  quietPeriods: 1,
  downMs: 5_000,
  permanentDownMs: 3_600_000,
} as const

// Presence

class Stage {
  readonly network = new Network()
  readonly clock = new ManualClock()
  readonly nodes = ['a', 'b', 'c'].map((name) => new TestNode(name, this.network, this.clock, OPTIONS))
  /** The run of each node, as it tells it itself. */
  readonly runs = new Map<string, Incarnation>()
  /** The longest message that any node sent. */
  longest = 0

  constructor() {
    this.periods(3)
  }

  node(at: number): TestNode {
    return this.nodes[at] as TestNode
  }

  forge(from: string, message: PresenceMessage): void {
    for (const { name: to } of this.nodes)
      if (to !== from) this.network.hand({ from, to, bytes: encodeMessage(message) })
  }

  periods(count: number): void {
    for (let left = count; left > 0; left--) {
      this.clock.advance(PERIOD_MS)
      for (const { from, bytes } of this.network.queue) {
        this.runs.set(from, decodeMessage(bytes).incarnation)
        this.longest = Math.max(this.longest, bytes.length)
      }
      this.network.deliverAll()
    }
  }

  track(at: number, key: string): void {
    this.node(at).presence.track('room:1', key, {}, { owner: { id: key, topic: 'room:1' } })
  }

  shown(): string[] {
    return this.nodes.map(({ presence }) => Object.keys(presence.list('room:1')).sort().join())
  }
}

const far = fc.constantFrom(100, 2 ** 31, 2 ** 48, Number.MAX_SAFE_INTEGER)
const later = fc.constantFrom(0, 1, 2 ** 20)
const claim = fc.tuple(fc.constantFrom('heartbeat', 'changes', 'snapshot', 'goodbye', 'held'), far, later)

/** A message that a node of this name, in this run or a later one, might have written. */
function claimed([kind, upTo, later]: [string, number, number], run: Incarnation): PresenceMessage {
  const incarnation = { generation: run.generation + later, nonce: run.nonce }
  const row = {
    ...makeRow({ topic: 'room:1', key: 'nobody', owner: 9, ref: 'forged', json: '{}' }),
    dot: upTo,
  }
  const answers = { generation: 0, nonce: 0 }
  const range = { incarnation, answers, after: 0, upTo, until: upTo, gone: [], rows: [row] }
  if (kind === 'changes' || kind === 'snapshot') return { kind, ...range }
  if (kind === 'heartbeat') return { kind, incarnation, greeting: false, sequence: upTo, vector: new Map() }
  return { kind: 'goodbye', incarnation, holdMs: kind === 'held' ? upTo : 0 }
}

test('P26 what others say in the name of a node is over some periods later: all show what that node has', (t) => {
  check(t, 200, fc.array(claim, { minLength: 1, maxLength: 4 }), (claims) => {
    const stage = new Stage()
    for (const key of ['ann', 'bob']) stage.track(1, key)
    stage.periods(2)
    for (const each of claims) {
      stage.forge('b', claimed(each, stage.runs.get('b') as Incarnation))
      stage.network.deliverAll()
      stage.periods(1)
    }
    stage.periods(4)
    stage.track(1, 'cyn')
    stage.periods(6)
    assert.deepEqual(stage.shown(), Array(3).fill('ann,bob,cyn'))
    for (const node of stage.nodes) assert.deepEqual([node.isRunning, node.failures], [true, []])
  })
})

test('P27 ten thousand names that nobody has are 1,024 at the most, and silence no node that is there', () => {
  const stage = new Stage()
  const run = { generation: 1, nonce: 1 }
  const hello = {
    kind: 'heartbeat',
    incarnation: run,
    greeting: false,
    sequence: 0,
    vector: new Map(),
  } as const
  const name = (n: number): string => `${n} `.padEnd(255, 'x')
  for (let n = 0; n < 10_000; n++) stage.forge(name(n), hello)
  stage.track(0, 'ann')
  stage.periods(4)
  for (const { presence } of stage.nodes) assert.ok(presence.peers().length <= 1_024)
  assert.ok(stage.longest < 512 * 1_024, 'what they tell each other is carried')
  stage.periods(8)
  assert.deepEqual(stage.shown(), Array(3).fill('ann'))
  stage.periods(OPTIONS.permanentDownMs / PERIOD_MS)
  for (const { presence } of stage.nodes) assert.equal(presence.peers().length, 2)
})

test('P27 one node is known once, however often it starts', () => {
  const stage = new Stage()
  for (let generation = 1; generation <= 1_000; generation++)
    stage.forge('z', {
      kind: 'heartbeat',
      incarnation: { generation, nonce: 1 },
      greeting: false,
      sequence: 0,
      vector: new Map(),
    })
  for (const { presence } of stage.nodes) assert.equal(presence.peers().length, 3)
})

test('P27 of the nodes that one names, 64 in a period are asked who they are; what is no name is passed over', () => {
  const stage = new Stage()
  const progress = { incarnation: { generation: 1, nonce: 1 }, sequence: 7 }
  const names = Array.from({ length: 100_000 }, (_, n) => String(n))
  const vector = new Map(['', '\ud800', 'x'.repeat(256), ...names].map((name) => [name, progress]))
  const incarnation = stage.runs.get('b') as Incarnation
  for (let n = 0; n < 3; n++)
    stage.forge('b', { kind: 'heartbeat', incarnation, greeting: false, sequence: 0, vector })
  for (const asker of ['a', 'c']) {
    const asked = stage.network.queue.filter(({ from }) => from === asker).map(({ to }) => to)
    assert.deepEqual(asked, names.slice(0, 64))
  }
})

// Groups

function groupStage() {
  const [network, clock] = [new Network(), new ManualClock()]
  const nodes = ['a', 'b', 'c'].map((name) => {
    const groups = new GroupRegister({ lane: () => network.lane(name), broadcast() {}, clock })
    groups.start()
    return groups
  }) as [GroupRegister, GroupRegister, GroupRegister]
  let longest = 0
  /** Until nobody has anything to say. Gives what they told each other in the last period. */
  const settle = (): Uint8Array[] => {
    let said: Uint8Array[] = []
    for (let period = 0; period < 24; period++) {
      clock.advance(1_500)
      said = []
      for (let packet = network.queue[0]; packet !== undefined; packet = network.queue[0]) {
        said.push(packet.bytes)
        longest = Math.max(longest, packet.bytes.length)
        network.deliver(0)
        clock.turn()
      }
    }
    return said
  }
  const forge = (to: readonly string[], ...segments: Segment[]): void => {
    for (const name of to) {
      network.hand({ from: 'z', to: name, bytes: encodeGroups({ kind: 'segments', segments }) })
      clock.turn()
    }
  }
  return { network, clock, nodes, settle, forge, longest: () => longest }
}

type GroupStage = ReturnType<typeof groupStage>

/** The name under which a node writes: it tells it with each change. */
function writerOf({ network, clock }: GroupStage, groups: GroupRegister): string {
  groups.create('told')
  clock.turn()
  const [segment] = network.queue.flatMap(({ bytes }) => {
    const message = decodeGroups(bytes)
    return message.kind === 'segments' ? message.segments : []
  })
  return segment?.writer ?? ''
}

const digests = (said: readonly Uint8Array[]): boolean =>
  said.every((bytes) => decodeGroups(bytes).kind === 'digest')

test('changes of a node that it has not made take none of its groups, nor those that it makes afterwards', (t) => {
  const forged = fc.tuple(far, fc.boolean(), fc.subarray(['a', 'b', 'c'], { minLength: 1 }))
  check(t, 100, fc.array(forged, { minLength: 1, maxLength: 3 }), (claims) => {
    const stage = groupStage()
    const [a, b, c] = stage.nodes
    b.create('team')
    b.add('team', 'room:1')
    const writer = writerOf(stage, b)
    stage.settle()
    for (const [upTo, isWhole, to] of claims)
      stage.forge(to, { writer, after: isWhole ? 0 : 3, upTo, entries: [] })
    stage.settle()
    b.add('team', 'room:2')
    a.create('other')
    assert.ok(digests(stage.settle()), 'they agree: nobody asks')
    for (const groups of [a, b, c]) {
      assert.deepEqual(groups.list().sort(), ['other', 'team', 'told'])
      assert.deepEqual([...groups.topics('team')].sort(), ['room:1', 'room:2'])
    }
  })
})

test('entries and writers with names longer than a message hold up nothing: all nodes agree, also those that come later', () => {
  const stage = groupStage()
  const [a, , c] = stage.nodes
  const long = 'x'.repeat(600_000)
  const entries = [1, 2, 3].map((n) => [n, { group: long, topic: n === 2 ? long : undefined }] as const)
  stage.forge(['a'], {
    writer: 'z',
    after: 0,
    upTo: 4,
    entries: [...entries, [4, { group: 'team', topic: undefined }]],
  })
  for (const writer of ['', '\ud800', long]) stage.forge(['a'], { writer, after: 0, upTo: 9, entries: [] })
  const writers = Array.from({ length: 5_000 }, (_, n) => `${n} `.padEnd(255, 'x'))
  stage.forge(['a'], ...writers.map((writer) => ({ writer, after: 0, upTo: 1, entries: [] })))
  c.start()
  a.add('team', 'room:1')
  assert.ok(digests(stage.settle()), 'they agree: nobody asks')
  assert.ok(stage.longest() < 512 * 1_024, 'what they tell each other is carried')
  for (const groups of stage.nodes)
    assert.deepEqual([groups.list(), [...groups.topics('team')]], [['team'], ['room:1']])
})
