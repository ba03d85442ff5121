import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import {
  Actor,
  type ActorContext,
  type ActorRef,
  cast,
  currentSupervisor,
  dynamicSupervisor,
  formatReason,
  formatTree,
  isNormal,
  monitor,
  startDynamicSupervisor,
  startSupervisor,
  supervise,
  supervisor,
  thread,
  type WorkerContext,
  withTimeout,
  worker,
} from '../../src/supervision/index.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { Lab } from './lab.ts'

// TypeScript refuses these where it sees them, and JavaScript does not: each argument of each function, given what it cannot be.

class Counter extends Actor {
  override init(_from = 0): void {}
  increment(): number {
    return 1
  }
  own(): ActorContext {
    return this.context
  }
}

const junk: readonly unknown[] = [
  null,
  0,
  -1,
  1.5,
  Number.NaN,
  true,
  '',
  'invalid',
  Symbol('s'),
  [],
  {},
  () => {},
  new Date(0),
]
const except = (...fine: readonly unknown[]): readonly unknown[] =>
  junk.filter((value) => !fine.includes(value))
const strings = (value: unknown): boolean => typeof value === 'string' && value !== ''
const functions = (value: unknown): boolean => typeof value === 'function'
const objects = (value: unknown): boolean => Object.prototype.toString.call(value) === '[object Object]'
/** Numbers from 0. */
const amounts = (value: unknown): boolean => typeof value === 'number' && value >= 0
const not = (...fits: readonly ((value: unknown) => boolean)[]): readonly unknown[] =>
  junk.filter((value) => !fits.some((fit) => fit(value)))

type Call = (given: never) => unknown
interface Stage {
  readonly lab: Lab
  readonly tree: Awaited<ReturnType<Lab['supervise']>>
  readonly pool: Awaited<ReturnType<typeof startDynamicSupervisor>>
  readonly ref: ActorRef<Counter>
  readonly own: ActorContext
  readonly context: WorkerContext
}

const run = async (): Promise<void> => {}
const start = run as never

