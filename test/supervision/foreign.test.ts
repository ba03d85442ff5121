import assert from 'node:assert/strict'
import { EventEmitter, getEventListeners } from 'node:events'
import { after, before, test } from 'node:test'
import {
  Actor,
  type ChildInit,
  type ExitReason,
  formatTree,
  monitor,
  type Process,
  type ProcessDetails,
  startDynamicSupervisor,
  startSupervisor,
  worker,
} from '../../src/supervision/index.ts'
import { Lab } from './lab.ts'

// Processes of others: whatever they do wrong, their supervisor goes on and can be stopped.

const stray: unknown[] = []
const keep = (error: unknown): void => void stray.push(error)

before(() => process.on('uncaughtException', keep).on('unhandledRejection', keep))
after(() => {
  process.off('uncaughtException', keep).off('unhandledRejection', keep)
  assert.deepEqual(stray, [], 'nothing is uncaught')
})

const boom = (): never => {
  throw new Error('boom')
}

interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

function deferred<T>(): Deferred<T> {
  let settle: Omit<Deferred<T>, 'promise'> | undefined
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, ...(settle as Omit<Deferred<T>, 'promise'>) }
}

/** A thenable, for those who make one wrong. */
const thenable = (descriptor: PropertyDescriptor): object => Object.defineProperty({}, 'then', descriptor)

/** Answers of a process to what it is told. */
const answers: Readonly<Record<string, (end: () => void) => unknown>> = {
  obeys: (end) => end(),
  'does nothing': () => {},
  throws: boom,
  'throws something that is no error': () => {
    throw null
  },
  rejects: () => Promise.reject(new Error('boom')),
  'never settles': () => new Promise(() => {}),
  'gives a then that throws': () => thenable({ get: boom }),
  'gives a then that rejects with nothing': () => thenable({ value: (_: unknown, no: () => void) => no() }),
}

/** Values that `exited` may be. `end` settles it. */
const exits: Readonly<Record<string, () => { readonly exited: unknown; readonly end: () => void }>> = {
  settles: () => {
    const { promise, resolve } = deferred<ExitReason>()
    return { exited: promise, end: () => resolve('shutdown') }
  },
  rejects: () => {
    const { promise, reject } = deferred<ExitReason>()
    return { exited: promise, end: () => reject(new Error('boom')) }
  },
  'never settles': () => ({ exited: new Promise(() => {}), end: () => {} }),
  'gives what no reason is': () => {
    const { promise, resolve } = deferred<unknown>()
    const trap = new Proxy({}, { has: boom, get: boom, getPrototypeOf: boom })
    return { exited: promise, end: () => resolve({ trap }) }
  },
  'is a thenable that settles twice': () => {
    let settle: (reason: string) => void = () => {}
    const then = (yes: (reason: string) => void, no: (error: Error) => void): void => {
      settle = (reason) => {
        yes(reason)
        no(new Error('boom'))
        yes('normal')
      }
    }
    return { exited: thenable({ value: then }), end: () => settle('shutdown') }
  },
}

type Answer = keyof typeof answers

function misbehaving(exit: string, shutdown: Answer, kill: Answer): Process {
  const { exited, end } = (exits[exit] ?? boom)()
  const told = (answer: Answer): unknown => answers[answer]?.(end)
  return {
    exited: exited as Promise<ExitReason>,
    shutdown: () => told(shutdown) as undefined,
    kill: () => told(kill) as undefined,
    inspect: boom,
  }
}

/** A node that stands below itself. */
const cyclic: Record<string, unknown> = {
  ...{ id: 'x', type: 'worker', state: 'running', restarts: 0, abandoned: 0, stillRunning: 0 },
}
cyclic.children = [cyclic]

const unreadable = {
  get id() {
    throw new Error('unreadable')
  },
}

const wrongDetails: Readonly<Record<string, unknown>> = {
  'a note that throws': { note: { toString: boom } },
  'a note that is a symbol': { note: Symbol('note') },
  'a number of others that is none': { omitted: Symbol('omitted') },
  'a field that throws when it is written': { toJSON: boom, extra: { toJSON: boom } },
  'a text for children': { children: 'abc' },
  'endless children': { children: { [Symbol.iterator]: () => ({ next: () => ({ done: false }) }) } },
  'a child that is null': { children: [null] },
  'a child without a name': { children: [{ ...cyclic, id: undefined, children: [] }] },
  'a child that throws when it is read': { children: [unreadable] },
  'a child within itself': { children: [cyclic] },
  'an array': [1, 2],
  'a proxy that throws': new Proxy({}, { get: boom, ownKeys: boom }),
}

