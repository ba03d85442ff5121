import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { type Channel, Presence, Socket } from 'phoenix'
import { Type } from 'typebox'
import WebSocket from 'ws'
import { type BerylOptions, beryl, defineChannel } from '../../src/index.ts'
import { startSupervisor, worker } from '../../src/supervision/index.ts'

// The plugin's tree under fire, with real clients: what is killed, who is restarted, what the clients see.

const room = defineChannel('room:*', {
  schema: {
    join: Type.Object({ name: Type.String() }),
    in: {
      say: { payload: Type.Object({ body: Type.String() }), reply: Type.Object({ ok: Type.Boolean() }) },
    },
    out: { said: Type.Object({ body: Type.String() }) },
    presence: Type.Object({ name: Type.String() }),
  },
  join: ({ payload }) => ({ assigns: { name: payload.name } }),
  joined(socket) {
    socket.presence.track(socket.assigns.name, { name: socket.assigns.name })
  },
  in: {
    say(payload, socket) {
      socket.broadcast('said', payload)
      return { ok: true }
    },
  },
})

async function serve(t: TestContext, options: BerylOptions = {}): Promise<FastifyInstance> {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [room], ...options })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return app
}

function url(app: FastifyInstance): string {
  return `ws://127.0.0.1:${(app.server.address() as AddressInfo).port}/socket`
}

/** A phoenix.js client in the room, with what it saw of its connection and of presence. */
interface Client {
  readonly channel: Channel
  readonly presence: Presence
  readonly codes: number[]
  readonly left: string[]
  readonly joins: () => number
}

function client(t: TestContext, app: FastifyInstance, name: string): Client {
  const codes: number[] = []
  const left: string[] = []
  const socket = new Socket(url(app), {
    transport: WebSocket as never,
    reconnectAfterMs: () => 10,
    rejoinAfterMs: () => 10,
  })
  t.after(() => socket.disconnect())
  socket.onClose(((event: { code: number }) => codes.push(event.code)) as never)
  socket.connect()
  const channel = socket.channel('room:1', { name })
  const presence = new Presence(channel)
  presence.onLeave((key) => void left.push(key ?? ''))
  let joins = 0
  channel.join().receive('ok', () => joins++)
  return { channel, presence, codes, left, joins: () => joins }
}

