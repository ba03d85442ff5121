import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { FACTOR } from '../support/property.ts'
import { ManualClock, Network, type Owner, refsIn, TestNode } from './network.ts'

const NODES = ['a', 'b', 'c']
const TOPICS = ['room:1', '__proto__', 'комната']
const KEYS = ['ann', '__proto__', 'constructor', '5', '', 'ключ', '\ud800', 'x'.repeat(300)]
const PERIOD_MS = 1_000
const OPTIONS = {
  broadcastMs: PERIOD_MS,
  quietPeriods: 3,
  downMs: 10_000,
  permanentDownMs: 60_000,
  handoffMs: 3_000,
  limits: { changesPerSecond: false, keys: false, keyBytes: false },
} as const

type Step = readonly [kind: string, node: number, topic: number, key: number, pick: number]

const index = fc.nat(1_000)
function steps(kinds: readonly fc.WeightedArbitrary<string>[], maxLength: number): fc.Arbitrary<Step[]> {
  return fc.array(fc.tuple(fc.oneof(...kinds), index, index, index, index), { maxLength, size: 'max' })
}

const CHANGES = [
  { weight: 8, arbitrary: fc.constant('track') },
  { weight: 4, arbitrary: fc.constant('update') },
  { weight: 4, arbitrary: fc.constant('untrack') },
  { weight: 1, arbitrary: fc.constant('end') },
]
const TRAFFIC = [
  { weight: 12, arbitrary: fc.constant('deliver') },
  { weight: 3, arbitrary: fc.constant('lose') },
  { weight: 3, arbitrary: fc.constant('double') },
  { weight: 5, arbitrary: fc.constant('tick') },
  { weight: 3, arbitrary: fc.constant('turn') },
  { weight: 2, arbitrary: fc.constant('read') },
  { weight: 2, arbitrary: fc.constant('join') },
]
const CRASHES = [
  { weight: 2, arbitrary: fc.constant('crash') },
  { weight: 2, arbitrary: fc.constant('pubsub') },
  { weight: 1, arbitrary: fc.constant('coordinator') },
]
const PARTITIONS = [
  { weight: 2, arbitrary: fc.constant('part') },
  { weight: 1, arbitrary: fc.constant('heal') },
  { weight: 1, arbitrary: fc.constant('long') },
]
const FAULTS = [
  ...PARTITIONS,
  { weight: 1, arbitrary: fc.constant('restart') },
  { weight: 1, arbitrary: fc.constant('stop') },
  { weight: 1, arbitrary: fc.constant('goodbye') },
  { weight: 1, arbitrary: fc.constant('clock') },
]

/** Plays steps on three nodes, beside a model: who is tracked where. */
class World {
  readonly network = new Network(true)
  readonly clock = new ManualClock()
  readonly nodes: (TestNode | undefined)[]
  readonly dead: TestNode[] = []
  /** ref → where it lives; the truth. */
  readonly truth = new Map<string, { node: number; owner: Owner; topic: string; key: string }>()
  readonly #options: object
  #owners = NODES.map((_, node) => this.#newOwners(node))
  #counter = 0

