import assert from 'node:assert/strict'
import { test } from 'node:test'
import { supervisor } from '../../src/supervision/index.ts'
import { Lab } from './lab.ts'

const code = (expected: string) => (error: unknown) =>
  error instanceof Error && 'code' in error && error.code === expected

test('S19 one_for_one keeps the place of the restarted child and the identity of its siblings', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [lab.child('a'), lab.child('b'), lab.child('c')] })
  const [a, c] = [tree.which('a'), tree.which('c')]
  await lab.exit('b')
  assert.deepEqual(
    tree.children().map(({ id }) => id),
    ['a', 'b', 'c'],
  )
  assert.equal(tree.which('a'), a)
  assert.equal(tree.which('c'), c)
})

test('S20 no start happens before the last stop has ended', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({
    strategy: 'one_for_all',
    children: [lab.child('a', { manner: 'ignores', shutdownMs: 'infinity' }), lab.child('b')],
  })
  const slow = lab.probe('a')
  await lab.exit('b')
  assert.equal(lab.since(), '+a +b !b -a')
  slow.end('shutdown', '~')
  await lab.clock.settle()
  assert.equal(lab.since(), '~a +a +b')
  lab.probe('a').end('normal')
  await tree.stop()
})

test('S23 the group step starts every remaining spec: also one that ended normally and one that was terminated', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({
    strategy: 'one_for_all',
    children: [lab.child('a', { restart: 'transient' }), lab.child('b'), lab.child('c')],
  })
  await lab.exit('a', 'normal')
  await tree.terminateChild('b')
  lab.since()
  await lab.exit('c')
  assert.equal(lab.since(), '!c +a +b +c')
})

test('S24 a group restart counts one, however many children it restarts', async () => {
  const lab = new Lab()
  const children = ['a', 'b', 'c', 'd', 'e'].map((id) => lab.child(id))
  const tree = await lab.supervise({ strategy: 'one_for_all', intensity: 1, children })
  await lab.exit('a')
  assert.equal(tree.state, 'running')
  await lab.exit('a')
  assert.equal(tree.state, 'exited')
})

for (const [strategy, restarts] of [
  ['one_for_one', 2],
  ['one_for_all', 1],
  ['rest_for_one', 1],
] as const)
  test(`S25 two children that die at the same time count ${restarts} under ${strategy}`, async () => {
    const lab = new Lab()
    const tree = await lab.supervise({
      strategy,
      intensity: restarts,
      children: [lab.child('a'), lab.child('b')],
    })
    lab.probe('a').end('killed')
    lab.probe('b').end('killed')
    await lab.clock.settle()
    assert.equal(tree.state, 'running')
    assert.equal(tree.count().active, 2)
    const ends = lab.told().filter((type) => type === 'child_exited' || type === 'shutdown_error')
    assert.equal(ends.length, 2, 'both ends are told')
    await lab.exit('a')
    assert.equal(tree.state, 'exited', 'no more than that many are left in the window')
  })

test('S25 a child that crashes while the group is being stopped is absorbed, and its crash is told', async () => {
  const lab = new Lab()
  const slow = { manner: 'ignores', shutdownMs: 'infinity' } as const
  const children = [lab.child('a'), lab.child('b'), lab.child('c', slow)]
  const tree = await lab.supervise({ strategy: 'one_for_all', intensity: 1, children })
  const stopping = lab.probe('c')
  await lab.exit('a')
  lab.told()
  await lab.exit('b')
  stopping.end('shutdown', '~')
  await lab.clock.settle()
  assert.equal(lab.since(), '+a +b +c !a -c !b ~c +a +b +c')
  assert.equal(lab.told().filter((type) => type === 'child_exited').length, 1)
  assert.equal(tree.state, 'running')
  lab.probe('c').end('normal')
  await tree.exited
})

