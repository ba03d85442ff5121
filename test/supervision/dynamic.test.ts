import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Actor,
  type ChildPolicy,
  type DynamicSupervisor,
  dynamicSupervisor,
  formatTree,
  type HandleOf,
  type StartContext,
  startDynamicSupervisor,
  startSupervisor,
} from '../../src/supervision/index.ts'
import { Lab, Probe } from './lab.ts'

const code = (expected: string) => (error: unknown) =>
  error instanceof Error && 'code' in error && error.code === expected

class Counter extends Actor {
  #count = 0

  override init(from: number): void {
    this.#count = from
  }

  increment(): number {
    this.#count += 1
    return this.#count
  }

  crash(): never {
    throw new Error('crash')
  }
}

/** A pool whose children are told their argument, with the arguments of all starts. */
function pool(lab: Lab, policy: Partial<ChildPolicy> & { maxChildren?: number; intensity?: number } = {}) {
  const seen: string[] = []
  const { maxChildren, intensity = 1, ...child } = policy
  const start = (context: StartContext, id: string): Probe => {
    seen.push(id)
    return new Probe(lab, id, 'obeys', context)
  }
  const options = {
    clock: lab.clock,
    intensity,
    child: { ...child, start },
    ...(maxChildren !== undefined && { maxChildren }),
  }
  return { seen, starting: startDynamicSupervisor(options) }
}

test('S74 it starts empty; the same id may come twice; children are addressed by handle', async () => {
  const lab = new Lab()
  const specs = await startDynamicSupervisor({ clock: lab.clock })
  assert.deepEqual(specs.children(), [])
  const first = await specs.startChild(lab.child('same'))
  const second = await specs.startChild(lab.child('same'))
  assert.notEqual(first, second)
  await specs.terminateChild(first)
  assert.deepEqual(
    specs.children().map(({ handle }) => handle),
    [second],
  )
  await specs.stop()
})

test('S75 beyond maxChildren a start is refused; 0 is a limit too; one that is being restarted holds its place', async () => {
  const lab = new Lab()
  const none = await pool(lab, { maxChildren: 0 }).starting
  await assert.rejects(none.startChild('a'), code('BERYL_ERR_MAX_CHILDREN'))
  const one = await startDynamicSupervisor({ clock: lab.clock, maxChildren: 1, intensity: 9 })
  await one.startChild(lab.child('a', { starts: { 2: 'fails' } }))
  lab.probe('a').end('killed')
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(one.children()[0]?.state, 'restarting')
  await assert.rejects(one.startChild(lab.child('b')), /has all the children it may have: 1/)
  await lab.clock.settle()
  await one.terminateChild(lab.probe('a'))
  await one.startChild(lab.child('b'))
})

test('S76 S78 the arguments are used again at each restart, and the new incarnation has another handle', async () => {
  const lab = new Lab()
  const { seen, starting } = pool(lab)
  const supervisor = await starting
  const first = await supervisor.startChild('x')
  await supervisor.startChild('y')
  first.end('killed')
  await lab.clock.settle()
  assert.deepEqual(seen, ['x', 'y', 'x'])
  assert.equal(supervisor.count().active, 2)
  await assert.rejects(supervisor.terminateChild(first), code('BERYL_ERR_CHILD_NOT_FOUND'))
  await supervisor.stop()
  assert.equal(lab.clock.pending, 0)
})

test('S77 ignore keeps no child, at the start nor at a restart', async () => {
  const lab = new Lab()
  const specs = await startDynamicSupervisor({ clock: lab.clock })
  assert.equal(await specs.startChild(lab.child('a', { starts: { 1: 'ignores' } })), undefined)
  assert.equal(specs.count().specs, 0)
  await specs.startChild(lab.child('b', { starts: { 2: 'ignores' } }))
  await lab.exit('b')
  assert.equal(specs.count().specs, 0)
  assert.equal(specs.state, 'running')
})

