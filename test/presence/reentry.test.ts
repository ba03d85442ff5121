import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { PresenceOwner } from '../../src/presence/presence.ts'
import { FACTOR } from '../support/property.ts'
import { ManualClock, Network, TestNode } from './network.ts'

// Presence runs code of the application: update functions, `toJSON`, getters, the checks of schemas, listeners. Each of them
// may use presence again, and end its own owner, before the call in which it runs goes on.

const TOPIC = 'room:1'
const KEYS = ['a', 'b']
const OPTIONS = { limits: { changesPerSecond: false, keys: 3 } } as const

type Kind = 'track' | 'update' | 'untrack' | 'untrackAll' | 'end' | 'abort' | 'crash'
type Via = 'plain' | 'function' | 'toJSON' | 'getter' | 'check' | 'promise' | 'throws' | 'forges'

/** One call, and those that its own callback makes. */
interface Op {
  readonly kind: Kind
  readonly owner: number
  readonly key: number
  readonly via: Via
  readonly inner: readonly Op[]
}

function opOf(inner: fc.Arbitrary<readonly Op[]>): fc.Arbitrary<Op> {
  const kinds: Kind[] = [
    'track',
    'track',
    'track',
    'update',
    'update',
    'untrack',
    'untrackAll',
    'end',
    'abort',
    'crash',
  ]
  const ways: Via[] = ['plain', 'function', 'toJSON', 'getter', 'check', 'promise', 'throws', 'forges']
  return fc.record({
    kind: fc.constantFrom(...kinds),
    owner: fc.nat(3),
    key: fc.nat(1),
    via: fc.constantFrom(...ways),
    inner,
  })
}

const leaf = opOf(fc.constant([]))
const branch = opOf(fc.array(leaf, { maxLength: 3 }))
const op = opOf(fc.array(branch, { maxLength: 3 }))

/** Two nodes; the owners of the first are two signals and two channels. */
class World {
  readonly network = new Network()
  readonly clock = new ManualClock()
  readonly nodes: [TestNode, TestNode]
  readonly signals = [new AbortController(), new AbortController()]
  readonly channels = [0, 1].map((n) => ({ id: `c${n}`, topic: TOPIC }))
  /** Runs when the schema of the channel is asked next. */
  check: () => void = () => {}
  #counter = 0

  constructor() {
    const checkMeta = (): void => {
      const { check } = this
      this.check = () => {}
      check()
    }
    this.nodes = [
      new TestNode('a', this.network, this.clock, OPTIONS, checkMeta),
      new TestNode('b', this.network, this.clock, OPTIONS),
    ]
    this.network.deliverAll()
  }

  owner(n: number): PresenceOwner {
    return (n < 2 ? this.signals[n]?.signal : this.channels[n - 2]) as PresenceOwner
  }

  play({ kind, owner: n, key: k, via, inner }: Op): void {
    const [{ presence }] = this.nodes
    const owner = this.owner(n)
    const key = KEYS[k] as string
    const meta = this.#meta(via, () => {
      for (const each of inner) this.play(each)
    })
    try {
      if (kind === 'track') presence.track(TOPIC, key, meta as object, { owner })
      if (kind === 'update') presence.update(TOPIC, key, meta as object, { owner })
      if (kind === 'untrack') presence.untrack(TOPIC, key, owner)
      if (kind === 'untrackAll') presence.untrackAll(owner)
      if (kind === 'end') presence.end(owner)
      if (kind === 'abort') this.signals[n % 2]?.abort()
      if (kind === 'crash') this.nodes[0].crash()
    } catch (error) {
      assert.match((error as { code: string }).code, /^BERYL_ERR_PRESENCE|THROWN/, String(error))
    }
  }

  #meta(via: Via, nested: () => void): unknown {
    const n = this.#counter++
    const run = (): number => {
      nested()
      return n
    }
    const checked = (): void => {
      this.check = nested
    }
    switch (via) {
      case 'plain':
        return { n }
      case 'function':
        return (current: object) => ({ ...current, n: run() })
      case 'toJSON':
        return { toJSON: () => ({ n: run() }) }
      case 'getter':
        return Object.defineProperty({}, 'n', { get: run, enumerable: true })
      case 'check':
        checked()
        return { n }
      case 'promise':
        return async () => ({ n: run() })
      case 'throws':
        return () => {
          run()
          throw Object.assign(new Error('thrown'), { code: 'THROWN' })
        }
      case 'forges':
        return { toJSON: () => ({ n: run(), phx_ref: 'forged' }) }
      default:
        return via satisfies never
    }
  }

  settle(): void {
    for (let period = 0; period < 6; period++) {
      this.clock.advance(1_500)
      this.network.deliverAll()
    }
    this.clock.turn()
  }

  lines(): string[][] {
    return this.nodes.map((node) => node.lines([TOPIC]))
  }
}

