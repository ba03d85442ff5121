import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { GroupSet, type Segment } from '../../src/groups/group-set.ts'
import { decodeMessage, encodeMessage, paginate } from '../../src/groups/messages.ts'
import { GroupRegister } from '../../src/groups/register.ts'
import { ManualClock, Network } from '../presence/network.ts'
import { PubSubOf } from '../replication/pubsub-lanes.ts'
import { check } from '../support/property.ts'

const NAMES = ['g', '__proto__', 'группа']
const TOPICS = ['room:1', 'room:2', 'constructor']

function show(groups: GroupRegister | GroupSet): string {
  const names = groups instanceof GroupRegister ? groups.list() : groups.names()
  return JSON.stringify(names.sort().map((name) => [name, [...(groups.topics(name) ?? [])].sort()]))
}

const step = fc.tuple(fc.nat(9), fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(100))
type Step = [kind: number, node: number, name: number, topic: number, pick: number]

test('all nodes have the same groups after loss, doubling, reordering, partitions and crashes', (t) => {
  check(t, 400, fc.array(step, { maxLength: 120, size: 'max' }), (script: Step[]) => {
    const network = new Network()
    const clock = new ManualClock()
    const pubsubs = ['a', 'b', 'c'].map((name) => new PubSubOf(name, network, clock))
    const nodes = pubsubs.map((pubsub) => {
      const groups = new GroupRegister({
        lane: () => pubsub.lane('groups'),
        broadcast() {},
        clock,
        periodMs: 1_000,
      })
      groups.start()
      return groups
    })
    const added = new Set<string>()
    for (const [kind, n, name, topic, pick] of script) {
      const groups = nodes[n] as GroupRegister
      act(kind, groups, NAMES[name] as string, TOPICS[topic] as string, added)
      if (kind === 4) network.lose(pick)
      if (kind === 5) network.double(pick)
      if (kind === 6) clock.turn()
      if (kind === 7) pick % 3 === 0 ? network.heal() : network.part('a', pick % 3 === 1 ? 'b' : 'c')
      if (kind === 8) clock.advance(1_000)
      if (kind === 9 && pick % 2 === 0) pubsubs[n]?.crash()
      if (kind === 9) groups.start()
      network.deliver(pick)
    }
    network.heal()
    for (let period = 0; period < 16; period++) {
      clock.advance(1_000)
      network.deliverAll()
    }
    assert.equal(show(nodes[1] as GroupRegister), show(nodes[0] as GroupRegister))
    assert.equal(show(nodes[2] as GroupRegister), show(nodes[0] as GroupRegister))
    const there = new Set(NAMES.flatMap((name) => topicsOf(nodes[0] as GroupRegister, name)))
    for (const member of added) assert.ok(there.has(member), 'nothing is lost that nobody removed')
  })
})

/** Plays one call, and keeps book of what was added somewhere and removed nowhere since. */
function act(kind: number, groups: GroupRegister, name: string, topic: string, added: Set<string>): void {
  if (kind === 0 && !groups.has(name)) groups.create(name)
  if (!groups.has(name)) return
  const removed = kind === 2 ? [JSON.stringify([name, topic])] : kind === 3 ? topicsOf(groups, name) : []
  for (const member of removed) added.delete(member)
  // A node that adds what it has writes nothing: a removal elsewhere, on its way, has seen all there is to see.
  if (kind === 1 && !groups.topics(name).has(topic)) added.add(JSON.stringify([name, topic]))
  if (kind === 1) groups.add(name, topic)
  if (kind === 2) groups.remove(name, topic)
  if (kind === 3) groups.delete(name)
}

function topicsOf(groups: GroupRegister, name: string): string[] {
  return groups.has(name) ? [...groups.topics(name)].map((topic) => JSON.stringify([name, topic])) : []
}

/** The reference: every change by its number, with the one who undid it, in any order. */
test('merging is commutative, associative and idempotent, in whole states and in pieces', (t) => {
  const arbitrary = fc.tuple(
    fc.array(step, { maxLength: 60, size: 'max' }),
    fc.array(fc.nat(), { maxLength: 60 }),
  )
  check(t, 500, arbitrary, ([script, order]) => {
    const writers = ['x', 'y', 'z'].map((name) => new GroupSet(() => name))
    for (const [kind, n, name, topic] of script as Step[]) {
      const set = writers[n] as GroupSet
      const [group, member] = [NAMES[name] as string, TOPICS[topic] as string]
      if (kind < 3 && !set.has(group)) set.add(group)
      else if (kind < 5) set.add(group, member)
      else if (kind < 6) set.remove(group, member)
      else if (kind < 7) set.delete(group)
      else for (const segment of (writers[kind % 3] as GroupSet).segments()) set.merge(segment)
    }
    const parts = writers.map((set) => [...set.segments()])
    const joined = new GroupSet(() => '1')
    const shuffled = new GroupSet(() => '2')
    for (const part of parts.flat()) joined.merge(part)
    const mixed = [
      ...order.map((n) => parts.flat()[n % Math.max(1, parts.flat().length)]),
      ...parts.flat().reverse(),
    ]
    for (const part of mixed) if (part !== undefined) shuffled.merge(part)
    assert.equal(show(shuffled), show(joined))
    assert.deepEqual(shuffled.digest(), joined.digest())
    assert.equal(shuffled.size, joined.size)
    const halves = new GroupSet(() => '3')
    const half = new GroupSet(() => '4')
    for (const part of [...(parts[1] ?? []), ...(parts[2] ?? [])]) half.merge(part)
    for (const part of [...(parts[0] ?? []), ...half.segments()]) halves.merge(part)
    assert.equal(show(halves), show(joined), 'a + (b + c) = (a + b) + c')
  })
})

test('every message survives encoding and paging', (t) => {
  const text = fc.string({ unit: fc.constantFrom('a', '漢', '\ud800', '\u0000'), maxLength: 9 })
  const entries = fc.array(fc.tuple(text, fc.option(text, { nil: undefined })), {
    maxLength: 600,
    size: 'max',
  })
  check(t, 100, fc.tuple(text, fc.nat(1_000), entries), ([writer, after, specs]) => {
    const segment: Segment = {
      writer,
      after,
      upTo: after + specs.length * 2,
      entries: specs.map(([group, topic], n) => [after + n * 2 + 1, { group, topic }]),
    }
    const pages = [...paginate([segment])].map((segments) =>
      decodeMessage(encodeMessage({ kind: 'segments', segments })),
    )
    const pieces = pages.flatMap((page) => (page.kind === 'segments' ? page.segments : []))
    assert.deepEqual(
      pieces.flatMap((piece) => piece.entries),
      segment.entries,
    )
    assert.equal(pieces[0]?.after, segment.after)
    assert.equal(pieces.at(-1)?.upTo, segment.upTo)
    for (const [n, piece] of pieces.entries()) if (n > 0) assert.equal(piece.after, pieces[n - 1]?.upTo)
  })
})