test('S78 restarts of all children count together; on the trip all are stopped and the exit is shutdown', async () => {
  const lab = new Lab()
  const supervisor = await pool(lab, { intensity: 1 }).starting
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((id) => supervisor.startChild(id)))
  a?.end('killed')
  await lab.clock.settle()
  b?.end('killed')
  assert.equal(await supervisor.exited, 'shutdown')
  assert.equal(await c?.exited, 'shutdown')
})

for (const [restart, reason, stays] of [
  ['permanent', 'normal', true],
  ['transient', 'normal', false],
  ['transient', 'killed', true],
  ['temporary', 'killed', false],
] as const)
  test(`S78 a ${restart} dynamic child that exits ${reason} is ${stays ? 'restarted' : 'gone'}`, async () => {
    const lab = new Lab()
    const supervisor = await pool(lab, { restart }).starting
    const child = await supervisor.startChild('a')
    child.end(reason)
    await lab.clock.settle()
    assert.equal(supervisor.count().active, stays ? 1 : 0)
    assert.equal(supervisor.count().specs, stays ? 1 : 0)
  })

test('S78 a restart that fails is tried again and counted', async () => {
  const lab = new Lab()
  const specs = await startDynamicSupervisor({ clock: lab.clock, intensity: 2 })
  await specs.startChild(lab.child('a', { starts: { 2: 'fails', 3: 'fails' } }))
  await lab.exit('a')
  assert.equal(await specs.exited, 'shutdown')
  assert.equal(lab.startsOf('a'), 3)
})

test('S79 terminateChild stops for good; what is no child is not found', async () => {
  const lab = new Lab()
  const supervisor = await pool(lab).starting
  const child = await supervisor.startChild('a')
  await supervisor.terminateChild(child)
  await lab.clock.settle()
  assert.equal(supervisor.count().specs, 0)
  await assert.rejects(supervisor.terminateChild(child), code('BERYL_ERR_CHILD_NOT_FOUND'))
  await assert.rejects(supervisor.terminateChild('a'), code('BERYL_ERR_CHILD_NOT_FOUND'))
})

test('S56 all children are stopped at the same time: the whole takes the longest, with one timer for each length', async () => {
  const lab = new Lab()
  const specs = await startDynamicSupervisor({ clock: lab.clock })
  for (let n = 0; n < 50; n++)
    await specs.startChild(lab.child(`a${n}`, { manner: 'ignores', shutdownMs: n % 2 === 0 ? 100 : 300 }))
  const stopping = specs.stop()
  await lab.clock.settle()
  assert.equal(lab.clock.pending, 2)
  await lab.clock.advance(300)
  await stopping
  assert.equal(lab.clock.now(), 300)
})

test('S80 S71 count tells the number of children; the ids only count the starts', async () => {
  const lab = new Lab()
  const supervisor = await pool(lab).starting
  await supervisor.startChild('x')
  await supervisor.startChild('y')
  assert.deepEqual(supervisor.count(), { specs: 2, active: 2, supervisors: 0, workers: 2 })
  assert.deepEqual(
    supervisor.children().map(({ id }) => id),
    ['#1', '#2'],
  )
})

test('S81 ten times the children take about ten times as long to start and stop', async (t) => {
  const run = async (count: number): Promise<number> => {
    const lab = new Lab()
    const supervisor = await pool(lab, { restart: 'temporary' }).starting
    const before = process.cpuUsage()
    for (let n = 0; n < count; n++) await supervisor.startChild('c')
    await supervisor.stop()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000
  }
  await run(1_000)
  const small = await run(1_000)
  const large = await run(10_000)
  t.diagnostic(
    `1,000: ${small.toFixed(1)} ms of CPU; 10,000: ${large.toFixed(1)} ms; ${(large / small).toFixed(1)} times`,
  )
  // A quadratic cost would be 100 times; the garbage collector's share makes it more than 10.
  assert.ok(large < 40 * small, `${large} ms is not about ten times ${small} ms`)
})

