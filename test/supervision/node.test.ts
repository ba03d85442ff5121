import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import {
  type ExitReason,
  type Process,
  startSupervisor,
  type WorkerContext,
  worker,
} from '../../src/supervision/index.ts'
import { Lab } from './lab.ts'

const forever = new Promise<void>(() => {})

test('N1 N2 a worker that resolves exits normal, one that rejects or throws exits with its error', async () => {
  const lab = new Lab()
  const boom = new Error('boom')
  await lab.supervise({
    intensity: 9,
    children: [
      worker('done', async () => {}, { restart: 'temporary' }),
      worker('rejects', async () => Promise.reject(boom), { restart: 'temporary' }),
    ],
  })
  await lab.clock.settle()
  const exits = lab.events.flatMap((event) =>
    event.type === 'child_exited' ? [[event.id, event.reason]] : [],
  )
  assert.deepEqual(exits, [
    ['done', 'normal'],
    ['rejects', { error: boom }],
  ])
})

const endings: readonly (readonly [string, (context: WorkerContext) => Promise<void>, string])[] = [
  ['resolves', ({ stopped }) => stopped(), 'child_stopped'],
  [
    'rejects with the reason of the signal',
    ({ signal, stopped }) => stopped().then(() => signal.throwIfAborted()),
    'child_stopped',
  ],
  [
    'rejects with an AbortError',
    ({ stopped }) =>
      stopped().then(() => {
        throw new DOMException('', 'AbortError')
      }),
    'child_stopped',
  ],
  [
    'rejects with something else',
    ({ stopped }) =>
      stopped().then(() => {
        throw new Error('broke')
      }),
    'shutdown_error',
  ],
]

for (const [name, run, told] of endings)
  test(`N2 N5 S51 a worker that ${name} after it was asked to end: ${told}`, async () => {
    const lab = new Lab()
    const tree = await lab.supervise({ children: [worker('w', run)] })
    lab.told()
    await tree.stop()
    assert.deepEqual(lab.told(), [told, 'supervisor_exited'])
  })

test('N2 an AbortError of a worker that nobody asked to end is a crash', async () => {
  const lab = new Lab()
  const error = new DOMException('its own', 'AbortError')
  await lab.supervise({
    children: [worker('w', async () => Promise.reject(error), { restart: 'temporary' })],
  })
  await lab.clock.settle()
  const reasons = lab.events.flatMap((event) => (event.type === 'child_exited' ? [event.reason] : []))
  assert.deepEqual(reasons, [{ error }])
})

test('N5 whoever holds the process of a worker may ask it to end', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({
    children: [worker('w', ({ stopped }) => stopped(), { restart: 'transient' })],
  })
  const process = tree.which('w') as Process
  process.shutdown({ shutdown: 'by hand' })
  assert.deepEqual(await process.exited, { shutdown: 'by hand' })
  await lab.clock.settle()
  assert.equal(tree.children()[0]?.state, 'stopped')
})

test('N3 a start that takes too long has failed; what comes of it later is killed, never adopted', async () => {
  const lab = new Lab()
  const starting = lab.supervise({ children: [lab.gated('a', { startTimeoutMs: 100 })] })
  const refused = assert.rejects(starting, /'supervisor\/a' did not finish its start within 100 ms/)
  await lab.clock.advance(99)
  lab.told()
  await lab.clock.advance(1)
  await refused
  assert.deepEqual(lab.told(), ['child_start_failed', 'supervisor_exited', 'child_abandoned'])
  lab.open('a')
  await lab.clock.settle()
  assert.equal(lab.since(), '…a +a xa')
  assert.deepEqual(lab.told(), ['abandoned_settled'])
  assert.equal(lab.clock.pending, 0)
})

test('N4 a throw, a rejection, garbage and a timeout are one thing: a start that failed', async () => {
  const lab = new Lab()
  const starts: Record<string, () => unknown> = {
    throws: () => {
      throw new Error('no')
    },
    rejects: async () => Promise.reject(new Error('no')),
    nothing: () => undefined,
    later: async () => ({ exited: 1 }),
    hangs: () => forever,
  }
  for (const [id, start] of Object.entries(starts)) {
    const starting = lab.supervise({ children: [lab.child('a'), { id, start: start as () => Process }] })
    const refused = assert.rejects(starting, { code: 'BERYL_ERR_START_FAILED' })
    await lab.clock.advance(5_000)
    await refused
    assert.equal(lab.since(), '+a -a ~a', id)
  }
})