for (const [name, details] of Object.entries(wrongDetails))
  test(`N19 a process that tells nonsense of itself does not spoil the tree around it: ${name}`, async () => {
    const lab = new Lab()
    const process = { exited: new Promise<never>(() => {}), shutdown: () => {}, kill: () => {} }
    const inspect = () => details as ProcessDetails
    const odd = { id: 'odd', shutdownMs: 'brutal', start: () => ({ ...process, inspect }) } as const
    const tree = await lab.supervise({ children: [lab.child('good'), odd] })
    const inspected = tree.inspect()
    assert.match(formatTree(inspected), /good +worker, running\n.*odd +worker, running$/)
    assert.deepEqual(JSON.parse(JSON.stringify(inspected)).children[1].children, [])
    const stopping = tree.stop()
    await lab.clock.advance(10_000)
    await stopping
  })

for (const exit of Object.keys(exits))
  for (const shutdown of Object.keys(answers))
    test(`N19 a process whose shutdown ${shutdown} and exited ${exit} cannot hold up a stop, whatever its kill does`, async () => {
      for (const kill of Object.keys(answers)) {
        const lab = new Lab()
        const start = (): Process => misbehaving(exit, shutdown, kill)
        const odd = (id: string, rest: Partial<ChildInit> = {}): ChildInit => ({
          ...rest,
          id,
          restart: 'temporary',
          start,
        })
        const tree = await lab.supervise({
          children: [
            lab.child('first'),
            odd('asked', { shutdownMs: 10 }),
            odd('brutal', { shutdownMs: 'brutal' }),
            odd('both', { shutdownMs: 0 }),
            odd('exits', { shutdownMs: 10 }),
            odd('terminated', { shutdownMs: 10 }),
          ],
        })
        const pool = await startDynamicSupervisor({ clock: lab.clock })
        await pool.startChild(odd('one', { shutdownMs: 10 }))
        await pool.startChild(odd('other', { shutdownMs: 'brutal' }))
        assert.equal(typeof tree.inspect(), 'object')
        tree.exitChild('exits')
        const done = Promise.all([tree.terminateChild('terminated'), pool.stop()])
        await lab.clock.advance(5_010)
        await done
        assert.equal(tree.which('exits'), undefined)
        const stopping = tree.stop()
        // One after the other: 10 ms to end, and 5,000 ms after the kill.
        await lab.clock.advance(5_010 + 5_000 + 5_000)
        await stopping
        assert.match(lab.since(), /-first ~first$/)
        assert.equal(lab.clock.pending, 0)
        await lab.clock.settle()
      }
    })

test('S47 N19 a kill that fails is told as a warning, one that comes to nothing after 5,000 ms; both are counted as abandoned', async () => {
  const lab = new Lab()
  const children = (['throws', 'does nothing'] as const).map((kill, n) => ({
    id: `${n}`,
    start: () => misbehaving('never settles', 'does nothing', kill),
    shutdownMs: 'brutal' as const,
  }))
  const tree = await lab.supervise({ children })
  lab.told()
  await tree.terminateChild('0')
  assert.deepEqual(
    lab.events.map((event) => (event.type === 'warning' ? event.message : event.type)),
    ["'supervisor/0' could not be killed, and is abandoned: boom", 'child_abandoned', 'child_stopped'],
  )
  const second = tree.terminateChild('1')
  await lab.clock.advance(4_999)
  assert.equal(tree.children()[1]?.state, 'stopping')
  await lab.clock.advance(1)
  await second
  assert.deepEqual(
    tree.inspect().children.map(({ stillRunning }) => stillRunning),
    [1, 1],
  )
  await tree.stop()
})

for (const shutdown of ['throws', 'throws something that is no error', 'rejects'] as const)
  test(`N19 a process whose shutdown ${shutdown} is killed for it, however long it may take to end`, async () => {
    const lab = new Lab()
    const start = (): Process => misbehaving('settles', shutdown, 'obeys')
    const tree = await lab.supervise({ children: [{ id: 'odd', start, shutdownMs: 'infinity' }] })
    await tree.terminateChild('odd')
    assert.equal(tree.children()[0]?.state, 'stopped')
    await tree.stop()
  })