test('S82 a pool of actors: startChild takes what init takes; a named actor has its name again after a restart', async () => {
  const counters = await startDynamicSupervisor({ child: Counter, maxChildren: 2, intensity: 9 })
  const counter = await counters.startChild(5)
  assert.equal(await counter.increment(), 6)
  await assert.rejects(counter.crash())
  assert.equal(counters.count().specs, 1)
  await counters.stop()

  const named = await startDynamicSupervisor({ intensity: 9 })
  await named.startChild(Counter.spec({ name: 'main', args: [1] }))
  await assert.rejects(
    named.startChild(Counter.spec({ name: 'main', args: [1] })),
    /'main' is running already/,
  )
  await assert.rejects(Counter.whereis('main')?.crash() ?? Promise.resolve())
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(await Counter.whereis('main')?.increment(), 2)
  await named.stop()
  assert.equal(Counter.whereis('main'), undefined)
})

test('a dynamic supervisor as a child shows some of its children and how many more there are', async () => {
  const lab = new Lab()
  const start = (context: StartContext, id: string): Probe => new Probe(lab, id, 'obeys', context)
  const tree = await startSupervisor({
    name: 'top',
    clock: lab.clock,
    children: [dynamicSupervisor('rooms', { child: { start, restart: 'temporary' } })],
  })
  const rooms: DynamicSupervisor<[id: string], Probe> | undefined = tree.which('rooms')
  for (let n = 0; n < 23; n++) await rooms?.startChild(`room${n}`)
  const lines = formatTree(tree.inspect()).split('\n')
  assert.equal(lines.length, 1 + 1 + 20 + 1)
  assert.match(lines[1] ?? '', /└─ rooms +supervisor, running, dynamic/)
  assert.match(lines.at(-1) ?? '', /└─ … +3 more/)
  await tree.stop()
})

test('a start that hangs is interrupted by the stop of the dynamic supervisor', async () => {
  const lab = new Lab()
  const specs = await startDynamicSupervisor({ clock: lab.clock })
  const hanging = specs.startChild(lab.gated('a', { shutdownMs: 10 }))
  const refused = assert.rejects(hanging)
  const stopping = specs.stop()
  await lab.clock.advance(10)
  await Promise.all([refused, stopping])
  assert.equal(lab.clock.pending, 0)
})

test('options that make no sense are refused', async () => {
  const start = undefined as unknown as () => HandleOf<Probe>
  await assert.rejects(startDynamicSupervisor({ child: { start } }), /start of the child: wanted a function/)
  await assert.rejects(
    startDynamicSupervisor({ maxChildren: -1 }),
    /maxChildren: wanted a number from 0, got -1/,
  )
  await assert.rejects(startDynamicSupervisor({ maxChildren: Number.NaN }), /maxChildren/)
})

test('S79 S42 terminateChild with the last handle ends a child that is being restarted; the next try does nothing', async () => {
  const lab = new Lab()
  const specs = await startDynamicSupervisor({ clock: lab.clock, intensity: 9 })
  const child = await specs.startChild(lab.child('a', { starts: { 2: 'fails' } }))
  lab.probe('a').end('killed')
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(specs.children()[0]?.state, 'restarting')
  await specs.terminateChild(child)
  await lab.clock.settle()
  assert.equal(lab.startsOf('a'), 2)
  assert.deepEqual(specs.children(), [])
  assert.equal(lab.clock.pending, 0)
  await specs.stop()
})

test('S87 which gives the handle of a child that runs, and nothing for one that is being restarted or is none', async () => {
  const lab = new Lab()
  const specs = await startDynamicSupervisor({ clock: lab.clock, intensity: 9 })
  const child = await specs.startChild(lab.child('a', { starts: { 2: 'fails' } }))
  assert.equal(specs.which(child), child)
  lab.probe('a').end('killed')
  await Promise.resolve()
  assert.equal(specs.which(child), undefined)
  await lab.clock.settle()
  assert.equal(specs.which(child), undefined, 'the old handle is that of nobody')
  assert.equal(specs.which(lab.probe('a')), lab.probe('a'))
  await specs.stop()
  assert.equal(specs.which(lab.probe('a')), undefined)
})