test('N6 a killed worker is abandoned: its handle is dead, its late results are ignored, it is counted while it runs on', async () => {
  const lab = new Lab()
  let release: () => void = () => {}
  const stuck = new Promise<void>((resolve) => {
    release = resolve
  })
  const signals: AbortSignal[] = []
  const run = async ({ signal, incarnation }: WorkerContext): Promise<void> => {
    signals.push(signal)
    await (incarnation === 1 ? stuck : forever)
  }
  const tree = await lab.supervise({ children: [worker('w', run)] })
  tree.exitChild('w')
  await lab.clock.settle()
  const [node] = tree.inspect().children
  assert.deepEqual([node?.state, node?.restarts, node?.abandoned, node?.stillRunning], ['running', 1, 1, 1])
  assert.equal(signals[0]?.aborted, true)
  assert.equal(signals[1]?.aborted, false, 'two incarnations overlap: each has its own signal')
  lab.told()
  release()
  await lab.clock.settle()
  assert.deepEqual(lab.told(), ['abandoned_settled'])
  assert.equal(tree.inspect().children[0]?.stillRunning, 0)
  tree.kill()
})

test('N6 a killed worker that heeds its signal is not abandoned', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [worker('w', ({ stopped }) => stopped())] })
  tree.exitChild('w')
  await lab.clock.settle()
  assert.deepEqual([tree.inspect().children[0]?.restarts, tree.inspect().children[0]?.abandoned], [1, 0])
  await tree.stop()
})

test('S47 N6 a worker that is deaf to its signal is killed after shutdownMs, and the stop goes on', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [worker('deaf', () => forever, { shutdownMs: 50 })] })
  const stopping = tree.stop()
  await lab.clock.advance(50)
  await stopping
  await lab.clock.settle()
  assert.deepEqual(lab.told(), ['child_started', 'shutdown_error', 'supervisor_exited', 'child_abandoned'])
})

test('N9 N10 timers and subscriptions of an incarnation end with it, and their errors are its crash', async () => {
  const lab = new Lab()
  const source = new EventEmitter()
  const ticks: string[] = []
  const run = async ({ incarnation, setInterval, setTimeout, on, stopped }: WorkerContext): Promise<void> => {
    setInterval(() => void ticks.push(`tick ${incarnation}`), 100)
    setTimeout(() => void ticks.push(`late ${incarnation}`), 150)
    on(source, 'data', (value: string) => {
      if (value === 'bad') throw new Error('bad data')
      ticks.push(`${value} ${incarnation}`)
    })
    await stopped()
  }
  const tree = await lab.supervise({ children: [worker('w', run)] })
  await lab.clock.advance(100)
  source.emit('data', 'good')
  source.emit('data', 'bad')
  await lab.clock.settle()
  assert.equal(source.listenerCount('data'), 1, 'that of the second incarnation')
  source.emit('data', 'good')
  await lab.clock.advance(150)
  assert.deepEqual(ticks, ['tick 1', 'good 1', 'good 2', 'tick 2', 'late 2'])
  await tree.stop()
  assert.equal(source.listenerCount('data'), 0)
  assert.equal(lab.clock.pending, 0)
})

test('N9 an asynchronous callback, and work spawned beside, crash their worker when they reject', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({
    intensity: 9,
    children: [
      worker('timer', async ({ incarnation, setTimeout, stopped }) => {
        if (incarnation === 1) setTimeout(async () => Promise.reject(new Error('async')), 1)
        await stopped()
      }),
      worker('spawns', async ({ incarnation, spawn, stopped }) => {
        if (incarnation === 1) spawn(async () => Promise.reject(new Error('beside')))
        spawn(Promise.resolve())
        await stopped()
      }),
    ],
  })
  await lab.clock.advance(1)
  assert.deepEqual(
    tree.inspect().children.map(({ state, restarts }) => [state, restarts]),
    [
      ['running', 1],
      ['running', 1],
    ],
  )
  await tree.stop()
})