test('S27 between death and restart nobody gets the child, and the next one is another', async () => {
  const lab = new Lab()
  const starting = lab.supervise({ children: [lab.gated('a')] })
  await lab.clock.settle()
  lab.open('a')
  const tree = await starting
  const first = tree.which('a')
  await lab.exit('a')
  assert.equal(tree.which('a'), undefined)
  assert.equal(tree.children()[0]?.state, 'starting')
  lab.open('a')
  await lab.clock.settle()
  assert.notEqual(tree.which('a'), undefined)
  assert.notEqual(tree.which('a'), first)
})

test('S28 S29 the restart after the last allowed one trips before start is called', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ intensity: 3, periodMs: 5_000, children: [lab.child('a')] })
  for (let crash = 0; crash < 3; crash++) await lab.exit('a')
  assert.equal(lab.startsOf('a'), 4)
  await lab.exit('a')
  assert.equal(await tree.exited, 'shutdown')
  assert.equal(lab.startsOf('a'), 4)
})

test('S30 with intensity 0 the first restart trips', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ intensity: 0, children: [lab.child('a')] })
  await lab.exit('a')
  assert.equal(await tree.exited, 'shutdown')
})

for (const [gapMs, trips] of [
  [4_999, true],
  [5_000, true],
  [5_001, false],
] as const)
  test(`S31 a restart ${gapMs} ms ago ${trips ? 'still counts' : 'is forgotten'} in a window of 5000 ms`, async () => {
    const lab = new Lab()
    const tree = await lab.supervise({ intensity: 1, periodMs: 5_000, children: [lab.child('a')] })
    await lab.exit('a')
    await lab.clock.advance(gapMs)
    await lab.exit('a')
    assert.equal(tree.state, trips ? 'exited' : 'running')
  })

test('S33 the count is that of all children together', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({
    intensity: 2,
    children: [lab.child('a'), lab.child('b'), lab.child('c')],
  })
  await lab.exit('a')
  await lab.exit('b')
  await lab.exit('c')
  assert.equal(tree.state, 'exited')
})

test('S34 S38 N14 on the trip the others are stopped in reverse order by their rules, the exit is shutdown, and it is told', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({
    name: 'top',
    intensity: 0,
    children: [lab.child('a'), lab.child('b'), lab.child('c', { shutdownMs: 'brutal' })],
  })
  lab.since()
  lab.told()
  await lab.exit('b')
  assert.equal(lab.since(), '!b xc -a ~a')
  assert.equal(await tree.exited, 'shutdown')
  assert.deepEqual(lab.told(), [
    'child_exited',
    'gave_up',
    'child_stopped',
    'child_stopped',
    'supervisor_exited',
  ])
})

for (const [restart, outcome] of [
  ['permanent', 'running'],
  ['transient', 'stopped'],
  ['temporary', 'gone'],
] as const)
  test(`S35 a ${restart} supervisor that gave up is ${outcome} in its own supervisor`, async () => {
    const lab = new Lab()
    const sub = supervisor('sub', { intensity: 0, children: [lab.child('a')] }, { restart })
    const tree = await lab.supervise({ intensity: 1, children: [sub, lab.child('b')] })
    await lab.exit('a')
    assert.equal(tree.children().find(({ id }) => id === 'sub')?.state ?? 'gone', outcome)
    assert.equal(tree.state, 'running')
  })

test('S36 a worker that always crashes under two supervisors is started (i + 1) · (j + 1) times', async () => {
  for (const [inner, outer] of [
    [1, 1],
    [2, 3],
    [0, 4],
  ] as const) {
    const lab = new Lab()
    const sub = supervisor('sub', { intensity: inner, children: [lab.child('a')] })
    const tree = await lab.supervise({ intensity: outer, children: [sub] })
    for (let crash = 0; crash < 50 && tree.state === 'running'; crash++) await lab.exit('a')
    assert.equal(lab.startsOf('a'), (inner + 1) * (outer + 1))
  }
})