function check(t: TestContext, numRuns: number, run: (ops: Op[]) => void): void {
  let rows = 0
  const details = fc.check(
    fc.property(fc.array(op, { maxLength: 20, size: 'max' }), (ops) => {
      rows += ops.length
      run(ops)
    }),
    { numRuns: numRuns * FACTOR },
  )
  if (details.failed)
    throw new Error(
      `seed ${details.seed}: ${JSON.stringify(details.counterexample)}: ${details.errorInstance}`,
    )
  t.diagnostic(`${details.numRuns} runs, ${rows} calls`)
}

test('P16 calls in each other’s callbacks leave no row behind an owner, and all nodes and clients agree', (t) => {
  check(t, 600, (ops) => {
    const world = new World()
    for (const each of ops) {
      world.play(each)
      assertHeld(world)
    }
    world.settle()
    const [here, there] = world.lines()
    assert.deepEqual(here, there, 'both nodes show the same')
    for (const node of world.nodes) {
      assert.deepEqual(node.clientLines([TOPIC]), node.lines([TOPIC]), 'and told it')
      assert.deepEqual(node.failures, [])
    }
    for (const signal of world.signals) signal.abort()
    for (const channel of world.channels) world.nodes[0].presence.end(channel)
    world.settle()
    assert.deepEqual(world.lines(), [[], []], 'nothing is left when all owners have ended')
  })
})

/** An owner that has ended holds nothing; the others no more than they may; and no ref is forged. */
function assertHeld(world: World): void {
  const entries = Object.entries(world.nodes[0].presence.list(TOPIC))
  const metas = entries.flatMap(([, entry]) => entry.metas)
  assert.ok(metas.every((meta) => /^[\w-]{16}$/.test(meta.phx_ref) && typeof meta.n === 'number'))
  const owners = 4 - world.signals.filter(({ signal }) => signal.aborted).length
  for (const [, entry] of entries) assert.ok(entry.metas.length <= owners, 'one owner holds a key once')
}

test('P16 a promise is refused as a meta, given or returned, and the meta stays', async () => {
  const world = new World()
  const [{ presence }] = world.nodes
  const owner = world.owner(0)
  const ref = presence.track(TOPIC, 'a', { n: 1 }, { owner })
  const refused = {
    code: 'BERYL_ERR_PRESENCE_INVALID',
    message: /meta: wanted a JSON object: await it before, got a promise/,
  }
  for (const meta of [
    async () => ({ n: 2 }),
    () => Promise.reject(new Error('nobody hears of it')),
    Promise.resolve({ n: 2 }),
  ]) {
    assert.throws(() => presence.update(TOPIC, 'a', meta as object, { owner }), refused)
    assert.throws(
      () => presence.track(TOPIC, 'b', typeof meta === 'function' ? meta() : meta, { owner }),
      refused,
    )
  }
  for (const meta of [new Map([['n', 2]]), new Set([1]), /n/, new (class {})()])
    assert.throws(() => presence.update(TOPIC, 'a', meta, { owner }), { code: 'BERYL_ERR_PRESENCE_INVALID' })
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(presence.get(TOPIC, 'a'), { metas: [{ phx_ref: ref, n: 1 }] })
  assert.equal(presence.count(TOPIC), 1)
})

test('P16 what was said is kept as JSON said it: nothing of the application lives on in it', () => {
  const world = new World()
  const [{ presence }] = world.nodes
  const at = new Date('2026-01-01T00:00:00.000Z')
  class Person {
    name = 'Ann'
    toJSON(): object {
      return { name: this.name, at }
    }
  }
  const person = new Person()
  presence.track(TOPIC, 'a', person, { owner: world.owner(0) })
  person.name = 'Bob'
  const [meta] = presence.get(TOPIC, 'a')?.metas ?? []
  assert.deepEqual({ ...meta, phx_ref: '' }, { phx_ref: '', name: 'Ann', at: at.toISOString() })
})

test('P16 the end of a signal is noticed whatever other listeners do, and that of a socket from elsewhere by its signal', () => {
  const world = new World()
  const [{ presence }] = world.nodes
  const [one, two] = world.signals as [AbortController, AbortController]
  one.signal.addEventListener('abort', (event) => {
    event.stopImmediatePropagation()
    assert.throws(() => presence.track(TOPIC, 'b', {}, { owner: one.signal }), {
      code: 'BERYL_ERR_PRESENCE_OWNER_ENDED',
    })
  })
  const socket = { id: 'of another mount', topic: TOPIC, signal: two.signal }
  presence.track(TOPIC, 'a', {}, { owner: one.signal })
  presence.track(TOPIC, 'a', {}, { owner: socket })
  assert.equal(presence.get(TOPIC, 'a')?.metas.length, 2)
  one.abort()
  two.abort()
  assert.equal(presence.count(TOPIC), 0)
  assert.throws(() => presence.track(TOPIC, 'a', {}, { owner: socket }), {
    code: 'BERYL_ERR_PRESENCE_OWNER_ENDED',
  })
})
