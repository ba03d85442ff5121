import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import {
  type ChannelDefinition,
  defineChannel,
  mount,
  type Socket,
  stop,
  type TerminateReason,
} from 'fastify-beryl'
import { connect, memoryNetwork, type TestChannel, type TestClient } from 'fastify-beryl/testing'
import { type TSchema, Type } from 'typebox'
import { until } from '../support/until.ts'
import { hold, serve } from './lab.ts'

// Messages of the server to its own channels, and their end from outside: over one node, and over three.

const Any = Type.Unknown()

/** The events in the channels of all nodes, each with its author. */
type Log = string[]

interface Hooks {
  readonly join?: () => Promise<unknown>
  readonly told?: (payload: unknown, socket: Socket) => unknown
  readonly role?: TSchema
}

function room(log: Log, { join, told, role = Type.String() }: Hooks = {}): ChannelDefinition {
  return defineChannel('room:*', {
    schema: {
      join: { payload: Type.Object({ name: Type.String() }) },
      in: { wait: Any, ask: { payload: Any, reply: Any } },
      out: { told: Any },
      info: { roleChanged: Type.Object({ role }) },
    },
    async join({ payload }) {
      await join?.()
      return { assigns: { name: payload.name, role: 'guest' as unknown } }
    },
    in: {
      async wait(_, socket) {
        log.push(`${socket.assigns.name} waits`)
        await Promise.resolve()
        log.push(`${socket.assigns.name} goes on`)
      },
      ask: (_, socket) => socket.assigns.role,
    },
    info: {
      roleChanged(payload, socket) {
        log.push(`${socket.assigns.name} roleChanged ${JSON.stringify(payload)}`)
        socket.assigns.role = payload.role
        return told?.(payload, socket as never) as never
      },
    },
    terminate: (reason, socket) => void log.push(`${socket.assigns.name} ${ended(reason)}`),
  }) as ChannelDefinition
}

const ended = (reason: TerminateReason): string =>
  reason.kind === 'dismissed' ? `dismissed ${reason.reason}` : reason.kind

interface Member {
  readonly client: TestClient
  readonly topic: TestChannel
}

interface Stage {
  readonly log: Log
  readonly apps: readonly FastifyInstance[]
  readonly ada: Member
  readonly bob: Member
  readonly cyd: Member
}

/** Ada, Bob and Cyd in room:1, on one node or on one each. */
async function stage(t: TestContext, count: number, hooks: Hooks = {}): Promise<Stage> {
  const network = memoryNetwork()
  const log: Log = []
  const apps: FastifyInstance[] = []
  for (let node = 0; node < count; node++) {
    const { app } = await serve(t, {
      channels: [room(log, hooks)],
      ...(count === 1 ? {} : { pubsub: network.adapter() }),
      connect: ({ params }) => ({ assigns: { name: params.name } }) as never,
      connectionTopic: ({ assigns }) => `user:${(assigns as unknown as { name: string }).name}`,
    })
    apps.push(app)
  }
  const come = async (name: string, index: number): Promise<Member> => {
    const client = await connect(apps[index % count] as FastifyInstance, { params: { name } })
    return { client, topic: await client.join('room:1', { name }) }
  }
  return { log, apps, ada: await come('ada', 0), bob: await come('bob', 1), cyd: await come('cyd', 2) }
}

const happened = (log: Log, count: number): Promise<void> =>
  until(
    () => `${count} lines: ${JSON.stringify(log)}`,
    () => log.length >= count,
  )

