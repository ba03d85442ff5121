import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  Actor,
  type Backoff,
  type ChildInit,
  formatTree,
  type SupervisorEvent,
  type SupervisorOptions,
  startDynamicSupervisor,
} from '../../src/supervision/index.ts'
import { Lab } from './lab.ts'

const backoff: Backoff = { minMs: 100, maxMs: 1_000 }

/** The random part of each wait: 0 for the shortest. */
function dice(t: TestContext, value = 0): void {
  t.mock.method(Math, 'random', () => value)
}

type BackingOff = SupervisorEvent & { readonly type: 'child_backing_off' }

function waits(lab: Lab): number[] {
  return lab.events
    .filter((event): event is BackingOff => event.type === 'child_backing_off')
    .map(({ delayMs }) => delayMs)
}

for (const [name, random, expected] of [
  ['at least', 0, [100, 200, 400, 500, 500]],
  ['at most', 1, [200, 400, 800, 1_000, 1_000]],
] as const)
  test(`S97 the first restart is at once, the next wait, doubled each time: ${name} so long`, async (t) => {
    dice(t, random)
    const lab = new Lab()
    const tree = await lab.supervise({ intensity: 0, children: [lab.child('a', { backoff })] })
    await lab.exit('a')
    assert.equal(lab.startsOf('a'), 2, 'the first waits for nothing')
    for (const [index, ms] of expected.entries()) {
      await lab.exit('a')
      assert.equal(waits(lab).at(-1), ms)
      await lab.clock.advance(ms - 1)
      assert.equal(lab.startsOf('a'), index + 2)
      await lab.clock.advance(1)
      assert.equal(lab.startsOf('a'), index + 3)
    }
    await tree.stop()
  })

test('S97 no wait is longer than maxMs, however often it was', async () => {
  const lab = new Lab()
  const short = { minMs: 3, maxMs: 4 }
  const tree = await lab.supervise({ intensity: 0, children: [lab.child('a', { backoff: short })] })
  for (let crash = 0; crash < 1_200; crash++) {
    await lab.exit('a')
    await lab.clock.advance(4)
    lab.probe('a').end('killed')
    await lab.clock.settle()
  }
  assert.equal(tree.state, 'running')
  assert.ok(waits(lab).every((ms) => ms >= 3 && ms <= 4))
  await tree.stop()
})

test('S98 a child that had run for maxMs begins anew; one millisecond less, and it was in a row', async (t) => {
  dice(t)
  const lab = new Lab()
  const tree = await lab.supervise({ intensity: 0, children: [lab.child('a', { backoff })] })
  await lab.exit('a')
  await lab.clock.advance(999)
  await lab.exit('a')
  assert.deepEqual(waits(lab), [100])
  await lab.clock.advance(100 + 1_000)
  await lab.exit('a')
  assert.equal(lab.startsOf('a'), 4, 'at once')
  await lab.exit('a')
  assert.deepEqual(waits(lab), [100, 100])
  await tree.stop()
})

test('S98 a start that fails has not run, however long it took', async (t) => {
  dice(t)
  const lab = new Lab()
  const starts = { 2: 'fails', 3: 'fails' } as const
  const slow = lab.gated('a', { backoff, starts, startTimeoutMs: 'infinity' })
  const starting = lab.supervise({ intensity: 0, children: [slow] })
  await lab.clock.settle()
  lab.open('a')
  const tree = await starting
  await lab.exit('a')
  for (const ms of [100, 200]) {
    await lab.clock.advance(5_000)
    lab.open('a')
    await lab.clock.settle()
    assert.equal(waits(lab).at(-1), ms)
    await lab.clock.advance(ms)
  }
  lab.open('a')
  await lab.clock.settle()
  assert.equal(tree.which('a'), lab.probe('a'))
  await tree.stop()
})

test('S99 its restarts are not counted: an hour of them, and the supervisor has its whole intensity left', async () => {
  const lab = new Lab()
  let attempts = 0
  const away: ChildInit = {
    id: 'database',
    backoff: { minMs: 1_000, maxMs: 30_000 },
    start: (context) => {
      attempts += 1
      if (attempts > 1 && lab.clock.now() < 3_600_000) throw new Error('connection refused')
      return lab.child('database').start(context)
    },
  }
  const tree = await lab.supervise({ intensity: 1, periodMs: 5_000, children: [away, lab.child('b')] })
  await lab.exit('database')
  assert.equal(tree.which('database'), undefined)
  await lab.exit('b')
  assert.notEqual(tree.which('b'), undefined, 'one restart is allowed')
  await lab.clock.advance(3_600_000)
  assert.ok(attempts > 100 && attempts < 300, `${attempts} attempts`)
  await lab.clock.advance(30_000)
  assert.equal(tree.which('database'), lab.probe('database'))
  assert.equal(tree.state, 'running')
  await lab.exit('b')
  await lab.exit('b')
  assert.equal(tree.state, 'exited', 'those of others are')
})