test('S4 S76 of a temporary child that runs, neither its start nor its arguments are kept', async () => {
  const lab = new Lab()
  const kept: WeakRef<object>[] = []
  const costly = (restart: ChildPolicy['restart']) => {
    const data = { bytes: new Uint8Array(1_000) }
    kept.push(new WeakRef(data))
    return { id: restart, restart, start: (context: StartContext) => probeWith(lab, context, data) }
  }
  const tree = await lab.supervise({ children: [] })
  const specs = await startDynamicSupervisor({ clock: lab.clock })
  for (const restart of ['temporary', 'permanent'] as const) {
    await tree.startChild(costly(restart))
    await specs.startChild(costly(restart))
  }
  await new Promise((resolve) => setImmediate(resolve))
  globalThis.gc?.()
  assert.deepEqual(
    kept.map((ref) => ref.deref() === undefined),
    [true, true, false, false],
  )
  assert.deepEqual([tree.count().active, specs.count().active], [2, 2])
  assert.throws(
    () => tree.spec('temporary').start({ path: 'again' } as StartContext),
    code('BERYL_ERR_NOPROC'),
  )
  await Promise.all([tree.stop(), specs.stop()])
})

function probeWith(lab: Lab, context: StartContext, data: { readonly bytes: Uint8Array }): Probe {
  return new Probe(lab, `${data.bytes.length}`, 'obeys', context)
}

test('S88 a supervisor that has ended does not tell of its children: children, count, spec and exitChild find no process', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [lab.child('a')] })
  const specs = await startDynamicSupervisor({ clock: lab.clock })
  const child = await specs.startChild(lab.child('b'))
  await Promise.all([tree.stop(), specs.stop()])
  for (const look of [
    () => tree.children(),
    () => tree.count(),
    () => tree.spec('a'),
    () => tree.exitChild('a'),
    () => specs.children(),
    () => specs.count(),
    () => specs.exitChild(child),
  ])
    assert.throws(look, code('BERYL_ERR_NOPROC'))
  assert.equal(tree.which('a'), undefined)
  assert.deepEqual([tree.inspect().state, specs.inspect().state], ['exited', 'exited'])
})

test('S89 an exit normal from outside does nothing, as in Erlang; any other ends the child', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({
    intensity: 9,
    children: [lab.child('a'), Counter.spec({ id: 'c', args: [1] })],
  })
  const specs = await startDynamicSupervisor({ clock: lab.clock, intensity: 9 })
  const child = await specs.startChild(lab.child('b'))
  const counter = tree.which('c')
  tree.exitChild('a', 'normal')
  tree.exitChild('c', 'normal')
  specs.exitChild(child, 'normal')
  await lab.clock.settle()
  assert.equal(lab.since(), '+a +b')
  assert.equal(await counter?.increment(), 2)
  for (const reason of ['shutdown', { shutdown: 1 }, { error: 1 }, 'killed'] as const)
    tree.exitChild('a', reason)
  specs.exitChild(lab.probe('b'), 'shutdown')
  await lab.clock.settle()
  assert.equal(lab.startsOf('a'), 2)
  assert.equal(lab.startsOf('b'), 2)
  await Promise.all([tree.stop(), specs.stop()])
})

test('S90 a restart costs the same however many lie in the window', async (t) => {
  const run = async (crashes: number): Promise<number> => {
    let started = 0
    let done = (): void => {}
    const over = new Promise<void>((resolve) => {
      done = resolve
    })
    const start = () => {
      started += 1
      if (started > crashes) done()
      const exited = started > crashes ? new Promise<never>(() => {}) : Promise.resolve('killed' as const)
      return { exited, shutdown() {}, kill() {} }
    }
    const before = process.cpuUsage()
    const tree = await startSupervisor({
      intensity: 1e9,
      periodMs: 1e9,
      children: [{ id: 'a', shutdownMs: 'brutal', start }],
    })
    await over
    const { user, system } = process.cpuUsage(before)
    tree.kill()
    return (user + system) / 1_000
  }
  await run(3_000)
  const small = await run(3_000)
  const large = await run(30_000)
  t.diagnostic(`3,000 crashes: ${small.toFixed(1)} ms of CPU; 30,000: ${large.toFixed(1)} ms`)
  assert.ok(large < 40 * small, `${large} ms is not about ten times ${small} ms`)
})
