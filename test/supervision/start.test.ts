import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type ChildInit,
  currentSupervisor,
  isNormal,
  type SupervisorOptions,
  startSupervisor,
  supervise,
  supervisor,
} from '../../src/supervision/index.ts'
import { Lab } from './lab.ts'

const code = (expected: string) => (error: unknown) =>
  error instanceof Error && 'code' in error && error.code === expected

test('S1 normal, shutdown and {shutdown, …} are the normal exits, everything else is not', () => {
  assert.deepEqual(
    ['normal', 'shutdown', { shutdown: 1 }].map((reason) => isNormal(reason as 'normal')),
    [true, true, true],
  )
  assert.deepEqual((['killed', 'noproc', { error: 1 }] as const).map(isNormal), [false, false, false])
})

test('S3 a transient child that ended normally stays listed, without a process, and can be started again', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [lab.child('a', { restart: 'transient' })] })
  await lab.exit('a', 'normal')
  assert.deepEqual(tree.children(), [{ id: 'a', state: 'stopped', type: 'worker', handle: undefined }])
  assert.equal(await tree.restartChild('a'), lab.probe('a'))
})

test('S4 the id of a temporary child is free as soon as it has ended', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [lab.child('a', { restart: 'temporary' })] })
  await lab.exit('a')
  assert.deepEqual(tree.children(), [])
  await tree.startChild(lab.child('a', { restart: 'temporary' }))
  assert.equal(tree.which('a'), lab.probe('a'))
})

test('S7 the late exit of a process that is no child any more is ignored', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [lab.child('a')] })
  const old = lab.probe('a')
  const stopping = tree.terminateChild('a')
  old.end({ error: 'crashed while it was stopped' })
  await stopping
  await lab.clock.settle()
  assert.equal(lab.startsOf('a'), 1)
  assert.equal(tree.children()[0]?.state, 'stopped')
})

test('S8 a child is started only after the start of the one before it has succeeded', async () => {
  const lab = new Lab()
  const starting = lab.supervise({ children: [lab.gated('a'), lab.gated('b'), lab.child('c')] })
  await lab.clock.settle()
  assert.equal(lab.since(), '…a')
  lab.open('a')
  await lab.clock.settle()
  assert.equal(lab.since(), '+a …b')
  lab.open('b')
  await starting
  assert.equal(lab.since(), '+b +c')
})

const faults: readonly (readonly [string, unknown, RegExp])[] = [
  [
    'an id twice',
    [
      { id: 'a', start },
      { id: 'a', start },
    ],
    /child 'a': wanted an id of its own, got "a"/,
  ],
  ['no id', [{ start }], /id of a child: wanted a non-empty string, got undefined/],
  ['an empty id', [{ id: '', start }], /id of a child: wanted a non-empty string, got ""/],
  ['no start', [{ id: 'a' }], /child 'a', start: wanted a function, got undefined/],
  [
    'a bad restart',
    [{ id: 'a', start, restart: 'always' }],
    /child 'a', restart: wanted 'permanent', 'transient' or 'temporary', got "always"/,
  ],
  [
    'a negative shutdown',
    [{ id: 'a', start, shutdownMs: -1 }],
    /child 'a', shutdownMs: wanted milliseconds.*got -1/,
  ],
  [
    'a shutdown that no timer can wait for',
    [{ id: 'a', start, shutdownMs: 2 ** 31 }],
    /child 'a', shutdownMs/,
  ],
  ['a NaN', [{ id: 'a', start, shutdownMs: Number.NaN }], /child 'a', shutdownMs/],
  [
    'a bad type',
    [{ id: 'a', start, type: 'thread' }],
    /child 'a', type: wanted 'worker' or 'supervisor', got "thread"/,
  ],
  ['a bad start timeout', [{ id: 'a', start, startTimeoutMs: 'long' }], /child 'a', startTimeoutMs/],
  [
    'a bad significant',
    [{ id: 'a', start, significant: 1 }],
    /child 'a', significant: wanted a boolean, got 1/,
  ],
  ['no spec at all', [null], /a child: wanted a child spec, got null/],
]