test('S100 one_for_all: the whole group is stopped, waits, and starts in order', async (t) => {
  dice(t)
  const lab = new Lab()
  const tree = await lab.supervise({
    strategy: 'one_for_all',
    children: [lab.child('a'), lab.child('b', { backoff }), lab.child('c', { restart: 'temporary' })],
  })
  await lab.exit('b')
  lab.since()
  await lab.exit('b')
  assert.equal(lab.since(), '!b -a ~a')
  assert.deepEqual(
    tree.children().map(({ id, state }) => [id, state]),
    [
      ['a', 'restarting'],
      ['b', 'restarting'],
    ],
  )
  await lab.clock.advance(99)
  assert.equal(lab.since(), '')
  await lab.clock.advance(1)
  assert.equal(lab.since(), '+a +b')
  await tree.stop()
})

test('S100 one_for_all: where a start fails, what was started before it is stopped for the wait', async (t) => {
  dice(t)
  const lab = new Lab()
  const tree = await lab.supervise({
    strategy: 'one_for_all',
    children: [lab.child('a'), lab.child('b', { backoff, starts: { 2: 'fails' } })],
  })
  lab.since()
  await lab.exit('b')
  assert.equal(lab.since(), '!b -a ~a +a ?b -a ~a')
  await lab.clock.advance(100)
  assert.equal(lab.since(), '+a +b')
  await tree.stop()
})

test('S100 rest_for_one: those before it live on; when one of them is restarted, those that wait go on waiting', async (t) => {
  dice(t)
  const lab = new Lab()
  const tree = await lab.supervise({
    strategy: 'rest_for_one',
    children: [lab.child('a'), lab.child('b'), lab.child('c', { backoff }), lab.child('d')],
  })
  await lab.exit('c')
  await lab.exit('c')
  lab.since()
  await lab.clock.advance(50)
  await lab.exit('a')
  assert.equal(lab.since(), '!a -b ~b +a +b')
  await lab.clock.advance(49)
  assert.equal(lab.since(), '')
  await lab.clock.advance(1)
  assert.equal(lab.since(), '+c +d')
  await tree.stop()
})

test('S100 rest_for_one: one that has longer to wait than those before it lets them begin', async (t) => {
  dice(t)
  const lab = new Lab()
  const long = { minMs: 500, maxMs: 1_000 }
  const tree = await lab.supervise({
    strategy: 'rest_for_one',
    children: [lab.child('a', { backoff }), lab.child('b', { backoff: long }), lab.child('c')],
  })
  await lab.exit('a')
  await lab.exit('b')
  await lab.exit('b')
  await lab.exit('a')
  lab.since()
  await lab.clock.advance(100)
  assert.equal(lab.since(), '+a')
  await lab.clock.advance(400)
  assert.equal(lab.since(), '+b +c')
  await tree.stop()
})

test('S101 requests are served while it waits; terminateChild ends its wait, and the others of its group start without it', async (t) => {
  dice(t)
  const lab = new Lab()
  const tree = await lab.supervise({
    strategy: 'one_for_all',
    children: [lab.child('a'), lab.child('b', { backoff })],
  })
  await lab.exit('b')
  await lab.exit('b')
  lab.since()
  await assert.rejects(tree.restartChild('b'), { code: 'BERYL_ERR_CHILD_RESTARTING' })
  await assert.rejects(tree.deleteChild('a'), { code: 'BERYL_ERR_CHILD_RESTARTING' })
  await tree.startChild(lab.child('new'))
  assert.deepEqual(tree.count(), { specs: 3, active: 1, supervisors: 0, workers: 3 })
  await tree.terminateChild('b')
  await lab.clock.advance(100)
  assert.equal(lab.since(), '+new +a')
  await tree.restartChild('b')
  assert.equal(lab.since(), '+b', 'by hand it waits for nothing')
  await tree.stop()
})

for (const [name, end] of Object.entries({
  stop: (tree) => tree.stop(),
  shutdown: async (tree) => tree.shutdown('shutdown'),
  kill: async (tree) => tree.kill(),
} satisfies Record<string, (tree: Awaited<ReturnType<Lab['supervise']>>) => Promise<void>>))
  test(`S102 ${name} ends the wait at once: nothing is started any more, and no timer is left`, async () => {
    for (const strategy of ['one_for_one', 'one_for_all', 'rest_for_one'] as const) {
      const lab = new Lab()
      const tree = await lab.supervise({ strategy, backoff, children: [lab.child('a'), lab.child('b')] })
      await lab.exit('a')
      await lab.exit('a')
      assert.equal(tree.inspect().children[0]?.state, 'restarting')
      lab.since()
      await end(tree)
      await tree.exited
      await lab.clock.settle()
      assert.equal(lab.clock.pending, 0)
      assert.doesNotMatch(lab.since(), /\+/)
    }
  })

