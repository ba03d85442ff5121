import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import beryl, { defineChannel } from 'fastify-beryl'
import { Type } from 'typebox'
import { local } from '../../src/pubsub/local.ts'
import { startSupervisor, worker } from '../../src/supervision/index.ts'
import { until } from '../support/until.ts'
import { hold, logged, serve } from './lab.ts'

// Nothing is sent into the void: what nobody could ever get is refused, what a restart loses is counted.

const room = defineChannel('room:*', {
  schema: { out: { said: Type.Object({ body: Type.String() }) } },
  join: () => ({ assigns: {} }),
})

const connectionTopic = () => 'user:1'

const said = { body: 'hello' }

/** Every call that sends. The types of this package know no channel of this test. */
const sends: Readonly<Record<string, (app: FastifyInstance) => void>> = {
  'channels.broadcast': ({ channels }) =>
    channels.broadcast('room:1' as never, 'said' as never, said as never),
  'channels.broadcastFrom': ({ channels }) =>
    channels.broadcastFrom('a.1', 'room:1' as never, 'said' as never, said as never),
  'channels.localBroadcast': ({ channels }) =>
    channels.localBroadcast('room:1' as never, 'said' as never, said as never),
  'channels.push': ({ channels }) => channels.push('a.1', 'room:1' as never, 'said' as never, said as never),
  'channels.disconnect': ({ channels }) => channels.disconnect('user:1'),
  'groups.broadcast': ({ groups }) => groups.broadcast('all', 'said' as never, said as never),
}

const changes: Readonly<Record<string, (app: FastifyInstance) => void>> = {
  'groups.create': ({ groups }) => groups.create('new'),
  'groups.add': ({ groups }) => groups.add('all', 'room:2'),
  'groups.remove': ({ groups }) => groups.remove('all', 'room:1'),
  'groups.delete': ({ groups }) => groups.delete('all'),
  'presence.track': ({ presence }) =>
    void presence.track('room:1' as never, 'ada', {} as never, { owner: new AbortController().signal }),
}

function refused(app: FastifyInstance, state: string, calls: typeof sends): void {
  for (const [name, call] of Object.entries(calls))
    assert.throws(
      () => call(app),
      {
        code: 'BERYL_ERR_NOT_RUNNING',
        statusCode: 503,
        message: `fastify-beryl is not running: its state is ${state}, and this works between app.ready() and app.close()`,
      },
      name,
    )
}

function withGroup(app: FastifyInstance): void {
  app.groups.create('all')
  app.groups.add('all', 'room:1')
}

test('S112 before ready all that sends is refused; presences and groups are kept for the start', async (t) => {
  const { app } = await serve(t, { channels: [room], connectionTopic })
  withGroup(app)
  refused(app, 'starting', sends)
  const owner = new AbortController()
  app.presence.track('room:1' as never, 'ada', {} as never, { owner: owner.signal })
  await app.ready()
  for (const call of Object.values(sends)) call(app)
  assert.equal(app.presence.count('room:1'), 1)
  owner.abort()
})

test('S112 a child of the application sends as soon as it runs', async (t) => {
  const heard: unknown[] = []
  const app = Fastify()
  t.after(() => app.close())
  const eager = worker('eager', async ({ stopped }) => {
    sends['channels.broadcast']?.(app)
    await stopped()
  })
  await app.register(beryl, { channels: [room], children: [eager] })
  app.channels.subscribe('room:1', ({ payload }) => heard.push(payload))
  await app.ready()
  assert.deepEqual(heard, [said])
})

test('S112 after the end all that sends is refused, and so are changes of groups and presences', async () => {
  const app = Fastify()
  await app.register(beryl, { channels: [room], connectionTopic })
  await app.ready()
  withGroup(app)
  await app.close()
  refused(app, 'stopped', sends)
  refused(app, 'stopped', changes)
  app.presence.untrackAll(new AbortController().signal)
  assert.deepEqual(app.groups.list(), ['all'], 'looking is allowed')
})

test('S112 after the tree has given up, too', async (t) => {
  const { app } = await serve(t, {
    channels: [room],
    connectionTopic,
    supervision: { intensity: 0, onGiveUp: () => {} },
  })
  await app.ready()
  withGroup(app)
  app.channels.supervisor?.exitChild('groups')
  await until('it has failed', () => app.channels.status().state === 'failed')
  refused(app, 'failed', sends)
  refused(app, 'failed', changes)
})

/** The second start of the adapter is held. */
function slowSecondStart() {
  const start = hold()
  const adapter = local()
  let starts = 0
  return {
    release: () => start.release(),
    hasBegun: () => starts === 2,
    adapter: {
      ...adapter,
      start: async (...args: Parameters<typeof adapter.start>) => {
        starts += 1
        if (starts === 2) await start.promise
        return adapter.start(...args)
      },
    },
  }
}

test('S112 during a restart it is dropped, counted, and told once a second', async (t) => {
  const slow = slowSecondStart()
  const { app, log } = await serve(t, { channels: [room], connectionTopic, pubsub: slow.adapter })
  await app.ready()
  withGroup(app)
  const dropped: unknown[] = []
  app.channels.onTelemetry('send.dropped', ({ messages }, { call, topic }) => {
    dropped.push([messages, call, topic])
  })
  app.channels.supervisor?.exitChild('pubsub')
  await until('it starts again', slow.hasBegun)
  for (const call of Object.values(sends)) call(app)
  assert.deepEqual(dropped, [
    [1, 'broadcast', 'room:1'],
    [1, 'broadcast', 'room:1'],
    [1, 'broadcast', 'room:1'],
    [1, 'push', 'room:1'],
    [1, 'disconnect', 'user:1'],
    [1, 'broadcast', 'room:1'],
  ])
  assert.equal(logged(log, 'sent during a restart, and dropped').call, 'broadcast')
  assert.equal(log.filter(({ msg }) => msg === 'sent during a restart, and dropped').length, 1)
  slow.release()
  await until('groups are back', () => app.channels.status().tree?.children.at(-1)?.restarts === 1)
  for (const call of Object.values(sends)) call(app)
  assert.equal(dropped.length, 6)
})

test('S112 an embedded tree that its supervisor starts again is in a restart, not before its start', async (t) => {
  const slow = slowSecondStart()
  const node = beryl.childSpec({ channels: [room], connectionTopic, pubsub: slow.adapter })
  const app = Fastify()
  await app.register(node.plugin)
  refused(app, 'starting', { 'channels.disconnect': ({ channels }) => channels.disconnect('user:1') })
  const tree = await startSupervisor({ children: [node] })
  t.after(async () => {
    await app.close()
    await tree.stop()
  })
  let dropped = 0
  app.channels.onTelemetry('send.dropped', () => {
    dropped += 1
  })
  tree.exitChild('beryl', 'killed')
  await until('it starts again', slow.hasBegun)
  app.channels.disconnect('user:1')
  assert.equal(dropped, 1)
  slow.release()
  await until('it runs', () => app.channels.status().state === 'running')
})
