import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dynamicSupervisor, startDynamicSupervisor, supervisor } from '../../src/supervision/index.ts'
import { Lab } from './lab.ts'

const significant = (restart: 'transient' | 'temporary') => ({ restart, significant: true }) as const

test("S57 under autoShutdown 'never' a significant child is refused, at the start and later", async () => {
  const lab = new Lab()
  await assert.rejects(
    lab.supervise({ children: [lab.child('a', significant('transient'))] }),
    /child 'a', significant: wanted false, since the supervisor's autoShutdown is 'never', got true/,
  )
  const tree = await lab.supervise({ children: [] })
  await assert.rejects(tree.startChild(lab.child('a', significant('temporary'))), /autoShutdown is 'never'/)
  assert.equal(lab.since(), '')
})

for (const autoShutdown of ['never', 'any_significant', 'all_significant'] as const)
  test(`S58 a permanent significant child is refused under ${autoShutdown}`, async () => {
    const lab = new Lab()
    const child = lab.child('a', { significant: true })
    await assert.rejects(
      lab.supervise({ autoShutdown, children: [child] }),
      /child 'a', significant: wanted false/,
    )
  })

for (const [restart, reason, ends] of [
  ['transient', 'normal', true],
  ['transient', 'shutdown', true],
  ['transient', 'killed', false],
  ['temporary', 'normal', true],
  ['temporary', 'killed', true],
] as const)
  test(`S59 S60 any_significant: a ${restart} significant child that exits ${reason} ${ends ? 'ends' : 'does not end'} the supervisor`, async () => {
    const lab = new Lab()
    const children = [lab.child('a'), lab.child('s', significant(restart)), lab.child('c')]
    const tree = await lab.supervise({ autoShutdown: 'any_significant', children })
    lab.since()
    await lab.exit('s', reason)
    assert.equal(lab.since(), ends ? '!s -c ~c -a ~a' : '!s +s')
    assert.equal(tree.state, ends ? 'exited' : 'running')
    if (ends) assert.equal(await tree.exited, 'shutdown')
  })

test('S61 all_significant: the last significant child with a process ends the supervisor', async () => {
  const lab = new Lab()
  const children = [
    lab.child('never', { ...significant('transient'), starts: { 1: 'ignores' } }),
    lab.child('s', significant('transient')),
    lab.child('t', significant('temporary')),
    lab.child('a'),
  ]
  const tree = await lab.supervise({ autoShutdown: 'all_significant', children })
  await lab.exit('s', 'normal')
  assert.equal(tree.state, 'running')
  await lab.exit('t', 'killed')
  assert.equal(tree.state, 'exited')
})

test('S61 a significant child that is being restarted counts as alive', async () => {
  const lab = new Lab()
  const children = [
    lab.child('s', { ...significant('transient'), starts: { 2: 'fails' } }),
    lab.child('t', significant('transient')),
  ]
  const tree = await lab.supervise({ autoShutdown: 'all_significant', intensity: 5, children })
  lab.probe('s').end('killed')
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(tree.children()[0]?.state, 'restarting')
  lab.probe('t').end('normal')
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(tree.state, 'running')
})

test('S26 S62 terminateChild of a significant child, and its end by a group restart, never end the supervisor', async () => {
  const lab = new Lab()
  const children = [lab.child('a'), lab.child('s', significant('temporary'))]
  const tree = await lab.supervise({ autoShutdown: 'any_significant', strategy: 'one_for_all', children })
  await lab.exit('a')
  assert.equal(tree.state, 'running')
  await tree.startChild(lab.child('t', significant('temporary')))
  await tree.terminateChild('t')
  await lab.clock.settle()
  assert.equal(tree.state, 'running')
})

test('S63 a child that is not significant never ends the supervisor', async () => {
  const lab = new Lab()
  const children = [lab.child('a', { restart: 'temporary' }), lab.child('s', significant('temporary'))]
  const tree = await lab.supervise({ autoShutdown: 'all_significant', children })
  await lab.exit('a')
  assert.equal(tree.state, 'running')
})

test('S64 a permanent supervisor with autoShutdown is started again each time, and a warning says so beforehand', async () => {
  const lab = new Lab()
  const sub = supervisor('sub', {
    autoShutdown: 'any_significant',
    children: [lab.child('s', significant('temporary'))],
  })
  const tree = await lab.supervise({ name: 'top', children: [sub] })
  const warning = lab.events.find(({ type }) => type === 'warning')
  assert.match(warning?.type === 'warning' ? warning.message : '', /'top\/sub' shuts itself down/)
  await lab.exit('s', 'normal')
  assert.equal(lab.startsOf('s'), 2)
  assert.equal(tree.state, 'running')
})

test('S65 a dynamic supervisor refuses autoShutdown, alone and nested, and with it significant children', async () => {
  const lab = new Lab()
  const options = { clock: lab.clock, autoShutdown: 'all_significant' }
  const message = /autoShutdown: wanted 'never', since the supervisor is a dynamic one, got "all_significant"/
  await assert.rejects(async () => startDynamicSupervisor(options), message)
  await assert.rejects(lab.supervise({ children: [dynamicSupervisor('pool', options)] }), message)
  const pool = await startDynamicSupervisor({ clock: lab.clock })
  await assert.rejects(pool.startChild(lab.child('a', significant('temporary'))), /child 'a', significant/)
  await pool.stop()
})