test('S103 the wait is told, and shows in inspect and in formatTree', async (t) => {
  dice(t, 1)
  const lab = new Lab()
  const slow = { minMs: 1_500, maxMs: 60_000 }
  const tree = await lab.supervise({
    name: 'shop',
    strategy: 'rest_for_one',
    children: [lab.child('a', { backoff: slow }), lab.child('b')],
  })
  await lab.exit('a')
  await lab.exit('a')
  assert.deepEqual(
    lab.events.filter(({ type }) => type === 'child_backing_off'),
    [{ type: 'child_backing_off', supervisor: 'shop', id: 'a', incarnation: 2, delayMs: 3_000, inARow: 2 }],
  )
  await lab.clock.advance(500)
  assert.deepEqual(
    tree.inspect().children.map(({ state, startsInMs }) => [state, startsInMs]),
    [
      ['restarting', 2_500],
      ['restarting', 2_500],
    ],
  )
  assert.match(formatTree(tree.inspect()), /├─ a +worker, restarting, starts in 3 s, 1 restart$/m)
  await lab.clock.advance(2_500)
  assert.equal('startsInMs' in (tree.inspect().children[0] ?? {}), false)
  await tree.stop()
})

class Counter extends Actor {
  static override readonly backoff = { minMs: 100, maxMs: 1_000 }
}

test('S104 that of a supervisor is the default of its children, of either kind; their own and false come first', async (t) => {
  dice(t)
  const lab = new Lab()
  const own = { minMs: 7, maxMs: 1_000 }
  const tree = await lab.supervise({
    backoff,
    intensity: 1,
    children: [lab.child('a'), lab.child('b', { backoff: own }), lab.child('c', { backoff: false })],
  })
  for (const id of ['a', 'b', 'a', 'b']) await lab.exit(id)
  assert.deepEqual(waits(lab), [100, 7])
  await lab.exit('c')
  await lab.exit('c')
  assert.equal(tree.state, 'exited')
  const pool = await startDynamicSupervisor({
    clock: lab.clock,
    intensity: 0,
    backoff,
    report: (event) => void lab.events.push(event),
  })
  const handle = await pool.startChild(lab.child('d'))
  await lab.exit('d')
  await lab.exit('d')
  assert.deepEqual(waits(lab), [100, 7, 100])
  assert.deepEqual(
    pool.children().map(({ state }) => state),
    ['restarting'],
  )
  await lab.clock.advance(100)
  assert.equal(lab.startsOf('d'), 3)
  assert.notEqual(lab.probe('d'), handle)
  await lab.exit('d')
  const waiting = lab.probe('d')
  await pool.terminateChild(waiting)
  await lab.clock.advance(1_000)
  assert.equal(lab.startsOf('d'), 3, 'terminated while it waited')
  await pool.stop()
  assert.deepEqual(Counter.spec().backoff, backoff)
  assert.equal(Counter.spec({ restart: 'temporary' }).backoff, undefined)
})

const refusals: Readonly<Record<string, readonly [SupervisorOptions, RegExp]>> = {
  'a number': [
    { backoff: 5 as never },
    /supervisor 'supervisor', backoff: wanted an object with minMs, maxMs, got 5/,
  ],
  'a typo': [
    { backoff: { minMs: 1, max: 2 } as never },
    /backoff: wanted none but the keys minMs, maxMs, got "max"/,
  ],
  'no minMs': [
    { backoff: { maxMs: 2 } as never },
    /backoff\.minMs: wanted milliseconds from 1 to 2147483647, got undefined/,
  ],
  'a minMs of 0': [
    { backoff: { minMs: 0, maxMs: 2 } },
    /backoff\.minMs: wanted milliseconds from 1 .*, got 0/,
  ],
  'a maxMs below': [
    { backoff: { minMs: 5, maxMs: 2 } },
    /backoff\.maxMs: wanted milliseconds from 5 .*, got 2/,
  ],
  'no maxMs of a child': [
    { children: [{ id: 'a', backoff: { minMs: 5 } as never, start: () => 'ignore' }] },
    /child 'a', backoff\.maxMs: wanted milliseconds from 5 to 2147483647, got undefined/,
  ],
  'a temporary child': [
    { children: [{ id: 'a', restart: 'temporary', backoff, start: () => 'ignore' }] },
    /child 'a', backoff: wanted none, since a temporary child is never restarted, got \{ minMs, maxMs \}/,
  ],
}

for (const [name, [options, message]] of Object.entries(refusals))
  test(`S104 ${name} is no back-off, and refused`, async () => {
    await assert.rejects(new Lab().supervise(options), { code: 'BERYL_ERR_CHILD_SPEC', message })
  })
