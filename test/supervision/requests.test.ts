import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ChildInit, formatTree, supervisor } from '../../src/supervision/index.ts'
import { Lab } from './lab.ts'

const code = (expected: string) => (error: unknown) =>
  error instanceof Error && 'code' in error && error.code === expected

test('S66 startChild appends at the end of the start order', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ strategy: 'rest_for_one', children: [lab.child('a'), lab.child('b')] })
  assert.equal(await tree.startChild(lab.child('c')), lab.probe('c'))
  lab.since()
  await lab.exit('b')
  assert.equal(lab.since(), '!b -c ~c +b +c')
})

test('S66 an id that is taken, a spec that is wrong and a start that fails are told apart, and nothing stays of them', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ intensity: 0, children: [lab.child('a'), lab.child('b')] })
  await tree.terminateChild('b')
  await assert.rejects(tree.startChild(lab.child('a')), code('BERYL_ERR_ALREADY_STARTED'))
  await assert.rejects(tree.startChild(lab.child('b')), code('BERYL_ERR_CHILD_PRESENT'))
  await assert.rejects(tree.startChild({ id: 'c' } as unknown as ChildInit), code('BERYL_ERR_CHILD_SPEC'))
  await assert.rejects(
    tree.startChild(lab.child('d', { starts: { 1: 'fails' } })),
    code('BERYL_ERR_START_FAILED'),
  )
  assert.deepEqual(
    tree.children().map(({ id }) => id),
    ['a', 'b'],
  )
  assert.equal(tree.state, 'running')
  await tree.startChild(lab.child('d'))
})

test('S67 terminateChild stops by the rule, keeps the spec, restarts and counts nothing', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({
    intensity: 0,
    children: [lab.child('a'), lab.child('t', { restart: 'temporary' })],
  })
  await tree.terminateChild('a')
  await tree.terminateChild('a')
  await tree.terminateChild('t')
  await lab.clock.settle()
  assert.deepEqual(
    tree.children().map(({ id, state }) => [id, state]),
    [['a', 'stopped']],
  )
  assert.equal(tree.state, 'running')
  await assert.rejects(tree.terminateChild('t'), code('BERYL_ERR_CHILD_NOT_FOUND'))
  await assert.rejects(tree.terminateChild('unknown'), /has no child 'unknown'/)
})

test('S68 restartChild starts a stopped child in its old place, and only a stopped one', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({
    strategy: 'rest_for_one',
    intensity: 1,
    children: [lab.child('a', { starts: { 2: 'fails' } }), lab.child('b')],
  })
  await assert.rejects(tree.restartChild('a'), code('BERYL_ERR_CHILD_RUNNING'))
  await assert.rejects(tree.restartChild('unknown'), code('BERYL_ERR_CHILD_NOT_FOUND'))
  await tree.terminateChild('a')
  await assert.rejects(tree.restartChild('a'), code('BERYL_ERR_START_FAILED'))
  assert.equal(tree.children()[0]?.state, 'stopped')
  assert.equal(await tree.restartChild('a'), lab.probe('a'))
  lab.since()
  await lab.exit('a')
  assert.equal(lab.since(), '!a -b ~b +a +b', 'it is the first again, and the failure was not counted')
})

test('S69 deleteChild forgets a stopped child, and only a stopped one', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [lab.child('a')] })
  await assert.rejects(tree.deleteChild('a'), code('BERYL_ERR_CHILD_RUNNING'))
  await tree.terminateChild('a')
  await tree.deleteChild('a')
  await assert.rejects(tree.deleteChild('a'), code('BERYL_ERR_CHILD_NOT_FOUND'))
  await assert.rejects(tree.restartChild('a'), code('BERYL_ERR_CHILD_NOT_FOUND'))
  assert.throws(() => tree.spec('a'), code('BERYL_ERR_CHILD_NOT_FOUND'))
})

test('S70 S71 children lists in start order; count tells specs, living processes and types', async () => {
  const lab = new Lab()
  const sub = supervisor('sub', { children: [] })
  const tree = await lab.supervise({ children: [lab.child('a'), sub, lab.child('b')] })
  await tree.terminateChild('b')
  assert.deepEqual(tree.children(), [
    { id: 'a', state: 'running', type: 'worker', handle: lab.probe('a') },
    { id: 'sub', state: 'running', type: 'supervisor', handle: tree.which('sub') },
    { id: 'b', state: 'stopped', type: 'worker', handle: undefined },
  ])
  assert.deepEqual(tree.count(), { specs: 3, active: 2, supervisors: 1, workers: 2 })
})

test('S73 requests are served one at a time; a slow start holds up requests and restarts', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [lab.child('a')] })
  const slow = tree.startChild(lab.gated('slow'))
  const next = tree.startChild(lab.child('next'))
  await lab.exit('a')
  assert.equal(lab.since(), '+a …slow !a')
  lab.open('slow')
  await Promise.all([slow, next])
  await lab.clock.settle()
  assert.equal(lab.since(), '+slow +next +a')
})

test('exitChild is an exit signal from outside: the supervisor treats the end as any other', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ intensity: 9, children: [lab.child('a', { restart: 'transient' })] })
  tree.exitChild('a')
  await lab.clock.settle()
  assert.equal(lab.since(), '+a xa +a')
  tree.exitChild('a', { error: 'crash' })
  await lab.clock.settle()
  assert.equal(lab.since(), '-a ~a +a')
  tree.exitChild('a', 'shutdown')
  await lab.clock.settle()
  assert.equal(tree.children()[0]?.state, 'stopped')
  assert.throws(() => tree.exitChild('b'), code('BERYL_ERR_CHILD_NOT_FOUND'))
})

test('inspect gives plain objects, and formatTree draws them', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({
    name: 'prices',
    strategy: 'rest_for_one',
    intensity: 9,
    children: [
      lab.child('feed'),
      supervisor('pool', { children: [lab.child('one'), lab.child('two', { restart: 'transient' })] }),
      lab.child('last'),
    ],
  })
  await lab.clock.advance(2_500)
  await lab.exit('two', 'normal')
  await lab.exit('last')
  await lab.exit('last')
  const node = tree.inspect()
  assert.deepEqual(JSON.parse(JSON.stringify(node)), node)
  assert.deepEqual(node.children[2], {
    id: 'last',
    type: 'worker',
    state: 'running',
    restarts: 2,
    since: Date.UTC(2026, 0, 1, 0, 0, 2),
    abandoned: 0,
    stillRunning: 0,
    children: [],
  })
  assert.equal(
    formatTree(node),
    [
      'prices     supervisor, running, rest_for_one',
      '├─ feed    worker, running',
      '├─ pool    supervisor, running, one_for_one',
      '│  ├─ one  worker, running',
      '│  └─ two  worker, stopped',
      '└─ last    worker, running, 2 restarts',
    ].join('\n'),
  )
})