const half: Readonly<Record<string, () => unknown>> = {
  nothing: () => undefined,
  null: () => null,
  'a number': () => 7,
  'a function': () => () => {},
  'exited that is no promise': () => ({ exited: 'never', shutdown() {}, kill() {} }),
  'exited alone': () => ({ exited: Promise.reject(new Error('boom')) }),
  'no kill': () => ({ exited: new Promise(() => {}), shutdown() {} }),
  'an exited that throws': () => ({
    get exited() {
      return boom()
    },
    shutdown() {},
    kill() {},
  }),
  'an exited whose then throws': () => ({
    exited: thenable({ get: boom }),
    shutdown() {},
    kill: 7,
  }),
  'a shutdown that throws when it is read': () => ({
    exited: new Promise(() => {}),
    get shutdown() {
      return boom()
    },
    kill() {},
  }),
  'a handle that throws': () => ({
    exited: new Promise(() => {}),
    shutdown() {},
    kill() {},
    get handle() {
      return boom()
    },
  }),
  'a trap': () => new Proxy({}, { get: boom, has: boom, getPrototypeOf: boom }),
  'a then that throws': () => thenable({ get: boom }),
}

for (const [name, given] of Object.entries(half))
  test(`N4 N19 a start that gives ${name} has failed, and the supervisor lives on`, async () => {
    const lab = new Lab()
    const tree = await lab.supervise({ children: [] })
    for (const start of [given, async () => given()]) {
      const child = { id: 'odd', start } as unknown as ChildInit
      await assert.rejects(tree.startChild(child), { code: 'BERYL_ERR_START_FAILED' })
    }
    assert.deepEqual(tree.children(), [])
    await tree.stop()
    assert.equal(lab.clock.pending, 0)
  })

test('N19 what a hung start gives after its time is ended, whatever it is', async () => {
  const lab = new Lab()
  for (const late of [...Object.values(half), () => misbehaving('never settles', 'throws', 'throws')]) {
    const { promise, resolve } = deferred<unknown>()
    const child = { id: 'late', startTimeoutMs: 10, start: () => promise } as unknown as ChildInit
    const starting = assert.rejects(lab.supervise({ children: [child] }), /did not finish its start/)
    await lab.clock.advance(10)
    await starting
    resolve(late())
    await lab.clock.settle()
    assert.equal(lab.clock.pending, 0)
  }
})

for (const [name, answer] of Object.entries(answers).filter(([name]) => name !== 'obeys'))
  test(`N20 a report that ${name} touches neither the tree nor the program`, async () => {
    const warnings: Error[] = []
    const hear = (warning: Error): void => void warnings.push(warning)
    process.on('warning', hear)
    const lab = new Lab()
    const report = (): void => answer(() => {}) as undefined
    const tree = await startSupervisor({ clock: lab.clock, report, intensity: 5, children: [lab.child('a')] })
    await lab.exit('a')
    assert.equal(lab.startsOf('a'), 2)
    await tree.stop()
    await lab.clock.settle()
    process.off('warning', hear)
    const ours = warnings.filter((warning) => warning.name === 'FastifyBerylWarning')
    assert.equal(ours.length > 0, /throws|rejects/.test(name))
  })

class Quiet extends Actor {
  say(): string {
    return 'here'
  }
}

test('N20 a monitor that throws or rejects is a warning, and the others hear of the end', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [Quiet.spec({ id: 'quiet', args: [] })] })
  const quiet = tree.which('quiet')
  assert.ok(quiet)
  const heard: ExitReason[] = []
  for (const answer of Object.values(answers)) monitor(quiet, () => answer(() => {}) as undefined)
  monitor(quiet, (reason) => heard.push(reason))
  await tree.stop()
  assert.deepEqual(heard, ['shutdown'])
  await lab.clock.settle()
})