for (const count of [1, 3]) {
  const where = `over ${count} ${count === 1 ? 'node' : 'nodes'}`

  test(`W106 an info reaches each channel of its topic, ${where}, and no client`, async (t) => {
    const { log, apps, ada, bob, cyd } = await stage(t, count)
    await ada.client.join('room:2', { name: 'ada elsewhere' })
    apps[0]?.channels.info({ topic: 'room:1' }, 'roleChanged', { role: 'host' })
    await happened(log, 3)
    const line = 'roleChanged {"role":"host"}'
    assert.deepEqual(log.sort(), [`ada ${line}`, `bob ${line}`, `cyd ${line}`])
    for (const { topic } of [ada, bob, cyd]) {
      assert.equal(await topic.push('ask').expectReply(), 'host')
      await topic.refutePush('roleChanged')
    }
  })

  test(`W106 an info reaches the channels of one connection, or of one connection topic, ${where}`, async (t) => {
    const { log, apps, bob } = await stage(t, count)
    apps[0]?.channels.info({ topic: 'room:1', connectionId: bob.client.id }, 'roleChanged', { role: 'a' })
    await happened(log, 1)
    apps[0]?.channels.info({ topic: 'room:1', connectionTopic: 'user:cyd' }, 'roleChanged', { role: 'b' })
    await happened(log, 2)
    const nobody = { topic: 'room:1', connectionId: bob.client.id, connectionTopic: 'user:cyd' }
    apps[0]?.channels.info(nobody, 'roleChanged', { role: 'c' })
    apps[0]?.channels.info({ topic: 'room:1', connectionTopic: 'user:ada' }, 'roleChanged', { role: 'd' })
    await happened(log, 3)
    assert.deepEqual(log, [
      'bob roleChanged {"role":"a"}',
      'cyd roleChanged {"role":"b"}',
      'ada roleChanged {"role":"d"}',
    ])
  })

  test(`W108 leave ends the channels that are meant, ${where}; their clients stay connected and away`, async (t) => {
    const { log, apps, ada, bob, cyd } = await stage(t, count)
    apps[0]?.channels.leave({ topic: 'room:1', connectionTopic: 'user:cyd' }, 'banned')
    await cyd.topic.expectClose()
    apps[0]?.channels.leave({ topic: 'room:1', connectionId: bob.client.id })
    await bob.topic.expectClose()
    assert.equal(await ada.topic.push('ask').expectReply(), 'guest')
    await cyd.client.heartbeat()
    assert.deepEqual(log, ['cyd dismissed banned', 'bob dismissed undefined'])
    const again = await cyd.client.join('room:1', { name: 'cyd' })
    apps[0]?.channels.leave({ topic: 'room:1' }, 'closed')
    for (const topic of [ada.topic, again]) await topic.expectClose()
    for (const app of apps) await until('nobody is left', () => app.channels.subscriberCount('room:1') === 0)
  })
}

test('W106 an info waits for what is at work, in its order, and is a copy of its own for each channel', async (t) => {
  const given: unknown[] = []
  const { log, apps, ada } = await stage(t, 1, { told: (payload) => void given.push(payload) })
  apps[0]?.channels.onTelemetry('message.received', () =>
    apps[0]?.channels.info({ topic: 'room:1', connectionId: ada.client.id }, 'roleChanged', { role: 'x' }),
  )
  ada.topic.push('wait')
  await happened(log, 3)
  assert.deepEqual(log.slice(0, 3), ['ada roleChanged {"role":"x"}', 'ada waits', 'ada goes on'])
  apps[0]?.channels.info({ topic: 'room:1' }, 'roleChanged', { role: 'y' })
  await happened(log, 6)
  assert.equal(new Set(given).size, 4)
})

for (const [what, told, line] of [
  ['throws', () => assert.fail('no'), 'crashed'],
  ['rejects', () => Promise.reject(new Error('no')), 'crashed'],
  ['gives what nobody waits for', () => ({ id: 1 }), 'crashed'],
  ['gives stop(…)', () => stop(), 'stopped'],
] as const)
  test(`W106 an info whose handler ${what} ends its channel`, async (t) => {
    const { log, apps, bob } = await stage(t, 1, { told })
    apps[0]?.channels.info({ topic: 'room:1', connectionId: bob.client.id }, 'roleChanged', { role: 'x' })
    await happened(log, 2)
    assert.deepEqual(log.slice(1), [`bob ${line}`])
    if (line === 'crashed') await bob.topic.expectError()
    else await bob.topic.expectClose()
  })

test('W107 clients can never send an info', async (t) => {
  const { log, ada } = await stage(t, 1)
  assert.deepEqual(await ada.topic.push('roleChanged', { role: 'host' }).expectReply('error'), {
    reason: 'unknown_event',
  })
  assert.deepEqual(log, [])
})

test('W107 what no channel takes is refused at the caller, with what was wanted', async (t) => {
  const { apps } = await stage(t, 1)
  const [{ channels }] = apps as [FastifyInstance]
  const info = channels.info.bind(channels) as (...args: unknown[]) => void
  const leave = channels.leave.bind(channels) as (...args: unknown[]) => void
  for (const [call, code, message] of [
    [() => info({ topic: 'room:1' }, 'promoted', {}), 'BERYL_ERR_INFO_UNDECLARED', /"promoted".*roleChanged/],
    [() => info({ topic: 'room:1' }, 'ask', {}), 'BERYL_ERR_INFO_UNDECLARED', /"ask"/],
    [
      () => info({ topic: 'room:1' }, 'roleChanged', {}),
      'BERYL_ERR_PAYLOAD_INVALID',
      /the info "roleChanged"/,
    ],
    [() => info({ topic: 'nowhere' }, 'roleChanged', {}), 'BERYL_ERR_TOPIC_UNMATCHED', /nowhere/],
    [
      () => info('room:1', 'roleChanged', {}),
      'BERYL_ERR_ARGUMENT',
      /channels\.info: target: wanted an object/,
    ],
    [
      () => leave({ topic: 'room:1', user: 'x' }),
      'BERYL_ERR_ARGUMENT',
      /channels\.leave: target\.user: wanted/,
    ],
    [() => leave({ topic: 'room:1', connectionId: 7 }), 'BERYL_ERR_ARGUMENT', /target\.connectionId/],
    [() => leave({ topic: 'room:1' }, { banned: true }), 'BERYL_ERR_ARGUMENT', /channels\.leave: reason/],
    [() => leave({ topic: 'nowhere' }), 'BERYL_ERR_TOPIC_UNMATCHED', /nowhere/],
  ] as const)
    assert.throws(call, { code, message })
})

