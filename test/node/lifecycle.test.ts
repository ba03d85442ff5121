import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { type BerylOptions, beryl } from '../../src/index.ts'
import { type ChildInit, startSupervisor, worker } from '../../src/supervision/index.ts'
import { until } from '../support/until.ts'

// The life of the tree beside that of Fastify: starts that hang, ends that fail, trees that belong to another.

const stray: unknown[] = []
const keep = (error: unknown): void => void stray.push(error)

before(() => process.on('uncaughtException', keep).on('unhandledRejection', keep))
after(() => {
  process.off('uncaughtException', keep).off('unhandledRejection', keep)
  assert.deepEqual(stray, [], 'nothing is uncaught')
})

/** A child whose start never settles by itself. */
function hanging(policy: Partial<ChildInit>, heeds: boolean) {
  let begun = false
  const start = ({ signal }: { signal: AbortSignal }): Promise<never> =>
    new Promise((_, reject) => {
      begun = true
      if (heeds) signal.addEventListener('abort', () => reject(signal.reason))
    })
  return { child: { id: 'hangs', startTimeoutMs: 'infinity' as const, ...policy, start }, begun: () => begun }
}

for (const [name, policy, heeds] of [
  ['heeds its signal, however long it may take', { shutdownMs: 'infinity' }, true],
  ['is deaf, when its shutdownMs are over', { shutdownMs: 20 }, false],
  ['is deaf, at once where it is brutal', { shutdownMs: 'brutal' }, false],
] as const)
  test(`close() during a start ends a start that ${name}; what started before it is stopped`, async () => {
    const order: string[] = []
    const app = Fastify()
    const { child, begun } = hanging(policy, heeds)
    const first = worker('first', async ({ ready, stopped }) => {
      ready()
      await stopped()
      order.push('first down')
    })
    await app.register(beryl, { children: [first, child] })
    const ready = assert.rejects(async () => await app.ready(), { code: 'BERYL_ERR_ASKED_TO_END' })
    await until('the start hangs', begun)
    assert.equal(app.channels.status().state, 'starting')
    await Promise.all([app.close(), ready])
    assert.deepEqual(order, ['first down'])
    assert.equal(app.channels.status().state, 'stopped')
  })

test('close() of a scope, of the root, and by `await using` all reach the start of every mount', async () => {
  const closes: readonly ((app: FastifyInstance, scope: FastifyInstance) => unknown)[] = [
    (app) => app.close(),
    (_, scope) => scope.close(),
    (app) => new Promise<void>((resolve) => app.close(resolve)),
    (app) => app[Symbol.asyncDispose]?.() ?? app.close(),
  ]
  for (const close of closes) {
    const app = Fastify()
    const scopes: FastifyInstance[] = []
    const { child, begun } = hanging({ shutdownMs: 'infinity' }, true)
    for (const [prefix, children] of [
      ['/a', []],
      ['/b', [child]],
    ] as const)
      await app.register(
        async (scope) => {
          scopes.push(scope)
          await scope.register(beryl, { path: `${prefix}/socket`, children })
        },
        { prefix },
      )
    const ready = app.ready().then(
      () => 'ready',
      () => 'rejected',
    )
    await until('the start hangs', begun)
    await close(app, scopes[0] as FastifyInstance)
    assert.equal(await ready, 'rejected')
    assert.deepEqual(
      scopes.map(({ channels }) => channels.status().state),
      ['stopped', 'stopped'],
    )
  }
})

test('close() of an application that never became ready leaves the state stopped', async () => {
  const app = Fastify()
  await app.register(beryl, {})
  await app.close()
  assert.equal(app.channels.status().state, 'stopped')
})

const boom = (): never => {
  throw new Error('boom')
}

const ways: Readonly<Record<string, (app: FastifyInstance) => unknown>> = {
  throws: boom,
  'throws nothing': () => {
    throw undefined
  },
  rejects: () => Promise.reject(new Error('boom')),
  'never settles': () => new Promise(() => {}),
  'gives a then that throws': () => Object.defineProperty({}, 'then', { get: boom }),
  'closes the application': (app) => app.close(),
  'stops the tree': (app) => app.channels.supervisor?.stop(),
}

for (const [name, way] of Object.entries(ways))
  test(`an onGiveUp that ${name} is told, and ends nothing else`, async () => {
    const app = Fastify()
    let called = 0
    const onGiveUp = (): void => {
      called += 1
      return way(app) as undefined
    }
    await app.register(beryl, { supervision: { intensity: 0, onGiveUp } })
    const warnings = heardWarnings(app)
    await app.ready()
    app.channels.supervisor?.exitChild('groups')
    await until('onGiveUp is called', () => called === 1)
    if (/throws|rejects/.test(name)) await until('it is told', () => warnings.length === 1)
    assert.match(app.channels.status().state, /failed|stopped/)
    await app.close()
    assert.equal(called, 1)
  })