  constructor(options: object = {}) {
    this.#options = options
    this.nodes = NODES.map((name) => this.#newNode(name))
    this.network.deliverAll()
  }

  play([kind, n, t, k, pick]: Step): void {
    const at = n % NODES.length
    const node = this.nodes[at]
    const topic = TOPICS[t % TOPICS.length] as string
    const key = KEYS[k % KEYS.length] as string
    const owner = this.#owners[at]?.[pick % 2] as Owner
    const tracked = this.#find(at, owner, topic, key)
    switch (kind) {
      case 'track':
        if (node !== undefined && tracked === undefined)
          this.#note(
            node.presence.track(topic, key, { n: this.#counter++ }, { owner }),
            at,
            owner,
            topic,
            key,
          )
        break
      case 'update':
        if (node !== undefined && tracked !== undefined) {
          this.truth.delete(tracked)
          const ref = node.presence.update(topic, key, (meta) => ({ ...meta, u: this.#counter++ }), { owner })
          this.#note(ref, at, owner, topic, key)
        }
        break
      case 'untrack':
        node?.presence.untrack(topic, key, owner)
        if (tracked !== undefined) this.truth.delete(tracked)
        break
      case 'end':
        node?.presence.untrackAll(owner)
        for (const [ref, row] of this.truth) if (row.owner === owner) this.truth.delete(ref)
        break
      case 'deliver':
        this.network.deliver(pick)
        break
      case 'lose':
        this.network.lose(pick)
        break
      case 'double':
        this.network.double(pick)
        break
      case 'tick':
        this.clock.advance(PERIOD_MS)
        break
      case 'turn':
        this.clock.turn()
        break
      case 'read':
        node?.presence.list(topic)
        break
      case 'join':
        node?.join(topic)
        break
      case 'crash':
        node?.crash()
        break
      case 'pubsub':
        node?.crashPubSub()
        break
      case 'coordinator':
        // All channels of the node end, and what stands behind it is restarted.
        if (node !== undefined) this.#endChannels(at, node)
        break
      case 'part':
        this.network.part(NODES[at] as string, NODES[(at + 1) % NODES.length] as string)
        break
      case 'heal':
        this.network.heal()
        break
      case 'long':
        this.clock.advance(OPTIONS.downMs * (1 + (pick % 8)))
        break
      case 'clock':
        this.clock.wall += ((pick % 2) - 0.5) * 7_200_000
        break
      case 'restart':
        this.#leave(at)
        this.nodes[at] = this.#newNode(NODES[at] as string)
        break
      case 'goodbye':
        if (pick % 2 === 0) node?.presence.drain()
        node?.stop()
        this.#leave(at)
        break
      case 'stop':
        if (node !== undefined) this.#leave(at)
        else this.nodes[at] = this.#newNode(NODES[at] as string)
        break
    }
  }

  /** The network is whole again, and everybody has had time to speak: by default until those who died are taken for dead. */
  settle(periods = 14): void {
    this.network.heal()
    for (let period = 0; period < periods; period++) {
      this.clock.advance(PERIOD_MS)
      this.network.deliverAll()
    }
    this.clock.turn()
  }

  assertConverged(): void {
    const living = this.nodes.filter((node) => node !== undefined)
    const refs = [...this.truth.keys()].sort()
    for (const node of living) {
      const lines = node.lines(TOPICS)
      assert.deepEqual(refsOf(lines), refs, `${node.name} shows exactly what is tracked`)
      assert.deepEqual(lines, living[0]?.lines(TOPICS), 'all show the same')
      assert.deepEqual(node.clientLines(TOPICS), lines, 'what clients were told adds up to the list')
      assertLatecomers(node)
    }
    for (const node of [...living, ...this.dead]) assert.deepEqual(node.failures, [])
  }

  #endChannels(at: number, node: TestNode): void {
    for (const owner of this.#owners[at] ?? []) node.presence.end(owner)
    for (const [ref, row] of this.truth) if (row.node === at) this.truth.delete(ref)
    this.#owners[at] = this.#newOwners(at)
    node.crash()
  }

  #leave(at: number): void {
    const node = this.nodes[at]
    if (node === undefined) return
    node.kill()
    this.dead.push(node)
    this.nodes[at] = undefined
    this.#owners[at] = this.#newOwners(at)
    for (const [ref, row] of this.truth) if (row.node === at) this.truth.delete(ref)
  }

  #newNode(name: string): TestNode {
    return new TestNode(name, this.network, this.clock, { ...OPTIONS, ...this.#options })
  }

  #newOwners(node: number): Owner[] {
    return ['x', 'y'].map((id) => ({ id: `${node}${id}`, topic: 'any' }))
  }

  #find(node: number, owner: Owner, topic: string, key: string): string | undefined {
    for (const [ref, row] of this.truth)
      if (row.node === node && row.owner === owner && row.topic === topic && row.key === key) return ref
    return undefined
  }

  #note(ref: string, node: number, owner: Owner, topic: string, key: string): void {
    this.truth.set(ref, { node, owner, topic, key })
  }
}

/** Runs a property, and fails with what failed in it. */
function check(
  t: TestContext,
  numRuns: number,
  script: fc.Arbitrary<Step[]>,
  run: (script: Step[]) => void,
): void {
  let played = 0
  const property = fc.property(script, (steps) => {
    played += steps.length
    run(steps)
  })
  const details = fc.check(property, { numRuns: numRuns * FACTOR })
  if (details.failed)
    throw new Error(
      `seed ${details.seed}: ${JSON.stringify(details.counterexample)}: ${details.errorInstance}`,
    )
  t.diagnostic(`${details.numRuns} runs, ${played} steps`)
}

/** Whoever joined on the way knows what those know who were there from the start. */
function assertLatecomers(node: TestNode): void {
  for (const { topic, refs } of node.latecomers)
    assert.deepEqual([...(refs ?? [])].sort(), refsOf(node.clientLines([topic])))
}

function refsOf(lines: readonly string[]): string[] {
  return lines.map((line) => /"phx_ref":"([^"]+)"/.exec(line)?.[1] as string).sort()
}

test('P1 P9 P13 all nodes show exactly what is tracked, after any order, loss and doubling of messages', (t) => {
  check(t, 400, steps([...CHANGES, ...TRAFFIC], 120), (script) => {
    const world = new World()
    for (const step of script) world.play(step)
    world.settle()
    world.assertConverged()
  })
})

test('P1 P6 P8 P14 the same holds over partitions, crashes, restarts under one name, deaths and clock jumps', (t) => {
  check(t, 400, steps([...CHANGES, ...TRAFFIC, ...CRASHES, ...FAULTS], 150), (script) => {
    const world = new World()
    for (const step of script) world.play(step)
    world.settle()
    world.assertConverged()
  })
})

test('X24 both sides of a partition go on, whichever it is and however long: all nodes show the truth five seconds after it heals', (t) => {
  check(t, 300, steps([...CHANGES, ...TRAFFIC, ...PARTITIONS], 150), (script) => {
    const world = new World()
    for (const step of script) world.play(step)
    world.settle(5)
    world.assertConverged()
  })
})

test('P5 P15 while nobody counts as down, a ref joins once and leaves once, and only after it was untracked', (t) => {
  check(t, 300, steps([...CHANGES, ...TRAFFIC, ...CRASHES], 150), (script) => {
    const world = new World({ downMs: 1_000_000_000, permanentDownMs: 2_000_000_000 })
    for (const step of script) world.play(step)
    world.settle()
    world.assertConverged()
    for (const node of world.nodes) {
      const joined = node?.told.flatMap(([, diff]) => refsIn(diff.joins)) ?? []
      const left = node?.told.flatMap(([, diff]) => refsIn(diff.leaves)) ?? []
      assert.equal(new Set(joined).size, joined.length, 'no ref joins twice')
      assert.equal(new Set(left).size, left.length, 'no ref leaves twice')
      const wrong = left.filter((ref) => world.truth.has(ref))
      assert.deepEqual(wrong, [], 'nobody leaves who is still there')
    }
  })
})

test('P20 clients that are told of several turns in one diff know what the others know, whenever they joined', (t) => {
  check(t, 400, steps([...CHANGES, ...TRAFFIC, ...CRASHES, ...FAULTS], 150), (script) => {
    for (const limits of [OPTIONS.limits, { ...OPTIONS.limits, shownKeys: 3 }]) {
      const world = new World({ diffMs: 10_000, limits })
      for (const step of script) world.play(step)
      world.settle()
      if (limits === OPTIONS.limits) world.assertConverged()
      for (const node of world.nodes) if (node !== undefined) assertLatecomers(node)
    }
  })
})

test('P9 with a window of three keys, clients are told of exactly the keys that a joiner is shown', (t) => {
  check(t, 200, steps([...CHANGES, ...TRAFFIC], 120), (script) => {
    const world = new World({ limits: { ...OPTIONS.limits, shownKeys: 3 } })
    for (const step of script) world.play(step)
    world.settle()
    for (const node of world.nodes) {
      assert.deepEqual(node?.failures, [])
      for (const topic of TOPICS) {
        node?.join(topic)
        world.clock.turn()
        assert.equal(node?.shown(topic).length, Math.min(3, node?.presence.count(topic) ?? 0))
      }
      if (node !== undefined) assertLatecomers(node)
    }
  })
})
