import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  currentSupervisor,
  type ExitReason,
  startDynamicSupervisor,
  supervisor,
} from '../../src/supervision/index.ts'
import { Lab } from './lab.ts'

const code = (expected: string) => (error: unknown) =>
  error instanceof Error && 'code' in error && error.code === expected

test('S46 children stop in the reverse of the start order, those added at run time included, one at a time', async () => {
  const lab = new Lab()
  const slow = { manner: 'ignores', shutdownMs: 'infinity' } as const
  const tree = await lab.supervise({ children: [lab.child('a'), lab.child('b', slow)] })
  await tree.startChild(lab.child('late'))
  lab.since()
  const stopping = tree.stop()
  await lab.clock.settle()
  assert.equal(lab.since(), '-late ~late -b')
  assert.notEqual(tree.which('a'), undefined, 'the others work on')
  lab.probe('b').end('shutdown', '~')
  await stopping
  assert.equal(lab.since(), '~b -a ~a')
})

test('S47 a child that does not end in its time is killed; the whole takes the sum of the times', async () => {
  const lab = new Lab()
  const deaf = (shutdownMs: number) => ({ manner: 'ignores', shutdownMs }) as const
  const tree = await lab.supervise({ children: [lab.child('a', deaf(100)), lab.child('b', deaf(250))] })
  lab.since()
  lab.told()
  const stopping = tree.stop()
  await lab.clock.advance(249)
  assert.equal(lab.since(), '-b')
  await lab.clock.advance(1)
  assert.equal(lab.since(), 'xb -a')
  await lab.clock.advance(100)
  assert.equal(lab.since(), 'xa')
  await stopping
  assert.equal(lab.clock.now(), 350)
  assert.equal(lab.clock.pending, 0)
  assert.deepEqual(lab.told(), ['shutdown_error', 'shutdown_error', 'supervisor_exited'])
})

test('S47 S56 a deadline that several share kills those that are late, and nobody else', async () => {
  const lab = new Lab()
  const kills: string[] = []
  const stub = (id: string, obeys: boolean) => {
    let end: (reason: ExitReason) => void = () => {}
    const exited = new Promise<ExitReason>((resolve) => {
      end = resolve
    })
    const kill = (): void => {
      kills.push(id)
      end('killed')
    }
    return { id, shutdownMs: 10, start: () => ({ exited, shutdown: () => obeys && end('shutdown'), kill }) }
  }
  const pool = await startDynamicSupervisor({ clock: lab.clock })
  for (const child of [stub('prompt', true), stub('late', false)]) await pool.startChild(child)
  const stopping = pool.stop()
  await lab.clock.advance(10)
  await stopping
  assert.deepEqual(kills, ['late'])
})

test('S48 brutal kills at once, without asking, and that is no error', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [lab.child('a', { shutdownMs: 'brutal' })] })
  await tree.stop()
  assert.equal(lab.since(), '+a xa')
  assert.deepEqual(lab.told(), ['child_started', 'child_stopped', 'supervisor_exited'])
})

test('S49 infinity waits for ever', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({
    children: [lab.child('a', { shutdownMs: 'infinity', manner: 'ignores' })],
  })
  const stopping = tree.stop()
  await lab.clock.advance(1e9)
  assert.equal(tree.state, 'stopping')
  assert.equal(lab.clock.pending, 0)
  lab.probe('a').end('shutdown')
  await stopping
})

test('S50 0 asks and kills in the same turn; who ends at once is not killed', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({
    children: [lab.child('a', { shutdownMs: 0, manner: 'ignores' }), lab.child('b', { shutdownMs: 0 })],
  })
  await tree.stop()
  assert.equal(lab.since(), '+a +b -b ~b -a xa')
})

test('S51 a child that ends with an error while it is stopped is told, and changes nothing', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({
    children: [lab.child('a', { manner: { error: 'broke on the way out' } })],
  })
  lab.told()
  await tree.terminateChild('a')
  assert.deepEqual(lab.told(), ['shutdown_error'])
  assert.equal(tree.children()[0]?.state, 'stopped')
})

test('S51 S52 a child that is dead already makes no wait', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [lab.child('a', { shutdownMs: 'infinity' })] })
  lab.probe('a').end('normal')
  await tree.stop()
  assert.equal(lab.since(), '+a !a')
})

test('S53 a nested supervisor stops its children before it ends, and ends with the reason it was given', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({
    name: 'top',
    children: [lab.child('a'), supervisor('sub', { children: [lab.child('b'), lab.child('c')] })],
  })
  const sub = tree.which('sub')
  lab.since()
  await tree.stop({ shutdown: 'deploy' })
  assert.equal(lab.since(), '-c ~c -b ~b -a ~a')
  assert.equal(await sub?.exited, 'shutdown')
  assert.deepEqual(await tree.exited, { shutdown: 'deploy' })
})