function start(): never {
  throw new Error('start must not be called')
}

for (const [name, children, message] of faults)
  test(`S9 ${name} is refused before any child is started`, async () => {
    const lab = new Lab()
    const wrong = children as ChildInit[]
    await assert.rejects(lab.supervise({ name: 'top', children: [lab.child('first'), ...wrong] }), message)
    assert.equal(lab.since(), '')
    assert.equal(currentSupervisor('top'), undefined)
  })

const badFlags: readonly (readonly [object, RegExp])[] = [
  [{ strategy: 'simple' }, /strategy: wanted 'one_for_one', 'one_for_all' or 'rest_for_one', got "simple"/],
  [{ intensity: -1 }, /intensity: wanted an integer from 0, got -1/],
  [{ intensity: 1.5 }, /intensity: wanted an integer from 0, got 1.5/],
  [{ periodMs: 0 }, /periodMs: wanted an integer from 1, got 0/],
  [
    { autoShutdown: 'always' },
    /autoShutdown: wanted 'never', 'any_significant' or 'all_significant', got "always"/,
  ],
]

for (const [flags, message] of badFlags)
  test(`S10 the flags ${JSON.stringify(flags)} are refused`, async () => {
    await assert.rejects(startSupervisor(flags as SupervisorOptions), message)
  })

test('S11 S12 a start that fails stops those before it in reverse order, each by its rule, and is not tried again', async () => {
  const lab = new Lab()
  const children = [
    lab.child('a'),
    lab.child('b', { shutdownMs: 'brutal' }),
    lab.child('c', { starts: { 1: 'fails' } }),
    lab.child('d'),
  ]
  await assert.rejects(lab.supervise({ name: 'top', children }), (error) => {
    assert.ok(error instanceof Error)
    assert.match(error.message, /'top\/c' failed to start: c does not start/)
    assert.ok(error.cause instanceof Error && error.cause.message === 'c does not start')
    return code('BERYL_ERR_START_FAILED')(error)
  })
  assert.equal(lab.since(), '+a +b ?c xb -a ~a')
  assert.equal(lab.clock.pending, 0)
  assert.equal(currentSupervisor('top'), undefined)
})

test('S11 a start that gives something else than a process has failed', async () => {
  const garbage: unknown = { exited: 'never' }
  const children = [{ id: 'a', start: () => garbage }] as unknown as ChildInit[]
  await assert.rejects(startSupervisor({ children }), /result of start: wanted a process or 'ignore'/)
})

test('S13 the error of a nested start has one level of cause for each supervisor', async () => {
  const lab = new Lab()
  const inner = supervisor('inner', { children: [lab.child('leaf', { starts: { 1: 'fails' } })] })
  const failed = await lab
    .supervise({ name: 'top', children: [supervisor('outer', { children: [inner] })] })
    .catch((error: unknown) => error)
  const messages: string[] = []
  for (let error: unknown = failed; error instanceof Error; error = error.cause)
    messages.push(error.message.split(' ')[0] ?? '')
  assert.deepEqual(messages, ["'top/outer'", "'top/outer/inner'", "'top/outer/inner/leaf'", 'leaf'])
})

test('S14 a child that says ignore is kept without a process, a temporary one is dropped, later ones start', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({
    children: [
      lab.child('a', { starts: { 1: 'ignores' } }),
      lab.child('b', { restart: 'temporary', starts: { 1: 'ignores' } }),
      lab.child('c'),
    ],
  })
  assert.deepEqual(
    tree.children().map(({ id, state }) => [id, state]),
    [
      ['a', 'stopped'],
      ['c', 'running'],
    ],
  )
  assert.deepEqual(tree.count(), { specs: 2, active: 1, supervisors: 0, workers: 2 })
})

test('S15 what start hands out is given back by startChild, restartChild and which, also after a restart', async () => {
  const lab = new Lab()
  const socket = { port: 4000 }
  const child = {
    id: 'a',
    start: async () => Object.assign(lab.probe('base'), { handle: socket }),
  } satisfies ChildInit
  const tree = await lab.supervise({ children: [lab.child('base')] })
  assert.equal(await tree.startChild(child), socket)
  assert.equal(tree.which('a'), socket)
})

