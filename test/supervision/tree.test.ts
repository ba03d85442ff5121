/**
 * Random trees, random crashes, random requests: the real supervisors against the model. After each step the two must have
 * started and stopped the same children in the same order, list the same ones, and live or have ended alike.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ChildInit, ExitReason, Restart, Supervisor } from '../../src/supervision/index.ts'
import { supervisor } from '../../src/supervision/index.ts'
import { Lab } from './lab.ts'
import { type LeafPlan, ModelTree, type TreePlan, type World } from './model.ts'

type Step =
  | {
      readonly type: 'crash'
      readonly at: number
      readonly victims: readonly number[]
      readonly reason: number
    }
  | { readonly type: 'terminate' | 'restart' | 'delete'; readonly at: number; readonly child: number }
  | {
      readonly type: 'start'
      readonly at: number
      readonly id: number
      readonly restart: Restart
      readonly failing: readonly number[]
    }
  | { readonly type: 'advance'; readonly ms: number }

const REASONS: readonly (readonly [ExitReason, 'normal' | 'abnormal'])[] = [
  ['normal', 'normal'],
  ['shutdown', 'normal'],
  [{ shutdown: 'x' }, 'normal'],
  [{ error: new Error('crash') }, 'abnormal'],
  ['killed', 'abnormal'],
]

const restarts = fc.constantFrom<Restart>('permanent', 'transient', 'temporary')
const failing = fc.oneof(
  { weight: 8, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.uniqueArray(fc.constantFrom(2, 3, 3, 4, 5, 1), { maxLength: 3 }) },
)

const leaf = fc.record({
  kind: fc.constant('leaf' as const),
  restart: restarts,
  significant: fc.boolean(),
  failing,
})
const flags = {
  kind: fc.constant('tree' as const),
  restart: restarts,
  strategy: fc.constantFrom('one_for_one', 'one_for_all', 'rest_for_one'),
  intensity: fc.integer({ min: 0, max: 6 }),
  periodMs: fc.constantFrom(1, 100, 5_000),
  autoShutdown: fc.constantFrom('never', 'never', 'any_significant', 'all_significant'),
}
const subtree = fc.record({ ...flags, children: fc.array(leaf, { minLength: 1, maxLength: 3 }) })
const wholeTree = fc.record({
  ...flags,
  children: fc.array(fc.oneof({ weight: 3, arbitrary: leaf }, { weight: 1, arbitrary: subtree }), {
    maxLength: 5,
  }),
})

const at = fc.nat({ max: 3 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('crash' as const),
      at,
      victims: fc.uniqueArray(fc.nat({ max: 5 }), { minLength: 1, maxLength: 2 }),
      reason: fc.nat({ max: REASONS.length - 1 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom('terminate' as const, 'restart' as const, 'delete' as const),
      at,
      child: fc.nat({ max: 5 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('start' as const),
      at,
      id: fc.nat({ max: 2 }),
      restart: restarts,
      failing,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('advance' as const),
      ms: fc.constantFrom(1, 99, 100, 101, 5_000),
    }),
  },
)

type RandomLeaf = Omit<LeafPlan, 'id'>
type RandomTree = Omit<TreePlan, 'id' | 'children' | 'strategy' | 'autoShutdown'> & {
  readonly strategy: string
  readonly autoShutdown: string
  readonly children: readonly (RandomLeaf | RandomTree)[]
}

/** Gives every node its id, and takes `significant` from children for which it would be refused. */
function named(tree: RandomTree, id: string): TreePlan {
  const plan = tree as TreePlan
  const children = tree.children.map((child, index) => {
    const childId = `${id}${index}`
    if (child.kind === 'tree') return named(child, childId)
    const significant = child.significant && child.restart !== 'permanent' && tree.autoShutdown !== 'never'
    return { ...child, id: childId, significant }
  })
  return { ...plan, id, children }
}

/** The real child for a planned one. */
function realChild(lab: Lab, plan: LeafPlan | TreePlan): ChildInit {
  if (plan.kind === 'leaf') {
    const starts = Object.fromEntries(plan.failing.map((nth) => [nth, 'fails' as const]))
    return lab.child(plan.id, { restart: plan.restart, significant: plan.significant, starts })
  }
  const { strategy, intensity, periodMs, autoShutdown } = plan
  const children = plan.children.map((child) => realChild(lab, child))
  return supervisor(
    plan.id,
    { strategy, intensity, periodMs, autoShutdown, children },
    { restart: plan.restart },
  )
}