test('N9 N20 an emitter that throws: on is the error of its worker, off harms nobody', async () => {
  const lab = new Lab()
  const closed: string[] = []
  const emitter = (id: string) => ({ on() {}, off: () => closed.push(id) })
  const tree = await lab.supervise({
    children: [
      worker('a', async ({ on, stopped }) => {
        on(emitter('first'), 'x', () => {})
        on({ on() {}, off: boom }, 'x', () => {})
        on({ on() {}, off: () => Promise.reject(new Error('boom')) }, 'x', () => {})
        on(emitter('last'), 'x', () => {})
        await stopped()
      }),
    ],
  })
  await tree.stop()
  assert.deepEqual(closed, ['first', 'last'])
  const deaf = worker('b', ({ on }) => void on({ on: boom, off() {} }, 'x', () => {}))
  await assert.rejects(lab.supervise({ children: [deaf] }), /'supervisor\/b' failed to start: boom/)
  await lab.clock.settle()
})

test('N21 a worker that waits for stopped() in a loop has one listener, as one that asks once', async () => {
  const lab = new Lab()
  let signal: AbortSignal | undefined
  const emitter = new EventEmitter()
  const looping = worker('loop', async (context) => {
    signal = context.signal
    for (let n = 0; n < 1_000; n++) await Promise.race([context.stopped(), Promise.resolve()])
    context.ready()
    context.on(emitter, 'go', () => {})
    await context.stopped()
  })
  const tree = await lab.supervise({ children: [looping] })
  await lab.clock.settle()
  assert.ok(signal)
  assert.equal(getEventListeners(signal, 'abort').length, 1)
  await tree.stop()
  assert.equal(emitter.listenerCount('go'), 0)
})

test('N21 the signal of a supervisor that has ended, or never started, has no listener left', async () => {
  const lab = new Lab()
  const { signal } = new AbortController()
  const left = (): number => getEventListeners(signal, 'abort').length
  for (let n = 0; n < 3; n++) {
    const tree = await lab.supervise({ signal, name: 'taken', children: [lab.child('a')] })
    await assert.rejects(lab.supervise({ signal, name: 'taken', children: [] }))
    assert.equal(left(), 1)
    await tree.stop()
    const fails = [lab.child(`f${n}`, { starts: { 1: 'fails' } })]
    await assert.rejects(lab.supervise({ signal, children: fails }))
    const gives = await lab.supervise({ signal, intensity: 0, children: [lab.child(`g${n}`)] })
    await lab.exit(`g${n}`)
    await gives.exited
    const killed = await lab.supervise({ signal, children: [] })
    killed.kill()
    assert.equal(left(), 0)
  }
})

for (const later of [false, true])
  test(`N22 a start that kills its own supervisor ${later ? 'and goes on later' : 'in its turn'} leaves no process that nobody watches`, async () => {
    const lab = new Lab()
    const killed: string[] = []
    const selfish = (id: string, kill: () => void): ChildInit => ({
      id,
      start: () => {
        kill()
        const made = { exited: new Promise<ExitReason>(() => {}), shutdown() {}, kill: () => killed.push(id) }
        return (later ? Promise.resolve(made) : made) as Process
      },
    })
    const tree = await lab.supervise({ children: [] })
    const pool = await startDynamicSupervisor({ clock: lab.clock })
    await assert.rejects(tree.startChild(selfish('a', () => tree.kill())))
    await assert.rejects(pool.startChild(selfish('b', () => pool.kill())))
    await lab.clock.settle()
    assert.deepEqual(killed.sort(), ['a', 'b'])
  })

test('N22 a listener that kills the supervisor on hearing of a start leaves no process running', async () => {
  const lab = new Lab()
  const pool = await startDynamicSupervisor({
    clock: lab.clock,
    report: (event) => event.type === 'child_started' && pool.kill(),
  })
  await assert.rejects(pool.startChild(lab.child('a')), { code: 'BERYL_ERR_NOPROC' })
  assert.equal(lab.since(), '+a xa')
  await pool.exited
})

test('N22 a getter of a process that kills its supervisor while it is adopted leaves no process running', async () => {
  const tree = await startSupervisor({ children: [] })
  let kills = 0
  const start = () => ({
    exited: new Promise<ExitReason>(() => {}),
    shutdown() {},
    kill: () => void kills++,
    get handle() {
      tree.kill()
      return 'handle'
    },
  })
  await assert.rejects(tree.startChild({ id: 'x', start }), /was asked to end: killed/)
  assert.equal(kills, 1)
})