test('S54 stop waits for the end and may be called again; every request after it finds no process', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ name: 'top', children: [lab.child('a')] })
  await Promise.all([tree.stop(), tree.stop('shutdown')])
  await tree.stop()
  assert.equal(await tree.exited, 'normal')
  for (const request of [
    tree.startChild(lab.child('b')),
    tree.terminateChild('a'),
    tree.restartChild('a'),
    tree.deleteChild('a'),
  ])
    await assert.rejects(request, code('BERYL_ERR_NOPROC'))
})

test('S55 a permanent supervisor that somebody stopped by hand is restarted by its own', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [supervisor('sub', { children: [lab.child('a')] })] })
  const first = tree.which('sub')
  await first?.stop()
  await lab.clock.settle()
  assert.notEqual(tree.which('sub'), first)
  assert.equal(tree.which('sub')?.count().active, 1)
})

test('a stop that comes while the children start interrupts the start and stops those before it', async () => {
  const lab = new Lab()
  const stop = new AbortController()
  const starting = lab.supervise({
    signal: stop.signal,
    children: [lab.child('a'), lab.gated('b'), lab.child('c')],
  })
  await lab.clock.settle()
  stop.abort()
  await lab.clock.settle()
  lab.open('b')
  await assert.rejects(starting, /asked to end/)
  assert.equal(lab.since(), '+a …b +b -b ~b -a ~a')
  assert.equal(lab.clock.pending, 0)
})

test('a stop that comes while a start hangs waits for it as long as the shutdown rule says', async () => {
  const lab = new Lab()
  const stop = new AbortController()
  const starting = lab.supervise({
    signal: stop.signal,
    children: [lab.child('a'), lab.gated('b', { shutdownMs: 100, startTimeoutMs: 'infinity' })],
  })
  const refused = assert.rejects(starting)
  await lab.clock.settle()
  stop.abort()
  await lab.clock.advance(99)
  assert.equal(lab.since(), '+a …b')
  await lab.clock.advance(1)
  await refused
  assert.equal(lab.since(), '-a ~a')
  lab.open('b')
  await lab.clock.settle()
  assert.equal(lab.since(), '+b xb', 'what comes too late is killed')
})

test('a stop that comes during a group restart ends it: nothing more is started', async () => {
  const lab = new Lab()
  const starting = lab.supervise({
    strategy: 'one_for_all',
    children: [lab.gated('a'), lab.child('b'), lab.child('c')],
  })
  await lab.clock.settle()
  lab.open('a')
  const tree = await starting
  await lab.exit('c')
  lab.since()
  const stopping = tree.stop()
  await lab.clock.settle()
  lab.open('a')
  await stopping
  assert.equal(lab.since(), '+a -a ~a')
  assert.equal(lab.startsOf('b'), 1)
})

test('a stop that comes while a failed restart waits for its next try cancels it', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ intensity: 9, children: [lab.child('a', { starts: { 2: 'fails' } })] })
  lab.probe('a').end('killed')
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(tree.children()[0]?.state, 'restarting')
  await tree.stop()
  assert.equal(lab.clock.pending, 0)
  await lab.clock.settle()
  assert.equal(lab.startsOf('a'), 2)
})

test('requests that wait when the stop comes find no process', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [] })
  const slow = tree.startChild(lab.gated('a', { shutdownMs: 'brutal' }))
  const waiting = tree.startChild(lab.child('b'))
  const stopping = tree.stop()
  await assert.rejects(waiting, code('BERYL_ERR_NOPROC'))
  await assert.rejects(slow, code('BERYL_ERR_START_FAILED'))
  await stopping
  assert.equal(lab.startsOf('b'), 0)
})

test('kill ends the supervisor and all of its children in this turn', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({
    children: [lab.child('a'), supervisor('sub', { children: [lab.child('b')] }), lab.child('c')],
  })
  lab.since()
  tree.kill()
  assert.equal(lab.since(), 'xc xb xa')
  assert.equal(await tree.exited, 'killed')
  await lab.clock.settle()
  assert.equal(lab.since(), '')
})

test('kill reaches a supervisor that is still starting: what it has started is killed, not asked', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [] })
  const sub = supervisor('sub', { children: [lab.child('a'), lab.gated('b')] })
  const refused = assert.rejects(tree.startChild(sub))
  await lab.clock.settle()
  tree.kill()
  await refused
  assert.equal(lab.since(), '+a …b xa')
  lab.open('b')
  await lab.clock.settle()
  assert.equal(lab.since(), '+b xb')
})

test('a signal that is aborted already starts nothing', async () => {
  const lab = new Lab()
  const starting = lab.supervise({ name: 'top', signal: AbortSignal.abort(), children: [lab.child('a')] })
  await assert.rejects(starting, code('BERYL_ERR_ASKED_TO_END'))
  assert.equal(lab.since(), '')
  assert.equal(currentSupervisor('top'), undefined)
})

test('an exit signal to a child that is starting fails its start', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [] })
  const killed = assert.rejects(tree.startChild(lab.gated('a')), /'supervisor\/a' was asked to end: killed/)
  await lab.clock.settle()
  tree.exitChild('a')
  await killed
  lab.open('a')
  await lab.clock.settle()
  assert.equal(lab.since(), '…a +a xa')
  assert.deepEqual(tree.children(), [])
})