/** The living supervisors of both, outermost first, as pairs. */
function pairs(real: Supervisor, model: ModelTree): (readonly [Supervisor, ModelTree])[] {
  const inner = model.slots.flatMap(({ plan, state, tree }) => {
    if (state !== 'running' || tree === undefined) return []
    const handle = real.which(plan.id) as Supervisor | undefined
    assert.ok(handle, `${plan.id} runs in the model and not in the tree`)
    return pairs(handle, tree)
  })
  return [[real, model], ...inner]
}

function realListing(tree: Supervisor): string[] {
  return tree
    .children()
    .flatMap(({ id, state, type, handle }) => [
      `${id} ${state}`,
      ...(type === 'supervisor' && handle !== undefined ? realListing(handle as Supervisor) : []),
    ])
}

const outcome = (request: Promise<unknown>): Promise<string> =>
  request.then(
    () => 'ok',
    (error: { code?: string }) => error.code ?? String(error),
  )

/** Does one step in both. @returns what each answered */
async function doStep(
  lab: Lab,
  real: Supervisor,
  model: ModelTree,
  one: Exclude<Step, { type: 'advance' }>,
): Promise<readonly [string, string]> {
  const all = pairs(real, model)
  const [tree, modelTree] = all[one.at % all.length] ?? [real, model]
  if (one.type === 'crash') {
    const [reason, kind] = REASONS[one.reason] ?? REASONS[0] ?? ['normal', 'normal']
    const ids = one.victims.flatMap((victim) => modelTree.slots[victim]?.plan.id ?? [])
    for (const id of ids) {
      const slot = modelTree.slots.find(({ plan }) => plan.id === id)
      if (slot?.state === 'running' && slot.tree === undefined) lab.probe(id).end(reason)
    }
    modelTree.crash(ids, kind)
    return ['', '']
  }
  if (one.type === 'start') {
    const plan: LeafPlan = {
      kind: 'leaf',
      id: `${modelTree.plan.id}new${one.id}`,
      restart: one.restart,
      significant: false,
      failing: one.failing,
    }
    return [await outcome(tree.startChild(realChild(lab, plan))), modelTree.startChild(plan)]
  }
  const id = modelTree.slots[one.child]?.plan.id ?? 'unknown'
  const method = `${one.type}Child` as const
  return [await outcome(tree[method](id)), modelTree[method](id)]
}

interface Counters {
  runs: number
  steps: number
  trips: number
  crashes: number
}

async function play(random: RandomTree, steps: readonly Step[], counters: Counters): Promise<void> {
  const lab = new Lab()
  const world: World = { journal: [], starts: new Map(), now: 0 }
  const plan = named(random, 't')
  const model = new ModelTree(plan, world)
  const { strategy, intensity, periodMs, autoShutdown } = plan
  const children = plan.children.map((child) => realChild(lab, child))
  const starting = lab.supervise({ strategy, intensity, periodMs, autoShutdown, children })
  const real = await starting.catch(() => undefined)
  assert.equal(real !== undefined, model.start(), 'both start or fail to')
  assert.equal(lab.since(), world.journal.splice(0).join(' '), 'start')
  counters.runs += 1
  if (real === undefined) return assert.equal(lab.clock.pending, 0)
  for (const one of steps) {
    if (model.ended !== undefined) break
    counters.steps += 1
    if (one.type === 'crash') counters.crashes += 1
    if (one.type === 'advance') {
      await lab.clock.advance(one.ms)
      world.now += one.ms
    } else {
      const [answer, expected] = await doStep(lab, real, model, one)
      assert.equal(answer, expected, JSON.stringify(one))
    }
    await lab.clock.settle()
    model.notice()
    assert.equal(lab.since(), world.journal.splice(0).join(' '), JSON.stringify(one))
    assert.equal(real.state, model.ended === undefined ? 'running' : 'exited')
    if (model.ended === undefined) assert.deepEqual(realListing(real), model.listing())
  }
  if (model.ended !== undefined) counters.trips += 1
  await real.stop()
  if (model.ended === undefined) model.stop()
  assert.equal(lab.since(), world.journal.splice(0).join(' '), 'stop')
  assert.equal(lab.clock.pending, 0, 'no timer is left')
}

test('S25 S43 S44 random trees under random crashes and requests do what the model does, in the same order', async (t) => {
  const counters: Counters = { runs: 0, steps: 0, trips: 0, crashes: 0 }
  await fc.assert(
    fc.asyncProperty(wholeTree, fc.array(step, { minLength: 5, maxLength: 40 }), (tree, steps) =>
      play(tree as RandomTree, steps, counters),
    ),
    { numRuns: 2_000 },
  )
  t.diagnostic(
    `${counters.runs} trees, ${counters.steps} steps, ${counters.crashes} of them crashes, ${counters.trips} of the trees gave up or shut themselves down`,
  )
  assert.ok(counters.trips > 50, 'the runs reach the end of supervisors')
})
