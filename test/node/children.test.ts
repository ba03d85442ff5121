import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import beryl, { type BerylOptions } from 'fastify-beryl'
import { fakeClock } from 'fastify-beryl/testing'
import { formatTree, startSupervisor, worker } from '../../src/supervision/index.ts'
import { until } from '../support/until.ts'
import { logged, serve } from './lab.ts'

// The application's own children stand under a supervisor of their own, and one tree belongs to one specification.

/** A child that fails when it is told to. */
function fragile(id: string) {
  const fail: (() => void)[] = []
  const child = worker(id, async ({ spawn, stopped }) => {
    const failing = new Promise<never>((_, reject) => fail.push(() => reject(new Error(`${id} is away`))))
    spawn(failing)
    await stopped()
  })
  return { child, starts: () => fail.length, fail: () => fail.at(-1)?.() }
}

test('S109 a child that fails again and again never takes the channels down: app is started again with back-off', async (t) => {
  t.mock.method(Math, 'random', () => 0)
  const clock = fakeClock()
  const ticker = fragile('ticker')
  const steady = fragile('steady')
  const { app, log } = await serve(t, { clock, children: [steady.child, ticker.child] })
  await app.ready()
  const failFourTimes = async (): Promise<void> => {
    for (let crash = 0; crash < 4; crash++) {
      ticker.fail()
      await clock.settle()
    }
  }
  await failFourTimes()
  assert.deepEqual([ticker.starts(), steady.starts()], [5, 2], 'it gave up, and was started again at once')
  const { err, ...line } = logged(log, 'supervisor gave up')
  assert.deepEqual([line.supervisor, line.id], ['beryl/app', 'ticker'])
  assert.match(
    err?.message ?? '',
    /^supervisor 'beryl\/app' gave up: more than 3 restarts in 5000 ms, the last of 'beryl\/app\/ticker': ticker is away/,
  )
  await failFourTimes()
  assert.equal(ticker.starts(), 8)
  assert.equal(logged(log, 'child starts again in 1000 ms').id, 'app')
  const tree = app.channels.status().tree
  assert.deepEqual(
    tree?.children.map(({ id, state, startsInMs }) => [id, state, startsInMs]),
    [
      ['pubsub', 'running', undefined],
      ['coordinator', 'running', undefined],
      ['presence', 'running', undefined],
      ['groups', 'running', undefined],
      ['app', 'restarting', 1_000],
    ],
  )
  assert.match(
    tree === undefined ? '' : formatTree(tree),
    /└─ app +supervisor, restarting, starts in 1 s, 1 restart/,
  )
  await clock.advance(1_000)
  await failFourTimes()
  await clock.advance(2_000)
  assert.equal(app.channels.status().state, 'running')
  assert.deepEqual([ticker.starts(), steady.starts()], [13, 4])
})

test('S109 supervision.children says how its children are restarted', async (t) => {
  const [a, b] = [fragile('a'), fragile('b')]
  const { app } = await serve(t, {
    children: [a.child, b.child],
    supervision: { children: { strategy: 'one_for_all', intensity: 1, periodMs: 60_000 } },
  })
  await app.ready()
  a.fail()
  await until('both are new', () => a.starts() === 2 && b.starts() === 2)
  assert.equal(app.channels.supervisor?.which('app')?.inspect().note, 'one_for_all')
  await until('it runs', () => app.channels.supervisor?.which('app')?.which('b') !== undefined)
  b.fail()
  await until('app gave up, and is new', () => b.starts() === 3)
  assert.equal(app.channels.status().tree?.children.at(-1)?.restarts, 1)
})

