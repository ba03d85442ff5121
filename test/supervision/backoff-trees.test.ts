/** Random trees with back-off under the fake clock: whatever crashes comes back, and a stop at any moment leaves nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Backoff,
  type ChildInit,
  type Strategy,
  type SupervisorEvent,
  supervisor,
} from '../../src/supervision/index.ts'
import { Lab } from './lab.ts'

interface LeafPlan {
  readonly backoff: Backoff | undefined
  /** Which of its starts fail; never the first. */
  readonly failing: readonly number[]
}

interface BranchPlan {
  readonly strategy: Strategy
  readonly backoff: Backoff
  readonly leaves: readonly LeafPlan[]
}

interface TreePlan {
  readonly strategy: Strategy
  readonly branches: readonly BranchPlan[]
}

const LONGEST_MS = 1_000
const backoff = fc
  .record({ minMs: fc.integer({ min: 1, max: 200 }), more: fc.nat({ max: LONGEST_MS - 200 }) })
  .map(({ minMs, more }) => ({ minMs, maxMs: minMs + more }))
const strategy = fc.constantFrom<Strategy>('one_for_one', 'one_for_all', 'rest_for_one')
const leaf: fc.Arbitrary<LeafPlan> = fc.record({
  backoff: fc.option(backoff, { nil: undefined }),
  failing: fc.uniqueArray(fc.integer({ min: 2, max: 9 }), { maxLength: 4 }),
})
const branch = fc.record({ strategy, backoff, leaves: fc.array(leaf, { minLength: 1, maxLength: 3 }) })
const plans: fc.Arbitrary<TreePlan> = fc.record({
  strategy,
  branches: fc.array(branch, { minLength: 1, maxLength: 3 }),
})
const steps = fc.array(
  fc.record({ victims: fc.array(fc.nat(), { maxLength: 3 }), ms: fc.nat({ max: 400 }) }),
  { minLength: 1, maxLength: 8 },
)

/** Every supervisor has a back-off, every second leaf or so has not: then its supervisor gives up, and waits itself. */
class Wood {
  readonly lab = new Lab()
  readonly leaves: string[] = []
  readonly #backoffs = new Map<string, Backoff>()
  readonly #plan: TreePlan

  constructor(plan: TreePlan) {
    this.#plan = plan
  }

  grow() {
    const { strategy, branches } = this.#plan
    const children = branches.map((branch, index) => this.#branch(`s${index}`, branch))
    return this.lab.supervise({ strategy, intensity: 0, children })
  }

  async crash(victims: readonly number[]): Promise<void> {
    for (const victim of victims) {
      const id = this.leaves[victim % this.leaves.length] as string
      this.lab.probe(id).end({ error: new Error(`${id} crashed`) })
    }
    await this.lab.clock.settle()
  }

  /** Each wait lies between the bounds of its back-off, and is over before the child is started again. */
  checkWaits(): void {
    for (const event of this.lab.events) {
      if (event.type !== 'child_backing_off') continue
      const { minMs, maxMs } = this.#backoffs.get(event.id) as Backoff
      const most = Math.min(maxMs, minMs * 2 ** (event.inARow - 1))
      assert.ok(event.inARow >= 2)
      assert.ok(event.delayMs >= Math.floor(Math.max(minMs, most / 2)), JSON.stringify(event))
      assert.ok(event.delayMs <= most, JSON.stringify(event))
    }
  }

  #branch(id: string, { strategy, backoff, leaves }: BranchPlan): ChildInit {
    this.#backoffs.set(id, backoff)
    const children = leaves.map((leaf, index) => this.#leaf(`${id}l${index}`, leaf))
    return supervisor(id, { strategy, intensity: 1, periodMs: 1_000, children }, { backoff })
  }

  #leaf(id: string, { backoff, failing }: LeafPlan): ChildInit {
    this.leaves.push(id)
    if (backoff !== undefined) this.#backoffs.set(id, backoff)
    const starts = Object.fromEntries(failing.map((nth) => [nth, 'fails' as const]))
    return this.lab.child(id, { starts, backoff })
  }
}

/** The starts that did not keep the wait before them. A supervisor that was itself restarted begins with the first. */
function tooEarly({ timed }: Lab): readonly SupervisorEvent[] {
  const due = new Map<string, number>()
  const early: SupervisorEvent[] = []
  for (const { event, at } of timed) {
    if (!('incarnation' in event)) continue
    const path = `${event.supervisor}/${event.id}`
    if (event.type === 'child_backing_off') due.set(path, at + event.delayMs)
    if (event.type !== 'child_started' && event.type !== 'child_start_failed') continue
    if (event.incarnation > 1 && at < (due.get(path) ?? 0)) early.push(event)
    due.delete(path)
  }
  return early
}

test('S97-S100 whatever crashes in a random tree is started again, none before its time, and the root never gives up', async (t) => {
  let waits = 0
  await fc.assert(
    fc.asyncProperty(plans, steps, async (plan, steps) => {
      const wood = new Wood(plan)
      const tree = await wood.grow()
      for (const { victims, ms } of steps) {
        await wood.crash(victims)
        await wood.lab.clock.advance(ms)
      }
      for (let wait = 0; wait < 40; wait++) await wood.lab.clock.advance(LONGEST_MS)
      for (const id of wood.leaves) assert.equal(wood.lab.probe(id).isOver, false, `${id} runs`)
      assert.equal(tree.state, 'running')
      wood.checkWaits()
      assert.deepEqual(tooEarly(wood.lab), [])
      waits += wood.lab.events.filter(({ type }) => type === 'child_backing_off').length
      await tree.stop()
      assert.equal(wood.lab.clock.pending, 0)
    }),
    { numRuns: 150, includeErrorInReport: true },
  )
  t.diagnostic(`${waits} waits`)
  assert.ok(waits > 50)
})

test('S102 a stop at any moment of a random tree ends every wait and every process at once', async () => {
  await fc.assert(
    fc.asyncProperty(plans, steps, fc.boolean(), async (plan, steps, kills) => {
      const wood = new Wood(plan)
      const tree = await wood.grow()
      for (const { victims, ms } of steps) {
        await wood.crash(victims)
        await wood.lab.clock.advance(ms)
      }
      const now = wood.lab.clock.now()
      wood.lab.since()
      if (kills) tree.kill()
      else tree.shutdown('shutdown')
      await wood.lab.clock.settle()
      assert.equal(tree.state, 'exited')
      assert.equal(wood.lab.clock.now(), now)
      assert.equal(wood.lab.clock.pending, 0)
      assert.doesNotMatch(wood.lab.since(), /[+?]/)
      for (const id of wood.leaves) assert.ok(wood.lab.probe(id).isOver)
    }),
    { numRuns: 150, includeErrorInReport: true },
  )
})