test('W107 an info is checked on the node where it arrives, too', async (t) => {
  const network = memoryNetwork()
  const log: Log = []
  const older = await serve(t, {
    channels: [room(log, { role: Type.Integer() })],
    pubsub: network.adapter(),
  })
  const newer = await serve(t, { channels: [room(log)], pubsub: network.adapter() })
  const client = await connect(older.app)
  await client.join('room:1', { name: 'ada' })
  await newer.app.ready()
  const failed: unknown[] = []
  older.app.channels.onTelemetry('listener.failed', (_, { error }) => void failed.push(error))
  newer.app.channels.info({ topic: 'room:1' }, 'roleChanged', { role: 'host' } as never)
  await until('it is told to the operator', () => failed.length === 1)
  assert.equal((failed[0] as { code: string }).code, 'BERYL_ERR_PAYLOAD_INVALID')
  assert.deepEqual(log, [])
})

test('W108 a join that is being decided is refused with dismissed, then closed, and undone', async (t) => {
  const held = hold()
  const { log, apps } = await stageOfOne(t, () => held.promise)
  const client = await connect(apps)
  client.send({ joinRef: '1', ref: '1', topic: 'room:1', event: 'phx_join', payload: { name: 'ada' } })
  await client.settle()
  apps.channels.leave({ topic: 'room:1' }, 'banned')
  const reply = await client.expectMessage({ event: 'phx_reply', ref: '1' })
  assert.deepEqual(reply.payload, { status: 'error', response: { reason: 'dismissed' } })
  const close = await client.expectMessage({ event: 'phx_close' })
  assert.deepEqual(close.payload, { reason: 'banned' })
  held.release()
  await until('what join gave is undone', () => log.length === 1)
  assert.deepEqual(log, ['ada dismissed banned'])
})

async function stageOfOne(
  t: TestContext,
  join: () => Promise<unknown>,
): Promise<{ log: Log; apps: FastifyInstance }> {
  const log: Log = []
  const { app } = await serve(t, { channels: [room(log, { join })] })
  return { log, apps: app }
}

test('W106 an info that comes while snapshot reads runs behind the reply; more than limits.mailbox of them refuse the join', async (t) => {
  const log: Log = []
  const reads = [hold(), hold()]
  const channel = defineChannel('room:*', {
    schema: { join: { reply: Any }, out: { told: Any }, info: { ping: Type.Integer() } },
    join: () => ({ assigns: {} }),
    async snapshot() {
      await reads[0]?.promise
      return 'state'
    },
    joined: () => void log.push('joined'),
    info: { ping: (n, socket) => socket.push('told', n) },
  })
  const { app } = await serve(t, { channels: [channel] as ChannelDefinition[], limits: { mailbox: 2 } })
  const client = await connect(app)
  const joining = client.join('room:1', {})
  await client.settle()
  app.channels.info({ topic: 'room:1' }, 'ping' as never, 1 as never)
  app.channels.info({ topic: 'room:1', connectionId: client.id }, 'ping' as never, 2 as never)
  await client.settle()
  reads.shift()?.release()
  const topic = await joining
  assert.equal(topic.reply, 'state')
  assert.equal(await topic.expectPush('told'), 1)
  assert.equal(await topic.expectPush('told'), 2)
  const flooded = client.join('room:2', {})
  await client.settle()
  for (let n = 0; n < 3; n++) app.channels.info({ topic: 'room:2' }, 'ping' as never, n as never)
  await client.settle()
  reads.shift()?.release()
  await assert.rejects(flooded, { response: { reason: 'overloaded' } })
  assert.equal(app.channels.subscriberCount('room:2'), 0)
})

test('W107 where two entrances have a channel for a topic, the one that declares an info takes it', async (t) => {
  const log: Log = []
  const { app } = await serve(t, { channels: [room(log)] })
  const plain = defineChannel('room:*', {
    schema: { in: { ask: { payload: Any, reply: Any } } },
    join: () => ({ assigns: {} }),
    in: { ask: () => 'plain' },
  }) as ChannelDefinition
  await app.register(mount, { path: '/admin', channels: [plain] })
  const ada = await (await connect(app, { path: '/socket' })).join('room:1', { name: 'ada' })
  const admin = await (await connect(app, { path: '/admin' })).join('room:1')
  app.channels.info({ topic: 'room:1' }, 'roleChanged', { role: 'host' })
  await happened(log, 1)
  assert.equal(await admin.push('ask').expectReply(), 'plain')
  app.channels.leave({ topic: 'room:1' })
  await ada.expectClose()
  await admin.expectClose()
})