test('a failing onClose of somebody else under onGiveUp close is told, not an unhandled rejection', async (t) => {
  t.after(() => {
    process.exitCode = undefined
  })
  const app = Fastify()
  // One that throws in its own turn is uncaught by Fastify itself, whoever closes.
  app.addHook('onClose', async () => boom())
  await app.register(beryl, { supervision: { intensity: 0, onGiveUp: 'close' } })
  const warnings = heardWarnings(app)
  await app.ready()
  app.channels.supervisor?.exitChild('groups')
  await until('the failed close is told', () => warnings.length === 1)
  assert.match(warnings[0] ?? '', /onGiveUp failed: boom/)
})

test('wrong options of an embedded tree reject the register of its plugin, also when it comes first', async () => {
  const app = Fastify()
  const node = beryl.childSpec({ path: 'no-slash' })
  await assert.rejects(async () => await app.register(node.plugin), { code: 'BERYL_ERR_OPTION_INVALID' })
  await assert.rejects(startSupervisor({ children: [node] }), /path/)
  const bad = Fastify()
  bad.register(beryl.childSpec(7 as unknown as BerylOptions).plugin)
  await assert.rejects(async () => await bad.ready(), { code: 'BERYL_ERR_OPTION_INVALID' })
})

for (const [name, end] of Object.entries({
  'the outer tree stops': async (_app, tree) => tree.stop(),
  'the application closes, then the outer tree stops': async (app, tree) => {
    await app.close()
    await tree.stop()
  },
  'the outer tree stops, then the application closes': async (app, tree) => {
    await tree.stop()
    await app.close()
  },
  'both at once': async (app, tree) => {
    await Promise.all([app.close(), tree.stop()])
  },
  'it is terminated': async (_app, tree) => {
    await tree.terminateChild('beryl')
  },
} satisfies Record<string, (app: FastifyInstance, tree: Outer) => Promise<void>>))
  test(`an embedded tree that ends in order is stopped: ${name}`, async () => {
    const { app, tree } = await embedded()
    const states: string[] = []
    app.channels.onTelemetry('tree.state', (_, { state }) => void states.push(state))
    await end(app, tree)
    assert.equal(app.channels.status().state, 'stopped')
    assert.deepEqual(
      states.filter((state) => state !== 'draining'),
      ['stopped'],
    )
    await tree.stop()
    await app.close()
  })

test('an embedded tree that gives up has failed, though a supervisor inside gave up before and it was restarted', async () => {
  const { app, tree } = await embedded({ supervision: { intensity: 0 } })
  await tree.which('beryl')?.stop('shutdown')
  await until('it is restarted', () => app.channels.status().state === 'running')
  app.channels.supervisor?.exitChild('groups')
  await tree.exited
  assert.equal(app.channels.status().state, 'failed')
  await app.close()
})

test('an embedded tree that never started is stopped when its application closes, and runs once it starts', async () => {
  const node = beryl.childSpec({})
  const app = Fastify()
  await app.register(node.plugin)
  await app.ready()
  await app.close()
  assert.equal(app.channels.status().state, 'stopped')
  const tree = await startSupervisor({ children: [node] })
  assert.equal(app.channels.status().state, 'running')
  await tree.stop()
})

test('an embedded tree that is stopped while it starts is stopped, and has not failed', async () => {
  const silent = {
    ...(await import('../../src/pubsub/local.ts')).local(),
    start: () => new Promise<void>(() => {}),
  }
  const node = beryl.childSpec({ pubsub: silent })
  const outer = await startSupervisor({ children: [] })
  const app = Fastify()
  await app.register(node.plugin)
  await app.ready()
  const starting = outer.startChild(node).then(
    () => 'started',
    () => 'ended',
  )
  await outer.stop()
  assert.equal(await starting, 'ended')
  assert.equal(app.channels.status().state, 'stopped')
  await app.close()
})

// Helpers

type Outer = Awaited<ReturnType<typeof embedded>>['tree']

async function embedded(options: BerylOptions = {}) {
  const node = beryl.childSpec(options)
  const tree = await startSupervisor({ intensity: 1, children: [node] })
  const app = Fastify()
  await app.register(node.plugin)
  await app.ready()
  return { app, tree }
}

function heardWarnings(app: FastifyInstance): string[] {
  const heard: string[] = []
  app.channels.onTelemetry('supervisor.event', (_, event) => {
    if (event.type === 'warning') heard.push((event as { message?: string }).message ?? '')
  })
  return heard
}