test('N10 what a worker adds after its end goes at once', async () => {
  const lab = new Lab()
  const source = new EventEmitter()
  let late: () => void = () => {}
  const run = async ({ setTimeout, setInterval, on, spawn }: WorkerContext): Promise<void> => {
    late = () => {
      setTimeout(() => assert.fail('runs'), 1)
      setInterval(() => assert.fail('runs'), 1)
      on(source, 'x', () => assert.fail('hears'))
      spawn(async () => Promise.reject(new Error('not heard')))
    }
  }
  await lab.supervise({ children: [worker('w', run, { restart: 'temporary' })] })
  await lab.clock.settle()
  late()
  assert.equal(source.listenerCount('x'), 0)
  await lab.clock.advance(10)
  assert.equal(lab.clock.pending, 0)
})

test('who takes ready is started when it is called, and hands out its handle; who does not is started at once', async () => {
  const lab = new Lab()
  let open: () => void = () => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const starting = lab.supervise({
    children: [
      worker('patient', async ({ ready, stopped }: WorkerContext<{ port: number }>) => {
        await gate
        ready({ port: 4000 })
        await stopped()
      }),
      worker('quick', ({ stopped }) => stopped()),
    ],
  })
  await lab.clock.settle()
  assert.deepEqual(lab.told(), [])
  open()
  const tree = await starting
  assert.equal(tree.which('patient')?.port, 4000)
  assert.ok(tree.which('quick'))
  await tree.stop()
})

test('a worker that took ready and ends before it calls it has not started', async () => {
  const lab = new Lab()
  const quits = worker('quits', async ({ ready }) => void ready.length)
  await assert.rejects(lab.supervise({ children: [quits] }), /before it called ready\(\)/)
  const breaks = worker('breaks', async ({ ready }) => {
    await Promise.reject(new Error(`no ${typeof ready}`))
  })
  await assert.rejects(
    lab.supervise({ children: [breaks] }),
    /'supervisor\/breaks' failed to start: no function/,
  )
})

test('N10 a worker whose start takes too long has no timers and no listeners left', async () => {
  const lab = new Lab()
  const source = new EventEmitter()
  const slow = worker(
    'slow',
    async ({ ready, setInterval, on }) => {
      setInterval(() => {}, 1_000)
      on(source, 'x', () => assert.fail(`hears, without ${ready.name}`))
      await new Promise(() => {})
    },
    { startTimeoutMs: 100 },
  )
  const starting = assert.rejects(lab.supervise({ children: [slow] }), /within 100 ms/)
  await lab.clock.advance(100)
  await starting
  await lab.clock.settle()
  assert.equal(source.listenerCount('x'), 0)
  assert.equal(lab.clock.pending, 0)
})

test('N15 N16 from its exit on, even before that was handled, nobody gets the child', async () => {
  const lab = new Lab()
  const tree = await lab.supervise({ children: [lab.child('a')] })
  lab.probe('a').end('killed')
  await Promise.resolve()
  assert.equal(tree.which('a'), undefined)
})

test('a process whose exited rejects, or gives no exit reason, has crashed with that', async () => {
  const lab = new Lab()
  const odd = (id: string, exited: Promise<unknown>) => ({
    id,
    restart: 'temporary' as const,
    start: () => ({ exited: exited as Promise<ExitReason>, shutdown() {}, kill() {} }),
  })
  await lab.supervise({
    children: [odd('rejects', Promise.reject('no')), odd('nonsense', Promise.resolve(42))],
  })
  await lab.clock.settle()
  const reasons = lab.events.flatMap((event) => (event.type === 'child_exited' ? [event.reason] : []))
  assert.deepEqual(reasons, [{ error: 'no' }, { error: 42 }])
})

test('N8 N10 with the clock of the machine nothing keeps the process alive after a stop', async () => {
  const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const tree = await startSupervisor({ children: [worker('w', ({ stopped }) => stopped())] })
  await tree.stop()
  assert.equal(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length, before)
})