test('S16 a name that is in use refuses the second supervisor, and no child of it is started', async () => {
  const lab = new Lab()
  const first = await lab.supervise({ name: 'top' })
  await assert.rejects(
    lab.supervise({ name: 'top', children: [lab.child('a')] }),
    code('BERYL_ERR_ALREADY_STARTED'),
  )
  assert.equal(lab.since(), '')
  assert.equal(currentSupervisor('top'), first)
  await first.stop()
  assert.equal(currentSupervisor('top'), undefined)
})

test('S17 a crash while a later sibling starts is handled after the start, and counts one', async () => {
  const lab = new Lab()
  const starting = lab.supervise({ intensity: 1, children: [lab.child('a'), lab.gated('b')] })
  await lab.clock.settle()
  await lab.exit('a')
  assert.equal(lab.since(), '+a …b !a', 'nothing is restarted yet')
  lab.open('b')
  const tree = await starting
  await lab.clock.settle()
  assert.equal(lab.since(), '+b +a')
  await lab.exit('a')
  await tree.exited
  assert.ok(lab.told().includes('gave_up'), 'the first restart was counted')
})

test('S17 if the start fails, the child that had crashed before is not stopped again', async () => {
  const lab = new Lab()
  const starting = lab.supervise({
    children: [lab.child('a'), lab.child('b'), lab.gated('c', { starts: { 1: 'fails' } })],
  })
  await lab.clock.settle()
  await lab.exit('a')
  lab.open('c')
  await assert.rejects(starting)
  assert.equal(lab.since(), '+a +b …c !a ?c -b ~b')
})

test('S6 S18 S72 the defaults: permanent, 5000 ms for workers, without limit for supervisors, 1 restart in 5000 ms', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [lab.child('a'), supervisor('pool', {})] })
  const { start: _a, ...worker } = tree.spec('a')
  const { start: _b, ...pool } = tree.spec('pool')
  assert.deepEqual(worker, {
    id: 'a',
    restart: 'permanent',
    shutdownMs: 5_000,
    startTimeoutMs: 5_000,
    type: 'worker',
    significant: false,
  })
  assert.deepEqual(pool, {
    id: 'pool',
    restart: 'permanent',
    shutdownMs: 'infinity',
    startTimeoutMs: 'infinity',
    type: 'supervisor',
    significant: false,
  })
  await lab.exit('a')
  assert.equal(tree.state, 'running')
  await lab.clock.advance(5_000)
  await lab.exit('a')
  assert.equal(tree.state, 'exited')
})

test('S83 supervise starts, or gives the running one; currentSupervisor finds it while it lives', async () => {
  const lab = new Lab()
  const both = await Promise.all([
    supervise({ name: 'only', children: [lab.child('a')] }),
    supervise({ name: 'only', children: [lab.child('a')] }),
  ])
  assert.equal(both[0], both[1])
  assert.equal(lab.since(), '+a')
  assert.equal(currentSupervisor('only'), both[0])
  await both[0].stop()
  assert.equal(currentSupervisor('only'), undefined)
  await assert.rejects(both[0].startChild(lab.child('b')), code('BERYL_ERR_NOPROC'))
})

test('S85 S86 a supervisor as a child runs its whole subtree, and its faults are faults of that start', async () => {
  const lab = new Lab()
  const wrong = { id: 'x' } as unknown as ChildInit
  await assert.rejects(
    lab.supervise({ name: 'top', children: [supervisor('sub', { children: [wrong] })] }),
    /'top\/sub' failed to start: .*child 'x', start/,
  )
  const tree = await lab.supervise({
    name: 'top',
    children: [supervisor('sub', { children: [lab.child('a')] })],
  })
  assert.deepEqual(
    tree
      .which('sub')
      ?.children()
      .map(({ id }) => id),
    ['a'],
  )
  await tree.stop()
})