/** Waits for events, in whatever order they come: looks again after each turn of the event loop. */
async function until(what: string, isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!isTrue()) {
    assert.ok(Date.now() < deadline, `never: ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const names = ({ presence }: Client): string[] => presence.list<string>((key) => key ?? '').sort()

async function say({ channel }: Client, body: string): Promise<void> {
  await new Promise((resolve, reject) => {
    channel.push('say', { body }).receive('ok', resolve).receive('error', reject).receive('timeout', reject)
  })
}

/** The restarts of each child. */
function restarts(app: FastifyInstance): Record<string, number> {
  return Object.fromEntries(
    app.channels.status().tree?.children.map((child) => [child.id, child.restarts]) ?? [],
  )
}

async function twoInTheRoom(t: TestContext, app: FastifyInstance): Promise<[Client, Client]> {
  const ada = client(t, app, 'ada')
  const bob = client(t, app, 'bob')
  await until('both see both', () => names(ada).length === 2 && names(bob).length === 2)
  return [ada, bob]
}

test('a killed coordinator closes every connection with 1012; clients come back, join and see each other again', async (t) => {
  const app = await serve(t)
  const [ada, bob] = await twoInTheRoom(t, app)
  const [before] = app.channels.connections()
  app.channels.supervisor?.exitChild('coordinator')
  await until(
    'both are back',
    () => ada.joins() === 2 && bob.joins() === 2 && names(ada).length === 2 && names(bob).length === 2,
  )
  assert.deepEqual([ada.codes, bob.codes], [[1012], [1012]])
  assert.deepEqual(restarts(app), { pubsub: 0, coordinator: 1, presence: 1, groups: 1, app: 1 })
  assert.ok(!app.channels.connections().includes(before as string))
  const heard = once(listening(bob), 'said')
  await say(ada, 'still here')
  assert.deepEqual(await heard, [{ body: 'still here' }])
  assert.equal(app.presence.count('room:1'), 2, 'nothing stale remains')
})

test('a killed presence is restarted with everybody in it: no connection ends and nobody is seen to leave', async (t) => {
  const app = await serve(t)
  const [ada, bob] = await twoInTheRoom(t, app)
  const refs = JSON.stringify(app.presence.list('room:1'))
  app.channels.supervisor?.exitChild('presence')
  await until(
    'presence is back',
    () => restarts(app).presence === 1 && app.channels.status().state === 'running',
  )
  await say(ada, 'fence')
  assert.equal(JSON.stringify(app.presence.list('room:1')), refs, 'P15: the same refs')
  assert.deepEqual([ada.left, bob.left, ada.codes, bob.codes], [[], [], [], []])
  assert.deepEqual(restarts(app), { pubsub: 0, coordinator: 0, presence: 1, groups: 1, app: 1 })
  bob.channel.leave()
  await until('ada sees bob go', () => names(ada).join() === 'ada')
})

test('killed groups are restarted alone, with every group', async (t) => {
  const app = await serve(t)
  const [ada] = await twoInTheRoom(t, app)
  app.groups.create('all')
  app.groups.add('all', 'room:1')
  app.channels.supervisor?.exitChild('groups')
  await until('groups are back', () => restarts(app).groups === 1)
  assert.deepEqual(restarts(app), { pubsub: 0, coordinator: 0, presence: 0, groups: 1, app: 1 })
  const heard = once(listening(ada), 'said')
  app.groups.broadcast('all', 'said', { body: 'to all' })
  assert.deepEqual(await heard, [{ body: 'to all' }])
})

test('a killed pubsub takes along all that stands on it; handles and listeners go on', async (t) => {
  const app = await serve(t)
  const { channels } = app
  const heardByServer: unknown[] = []
  channels.subscribe('room:1', ({ payload }) => heardByServer.push(payload))
  const [ada, bob] = await twoInTheRoom(t, app)
  channels.supervisor?.exitChild('pubsub')
  await until('both are back', () => ada.joins() === 2 && bob.joins() === 2)
  assert.deepEqual(ada.codes, [1012])
  assert.deepEqual(restarts(app), { pubsub: 1, coordinator: 1, presence: 1, groups: 1, app: 1 })
  const heard = once(listening(bob), 'said')
  channels.broadcast('room:1', 'said', { body: 'by the old handle' })
  assert.deepEqual(await heard, [{ body: 'by the old handle' }])
  assert.deepEqual(heardByServer.at(-1), { body: 'by the old handle' })
})

test('more than three restarts in five seconds end the tree: state failed, clients closed, upgrades refused with 503', async (t) => {
  let error: Error | undefined
  const onGiveUp = (cause: Error): void => {
    error = cause
  }
  const app = await serve(t, { supervision: { onGiveUp } })
  const [ada] = await twoInTheRoom(t, app)
  for (let crash = 1; crash <= 4; crash++) {
    const { supervisor } = app.channels
    supervisor?.exitChild('coordinator')
    await until(`crash ${crash} is over`, () => error !== undefined || restarts(app).coordinator === crash)
  }
  await until('onGiveUp is called', () => error !== undefined)
  assert.equal((error as Error & { code?: string }).code, 'BERYL_ERR_GAVE_UP')
  assert.equal(app.channels.status().state, 'failed')
  assert.equal(ada.codes[0], 1012)
  const refused = new WebSocket(`${url(app)}/websocket?vsn=2.0.0`)
  const [, response] = (await once(refused, 'unexpected-response')) as [
    unknown,
    { statusCode: number; headers: object },
  ]
  assert.equal(response.statusCode, 503)
  assert.ok('retry-after' in response.headers)
  assert.throws(() => app.channels.broadcast('room:1', 'said', { body: 'into the void' }), {
    code: 'BERYL_ERR_NOT_RUNNING',
    message:
      'fastify-beryl is not running: its state is failed, and this works between app.ready() and app.close()',
  })
})

test('S108 by default a tree that gives up closes the Fastify instance, and the program will have failed', async (t) => {
  t.after(() => {
    process.exitCode = undefined
  })
  const app = await serve(t, { supervision: { intensity: 0 } })
  let closed = false
  const { server } = app
  server.once('close', () => {
    closed = true
  })
  app.channels.supervisor?.exitChild('groups')
  await until('the server is closed', () => closed)
  assert.equal(process.exitCode, 1)
})

test('S11 a child that cannot start fails ready() with its own error as the cause, and nothing is left running', async (t) => {
  const order: string[] = []
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, {
    children: [
      recorder('first', order),
      { id: 'broken', start: () => Promise.reject(new Error('no database')) },
      recorder('never', order),
    ],
  })
  await assert.rejects(
    async () => app.ready(),
    (error: Error & { code: string }) => {
      assert.equal(error.code, 'BERYL_ERR_START_FAILED')
      assert.match(error.message, /broken.*no database/)
      return true
    },
  )
  assert.deepEqual(order, ['first up', 'first down'])
  assert.equal(app.channels.status().state, 'failed')
})

test('children of the application start last and stop first, and their handles are in the tree', async (t) => {
  const order: string[] = []
  const app = await serve(t, { children: [recorder('a', order), recorder('b', order)] })
  assert.deepEqual(
    app.channels.status().tree?.children.map(({ id }) => id),
    ['pubsub', 'coordinator', 'presence', 'groups', 'app'],
  )
  const own = app.channels.supervisor?.which('app')
  assert.deepEqual(
    own?.children().map(({ id }) => id),
    ['a', 'b'],
  )
  assert.notEqual(own?.which('a'), undefined)
  await app.close()
  assert.deepEqual(order, ['a up', 'b up', 'b down', 'a down'])
  assert.equal(app.channels.status().state, 'stopped')
})

test('close() during start-up stops what has started', async (t) => {
  const order: string[] = []
  const app = Fastify()
  t.after(() => app.close())
  const starting = deferred()
  await app.register(beryl, {
    children: [
      recorder('a', order),
      {
        id: 'slow',
        startTimeoutMs: 100,
        start: ({ signal }) =>
          new Promise((_, reject) => {
            starting.resolve()
            signal.addEventListener('abort', () => reject(new Error('asked to end')))
          }),
      },
    ],
  })
  const ready = app.ready().then(
    () => 'ready',
    () => 'rejected',
  )
  await starting.promise
  await Promise.all([app.close(), ready])
  assert.deepEqual(order, ['a up', 'a down'])
})

test('close() during a restart stops everything', async (t) => {
  const order: string[] = []
  const restarting = deferred()
  let starts = 0
  const app = await serve(t, {
    children: [
      recorder('a', order),
      worker('slow', async ({ ready, signal }) => {
        if (++starts === 1) {
          ready()
          throw new Error('crash')
        }
        restarting.resolve()
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
      }),
    ],
  })
  await restarting.promise
  await app.close()
  assert.deepEqual(order, ['a up', 'a down'])
  assert.equal(app.channels.status().state, 'stopped')
})

test('S85 the tree can be a child of a tree of the application, which restarts it; the handles stay valid', async (t) => {
  const node = beryl.childSpec({ channels: [room], supervision: { intensity: 0 } })
  const tree = await startSupervisor({ intensity: 3, children: [node] })
  t.after(() => tree.stop())
  const app = Fastify()
  t.after(() => app.close())
  await app.register(node.plugin)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const ada = client(t, app, 'ada')
  await until('ada is in', () => ada.joins() === 1)
  const { channels } = app
  channels.supervisor?.exitChild('presence')
  await until('the whole tree is new', () => ada.joins() === 2)
  assert.deepEqual(ada.codes, [1012])
  const heard = once(listening(ada), 'said')
  channels.broadcast('room:1', 'said', { body: 'hello' })
  assert.deepEqual(await heard, [{ body: 'hello' }])
})

test('S85 wrong options fail the start of the child, not its definition', async () => {
  const node = beryl.childSpec({ path: 'no-slash' })
  await assert.rejects(startSupervisor({ children: [node] }), /path/)
})

// Helpers

function recorder(id: string, order: string[]) {
  return worker(id, async ({ ready, signal }) => {
    order.push(`${id} up`)
    ready()
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    order.push(`${id} down`)
  })
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

/** The ears of a channel, as an emitter of events. */
function listening({ channel }: Client): NodeJS.EventEmitter {
  const emitter = new EventEmitter()
  channel.on('said', (payload) => void emitter.emit('said', payload))
  return emitter
}