/** Each argument: how it is given, and what it cannot be. */
const table: Readonly<Record<string, readonly [(stage: Stage) => Call, readonly unknown[]]>> = {
  'startSupervisor: options': [
    () => (it) => startSupervisor(it),
    [undefined, ...not(objects, (value) => value instanceof Date)],
  ],
  'startSupervisor: children': [
    () => (it) => startSupervisor({ children: it }),
    [...except(undefined, null).filter((value) => !Array.isArray(value)), [7], [null], ['a']],
  ],
  'startSupervisor: name': [() => (it) => startSupervisor({ name: it }), not(strings)],
  'startSupervisor: report': [() => (it) => startSupervisor({ report: it }), not(functions)],
  'startSupervisor: signal': [() => (it) => startSupervisor({ signal: it }), junk],
  'startSupervisor: clock': [
    () => (it) => startSupervisor({ clock: it }),
    [...junk, { ...fakeClock(), now: 7 }],
  ],
  'startSupervisor: intensity': [() => (it) => startSupervisor({ intensity: it }), except(0)],
  'startSupervisor: periodMs': [() => (it) => startSupervisor({ periodMs: it }), junk],
  'startSupervisor: strategy': [() => (it) => startSupervisor({ strategy: it }), junk],
  'startSupervisor: autoShutdown': [() => (it) => startSupervisor({ autoShutdown: it }), junk],
  'startDynamicSupervisor: options': [
    () => (it) => startDynamicSupervisor(it),
    [...not(objects), new Date(0)].filter((value) => !(value instanceof Date)),
  ],
  'startDynamicSupervisor: child': [() => (it) => startDynamicSupervisor({ child: it }), [...junk, class {}]],
  'startDynamicSupervisor: maxChildren': [
    () => (it) => startDynamicSupervisor({ maxChildren: it }),
    not(amounts),
  ],
  'startDynamicSupervisor: name': [() => (it) => startDynamicSupervisor({ name: it }), not(strings)],
  'supervise: options': [() => (it) => supervise(it), [undefined, ...junk]],
  'supervise: name': [() => (it) => supervise({ name: it, children: [] }), not(strings)],
  'currentSupervisor: name': [() => (it) => currentSupervisor(it), [undefined, ...not(strings)]],
  'supervisor: id': [() => (it) => supervisor(it, {}), [undefined, ...not(strings)]],
  'supervisor: options': [() => (it) => supervisor('s', it), [undefined, null, 0, 'invalid', true]],
  'supervisor: policy': [
    () => (it) => supervisor('s', {}, it),
    not(objects, (value) => value instanceof Date),
  ],
  'dynamicSupervisor: id': [() => (it) => dynamicSupervisor(it), [undefined, ...not(strings)]],
  'dynamicSupervisor: options': [() => (it) => dynamicSupervisor('s', it), [null, 0, 'invalid', true]],
  'dynamicSupervisor: policy': [
    () => (it) => dynamicSupervisor('s', {}, it),
    not(objects, (value) => value instanceof Date),
  ],
  'worker: id': [() => (it) => worker(it, run), [undefined, ...not(strings)]],
  'worker: run': [() => (it) => worker('w', it), [undefined, ...not(functions)]],
  'worker: policy': [() => (it) => worker('w', run, it), not(objects, (value) => value instanceof Date)],
  'worker: restart': [() => (it) => worker('w', run, { restart: it }), junk],
  'worker: shutdownMs': [() => (it) => worker('w', run, { shutdownMs: it }), not(amounts)],
  'worker: a key': [() => (it) => worker('w', run, { [String(it)]: 1 }), ['restrat', 'shutdown']],
  'thread: id': [() => (it) => thread(it, 'x.js'), [undefined, ...not(strings)]],
  'thread: url': [() => (it) => thread('t', it), [undefined, ...not(strings)]],
  'thread: options': [
    () => (it) => thread('t', 'x.js', it),
    [...not(objects, (value) => value instanceof Date), { memory: 1 }],
  ],
  'thread: awaitReady': [() => (it) => thread('t', 'x.js', { awaitReady: it }), except(true)],
  'Class.spec: options': [() => (it) => Counter.spec(it), not(objects, (value) => value instanceof Date)],
  'Class.spec: args': [
    () => (it) => Counter.spec({ args: it }),
    junk.filter((value) => !Array.isArray(value)),
  ],
  'Class.spec: id': [() => (it) => Counter.spec({ id: it }), not(strings, (value) => value === null)],
  'Class.spec: name': [() => (it) => Counter.spec({ name: it }), not(strings)],
  'Class.spec: callTimeoutMs': [() => (it) => Counter.spec({ callTimeoutMs: it }), not(amounts)],
  'Class.spec: a key': [() => (it) => Counter.spec({ [String(it)]: 1 } as object), ['restrat', 'timeout']],
  'spec.withId': [() => (it) => Counter.spec().withId(it), not(strings, (value) => value === null)],
  'spec.withRestart': [() => (it) => Counter.spec().withRestart(it), except(null)],
  'spec.withShutdown': [
    () => (it) => Counter.spec().withShutdown(it),
    not(amounts, (value) => value === null),
  ],
  'Class.whereis: name': [() => (it) => Counter.whereis(it), [undefined, ...not(strings)]],
  'Class.self: actor': [() => (it) => Counter.self(it), [undefined, ...junk]],
  'cast: ref': [() => (it) => cast(it), [undefined, ...junk]],
  'monitor: ref': [() => (it) => monitor(it, () => {}), [undefined, ...junk]],
  'monitor: listener': [
    ({ ref }) =>
      (it) =>
        monitor(ref, it),
    [undefined, ...not(functions)],
  ],
  'withTimeout: ref': [() => (it) => withTimeout(it, 1), [undefined, ...junk]],
  'withTimeout: timeoutMs': [
    ({ ref }) =>
      (it) =>
        withTimeout(ref, it),
    [undefined, ...not(amounts)],
  ],
  'formatTree: tree': [() => (it) => formatTree(it), [undefined, ...junk]],
  'formatReason: reason': [() => (it) => formatReason(it), [undefined, ...junk]],
  'isNormal: reason': [() => (it) => isNormal(it), [undefined, ...junk]],
  'tree.startChild: init': [
    ({ tree }) =>
      (it) =>
        tree.startChild(it),
    [undefined, ...junk, { id: 'x', start, restrat: 'temporary' }],
  ],
  'tree.terminateChild: id': [
    ({ tree }) =>
      (it) =>
        tree.terminateChild(it),
    [undefined, ...not(strings)],
  ],
  'tree.restartChild: id': [
    ({ tree }) =>
      (it) =>
        tree.restartChild(it),
    [undefined, ...not(strings)],
  ],
  'tree.deleteChild: id': [
    ({ tree }) =>
      (it) =>
        tree.deleteChild(it),
    [undefined, ...not(strings)],
  ],
  'tree.exitChild: id': [
    ({ tree }) =>
      (it) =>
        tree.exitChild(it),
    [undefined, ...not(strings)],
  ],
  'tree.exitChild: reason': [
    ({ tree }) =>
      (it) =>
        tree.exitChild('a', it),
    junk,
  ],
  'tree.which: id': [
    ({ tree }) =>
      (it) =>
        tree.which(it),
    [undefined, ...not(strings)],
  ],
  'tree.spec: id': [
    ({ tree }) =>
      (it) =>
        tree.spec(it),
    [undefined, ...not(strings)],
  ],
  'tree.stop: reason': [
    ({ tree }) =>
      (it) =>
        tree.stop(it),
    junk,
  ],
  'tree.shutdown: reason': [
    ({ tree }) =>
      (it) =>
        tree.shutdown(it),
    [undefined, ...junk],
  ],
  'pool.startChild: init': [
    ({ pool }) =>
      (it) =>
        pool.startChild(it),
    [undefined, ...junk],
  ],
  'pool.exitChild: reason': [
    ({ pool, lab }) =>
      (it) =>
        pool.exitChild(lab.probe('b'), it),
    junk,
  ],
  'pool.stop: reason': [
    ({ pool }) =>
      (it) =>
        pool.stop(it),
    junk,
  ],
  'actor.stop: reason': [
    ({ own }) =>
      (it) =>
        own.stop(it),
    junk,
  ],
  'actor.setTimeout: callback': [
    ({ own }) =>
      (it) =>
        own.setTimeout(it, 1),
    [undefined, ...not(functions)],
  ],
  'worker.setTimeout: callback': [
    ({ context }) =>
      (it) =>
        context.setTimeout(it, 1),
    [undefined, ...not(functions)],
  ],
  'worker.setTimeout: ms': [
    ({ context }) =>
      (it) =>
        context.setTimeout(() => {}, it),
    [undefined, ...not((value) => typeof value === 'number' && !Number.isNaN(value))],
  ],
  'worker.setInterval: callback': [
    ({ context }) =>
      (it) =>
        context.setInterval(it, 1),
    [undefined, ...not(functions)],
  ],
  'worker.on: emitter': [
    ({ context }) =>
      (it) =>
        context.on(it, 'x', () => {}),
    [undefined, ...junk],
  ],
  'worker.on: listener': [
    ({ context }) =>
      (it) =>
        context.on(new EventEmitter(), 'x', it),
    [undefined, ...not(functions)],
  ],
  'worker.spawn: work': [
    ({ context }) =>
      (it) =>
        context.spawn(it),
    [undefined, ...not(functions)],
  ],
}