for (const [field, value, wanted] of [
  ['supervision.children', 5, 'an object with strategy, intensity, periodMs, got 5'],
  ['supervision.children.max', { max: 1 }, 'one of strategy, intensity, periodMs, got "max"'],
  ['supervision.children.strategy', { strategy: 'simple_one_for_one' }, "'one_for_one', 'one_for_all' or"],
  ['supervision.children.intensity', { intensity: -1 }, 'a whole number of at least 0, got -1'],
  ['supervision.children.periodMs', { periodMs: 0 }, 'a whole number of at least 1, got 0'],
] as const)
  test(`S109 a wrong ${field} is refused`, async () => {
    const options = { supervision: { children: value } } as unknown as BerylOptions
    await assert.rejects(
      async () => Fastify().register(beryl, options),
      (error: Error) => {
        assert.ok(error.message.startsWith(`option '${field}': wanted ${wanted}`), error.message)
        return true
      },
    )
  })

test('S110 the root is called beryl in the tree, in events and in errors, of every application', async (t) => {
  const { app, log } = await serve(t, { supervision: { intensity: 0, onGiveUp: () => {} } })
  const other = await serve(t)
  await Promise.all([app.ready(), other.app.ready()])
  assert.deepEqual(
    [app, other.app].map(({ channels }) => [channels.supervisor?.path, channels.status().tree?.id]),
    [
      ['beryl', 'beryl'],
      ['beryl', 'beryl'],
    ],
  )
  app.channels.supervisor?.exitChild('groups', { error: new Error('boom') })
  await until('it gave up', () => app.channels.status().state === 'failed')
  assert.equal(logged(log, 'supervisor gave up').supervisor, 'beryl')
  assert.equal(logged(log, 'child crashed').supervisor, 'beryl')
})

test('S105 onGiveUp gets the error that names the child, with the last error as its cause', async (t) => {
  const given: Error[] = []
  const onGiveUp = (error: Error): void => void given.push(error)
  const { app, log } = await serve(t, { supervision: { intensity: 0, onGiveUp } })
  await app.ready()
  const crash = new Error('boom')
  app.channels.supervisor?.exitChild('groups', { error: crash })
  await until('onGiveUp is called', () => given.length === 1)
  assert.equal(
    given[0]?.message,
    "supervisor 'beryl' gave up: more than 0 restarts in 5000 ms, the last of 'beryl/groups': boom",
  )
  assert.equal(given[0]?.cause, crash)
  assert.match(logged(log, 'beryl failed').err?.message ?? '', /the last of 'beryl\/groups': boom/)
})

test('S111 one childSpec is one tree: a second start at the same time is refused, one after the end is not', async () => {
  const node = beryl.childSpec({})
  const first = await startSupervisor({ name: 'first', children: [node] })
  await assert.rejects(startSupervisor({ name: 'second', children: [node] }), (error: Error) => {
    assert.equal(
      (error.cause as Error).message,
      "supervisor 'second', child 'beryl': wanted a childSpec of its own: call beryl.childSpec(…) for each tree, " +
        "got that of 'first/beryl'",
    )
    return true
  })
  assert.equal(first.which('beryl')?.state, 'running', 'the first has not noticed')
  first.exitChild('beryl', 'killed')
  await until('it is restarted', () => first.which('beryl')?.state === 'running')
  await first.stop()
  const third = await startSupervisor({ name: 'third', children: [node] })
  await third.stop()
})

test('S111 one childSpec serves one Fastify instance', async (t) => {
  const node = beryl.childSpec({})
  const [one, two] = [Fastify(), Fastify()]
  t.after(() => Promise.all([one.close(), two.close()]))
  await one.register(node.plugin)
  await assert.rejects(async () => two.register(node.plugin), {
    code: 'BERYL_ERR_ARGUMENT',
    message: /beryl\.childSpec: plugin: wanted to be registered with one Fastify instance/,
  })
})

test('S111 childSpec takes no onGiveUp: the supervisor around the tree decides', async () => {
  const node = beryl.childSpec({ supervision: { onGiveUp: 'exit' } })
  const wanted = /option 'supervision\.onGiveUp': wanted nothing here: the supervisor around an embedded tree/
  await assert.rejects(startSupervisor({ children: [node] }), (error: Error) => {
    assert.match((error.cause as Error).message, wanted)
    return true
  })
  const other = beryl.childSpec({ supervision: { intensity: 5, onGiveUp: undefined } })
  await (await startSupervisor({ children: [other] })).stop()
})