test('S37 a supervisor that was restarted has its static children and an empty window', async () => {
  const lab = new Lab()
  const sub = supervisor('sub', { intensity: 1, children: [lab.child('a')] })
  const tree = await lab.supervise({ intensity: 1, children: [sub] })
  await tree.which('sub')?.startChild(lab.child('extra'))
  await lab.exit('a')
  await lab.exit('a')
  assert.deepEqual(
    tree
      .which('sub')
      ?.children()
      .map(({ id }) => id),
    ['a'],
  )
  await lab.exit('a')
  assert.equal(tree.which('sub')?.count().active, 1, 'its one restart is free again')
})

test('S39 S41 N11 a start that fails in a restart is tried again after what waits; meanwhile the child is restarting', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({
    intensity: 5,
    children: [lab.child('a', { starts: { 2: 'fails' } }), lab.child('b')],
  })
  lab.probe('a').end('killed')
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(tree.children()[0]?.state, 'restarting')
  assert.equal(tree.which('a'), undefined)
  assert.deepEqual(tree.count(), { specs: 2, active: 1, supervisors: 0, workers: 2 })
  await assert.rejects(tree.restartChild('a'), code('BERYL_ERR_CHILD_RESTARTING'))
  await assert.rejects(tree.deleteChild('a'), code('BERYL_ERR_CHILD_RESTARTING'))
  assert.equal(lab.startsOf('a'), 2, 'requests were served before the next try')
  await lab.clock.settle()
  assert.equal(tree.children()[0]?.state, 'running')
})

test('S40 each try is counted: a start that always fails trips without any delay', async () => {
  const lab = new Lab()
  const starts = { 2: 'fails', 3: 'fails', 4: 'fails', 5: 'fails' } as const
  const tree = await lab.supervise({ intensity: 3, children: [lab.child('a', { starts })] })
  await lab.exit('a')
  assert.equal(await tree.exited, 'shutdown')
  assert.equal(lab.startsOf('a'), 4)
  assert.equal(lab.clock.now(), 0)
})

test('S42 terminateChild of a restarting child succeeds, and the try that waited does nothing', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ intensity: 5, children: [lab.child('a', { starts: { 2: 'fails' } })] })
  lab.probe('a').end('killed')
  await new Promise((resolve) => setImmediate(resolve))
  await tree.terminateChild('a')
  await lab.clock.settle()
  assert.equal(lab.startsOf('a'), 2)
  assert.equal(tree.children()[0]?.state, 'stopped')
})

test('S42 a try that waits behind the request that stops its child does nothing when its turn comes', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ intensity: 5, children: [lab.child('a', { starts: { 2: 'fails' } })] })
  lab.probe('a').end('killed')
  await new Promise((resolve) => setImmediate(resolve))
  const slow = tree.startChild(lab.gated('slow'))
  const stopped = tree.terminateChild('a')
  await lab.clock.settle()
  lab.open('slow')
  await Promise.all([slow, stopped])
  await lab.clock.settle()
  assert.equal(lab.startsOf('a'), 2)
  assert.equal(tree.children()[0]?.state, 'stopped')
})

for (const [strategy, steps] of [
  ['one_for_all', '!c -b ~b -a ~a +a ?b -a ~a +a +b +c'],
  ['rest_for_one', '!a -c ~c -b ~b +a ?b +b +c'],
] as const)
  test(`S43 S44 ${strategy}: what was restarted before a start that fails stays until the next try`, async () => {
    const lab = new Lab()
    const children = [lab.child('a'), lab.child('b', { starts: { 2: 'fails' } }), lab.child('c')]
    const tree = await lab.supervise({ strategy, intensity: 5, children })
    lab.since()
    lab.probe(strategy === 'one_for_all' ? 'c' : 'a').end('killed')
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(
      tree.children().map(({ state }) => state),
      ['running', 'restarting', 'stopped'],
    )
    await lab.clock.settle()
    assert.equal(lab.since(), steps)
  })

test('S45 ignore in a restart is a success: the spec is kept without a process and nothing is tried again', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [lab.child('a', { starts: { 2: 'ignores' } })] })
  await lab.exit('a')
  assert.equal(lab.startsOf('a'), 2)
  assert.deepEqual(
    tree.children().map(({ state }) => state),
    ['stopped'],
  )
})