async function setUp(): Promise<Stage> {
  const lab = new Lab()
  let context: WorkerContext | undefined
  const tree = await lab.supervise({
    children: [
      lab.child('a'),
      Counter.spec({ id: 'counter' }),
      worker('w', (given) => {
        context = given
        return given.stopped()
      }),
    ],
  })
  const pool = await startDynamicSupervisor({ clock: lab.clock })
  await pool.startChild(lab.child('b'))
  const ref = tree.which('counter') as ActorRef<Counter>
  return { lab, tree, pool, ref, own: await ref.own(), context: context as WorkerContext }
}

const shown = (stage: Stage): unknown => [stage.tree.inspect(), stage.pool.inspect(), stage.lab.clock.pending]

for (const [name, [call, values]] of Object.entries(table))
  test(`S10 ${name} refuses what it cannot be with field, wanted and got, and changes nothing`, async () => {
    const stage = await setUp()
    const before = shown(stage)
    for (const value of values)
      await assert.rejects(
        async () => call(stage)(value as never),
        (error: Error & { code?: string }) => {
          assert.match(
            String(error.code),
            /^BERYL_ERR_(ARGUMENT|CHILD_SPEC|CHILD_NOT_FOUND)$/,
            `${String(value)}: ${error.stack}`,
          )
          assert.match(error.message, /: wanted .+, got ./)
          return true
        },
        `${name} takes ${String(value)}`,
      )
    assert.deepEqual(shown(stage), before)
    await Promise.all([stage.tree.stop(), stage.pool.stop()])
    assert.equal(stage.lab.clock.pending, 0)
  })

test('S84 Class.spec() needs no argument where init needs none', async () => {
  const tree = await startSupervisor({ children: [Counter.spec()] })
  assert.equal(await (tree.which('Counter') as ActorRef<Counter>).increment(), 1)
  await tree.stop()
})

test('S10 keys that mean nothing are refused in options, specs, templates and policies; an instance of a class may have more', async () => {
  const wrong: object = { colour: 'blue' }
  const message = /wanted none but the keys .+, got "colour"/
  const make = () => new Lab().child('a')
  await assert.rejects(startSupervisor({ ...wrong, children: [] }), message)
  await assert.rejects(startDynamicSupervisor({ ...wrong }), message)
  await assert.rejects(
    startDynamicSupervisor({ child: { ...wrong, start: start as () => 'ignore' } }),
    message,
  )
  await assert.rejects(startSupervisor({ children: [{ ...wrong, ...make() }] }), message)
  await assert.rejects(startSupervisor({ children: [supervisor('s', { ...wrong })] }), message)
  assert.throws(() => worker('w', run, { ...wrong }), message)
  const more = Object.assign(Object.create({ its: 'class' }), make(), wrong)
  const tree = await startSupervisor({ children: [more] })
  await tree.stop()
})
