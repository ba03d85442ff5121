import { EventEmitter } from 'node:events'
import Fastify from 'fastify'
import { Binary, beryl, defineChannel, mount, type Timer } from 'fastify-beryl'
import { asyncapi } from 'fastify-beryl/asyncapi'
import { berylMetrics } from 'fastify-beryl/metrics'
import { createPublisher } from 'fastify-beryl/redis'
import {
  dynamicSupervisor,
  monitor,
  startDynamicSupervisor,
  startSupervisor,
  supervisor,
  thread,
  worker,
} from 'fastify-beryl/supervision'
import { adapterFacts, connect, memoryNetwork } from 'fastify-beryl/testing'
import { Registry } from 'prom-client'
import {
  ANY,
  ERROR,
  FUNCTION,
  internal,
  JSON_VALUE,
  NO_ARGUMENTS,
  NO_FIELDS,
  NONE,
  OBJECT,
  OPTIONAL,
  type Row,
  row,
  TEXT,
  type Unasked,
} from './rows.ts'
import { Counter, type Stage } from './stage.ts'

/** The table: each public function, and what is right in the place of each of its arguments. */
export function rowsOf(here: Stage): Record<string, Row | Unasked> {
  return {
    ...plugin(),
    ...channels(),
    ...presence(here),
    ...groups(here),
    ...sockets(here),
    ...kit(here),
    ...supervision(here),
  }
}

type Rows = Record<string, Row | Unasked>

const plain = { schema: {}, join: () => ({ assigns: {} }) }
const nothing = (): undefined => undefined
const ends = (result: unknown): unknown => (result as () => unknown)()
const cancels = (timer: unknown): void => (timer as Timer).cancel()

/** An option of its own for each value: whatever an option is given, wrong kinds are refused. */
async function registered(plugin: unknown, options: unknown): Promise<void> {
  const app = Fastify()
  try {
    if (plugin === berylMetrics || plugin === mount) await app.register(beryl)
    await app.register(plugin as never, options as never)
    await app.ready()
  } finally {
    await app.close()
  }
}

/** Fastify itself makes an object of what is falsy, and calls a function. */
const REGISTERED = [...NO_FIELDS, ...FUNCTION, 'null', 'the number 0', 'NaN', 'the empty string']

function plugin(): Rows {
  return {
    'index.beryl': {
      args: () => [{}],
      legal: [REGISTERED],
      call: (options) => registered(beryl, options),
    },
    'index.mount': {
      args: () => [{ path: '/more' }],
      legal: [NONE],
      call: (options) => registered(mount, options),
    },
    'index.default': { why: 'the same as index.beryl' },
    'index.default.childSpec': { why: 'the same as index.beryl.childSpec' },
    'index.beryl.childSpec': {
      args: () => [{}],
      legal: [NO_FIELDS],
      call: (options) => registered((beryl.childSpec(options as never) as { plugin: unknown }).plugin, {}),
    },
    'index.defineChannel': row(() => ['a', plain], TEXT.slice(1, 1), NONE),
    'index.Binary': { args: () => [{}], legal: [NO_FIELDS], call: (options) => Binary(options as never) },
    'index.fail': row(() => ['no'], [...OPTIONAL, ...JSON_VALUE]),
    'index.reject': row(() => ['no'], [...OPTIONAL, ...JSON_VALUE]),
    'index.reply': row(() => ['queued', {}], NONE, [...OPTIONAL, ...JSON_VALUE]),
    'index.stop': row(
      () => ['normal', {}],
      [...OPTIONAL, ...TEXT, ...ERROR, 'getters that throw'],
      [...OPTIONAL, ...JSON_VALUE],
    ),
    'index.later': row(() => [Promise.resolve()], ['a promise']),
    'metrics.berylMetrics': {
      args: () => [{ register: new Registry() }],
      legal: [REGISTERED],
      call: (options) => registered(berylMetrics, options),
    },
  }
}

function channels(): Rows {
  const said = { body: 'hi' }
  return {
    'channels.register': { args: () => [defineChannel(`once:${Math.random()}`, plain)], legal: [NONE] },
    'channels.broadcast': row(() => ['room:1', 'any', said], NONE, NONE, JSON_VALUE),
    'channels.broadcastFrom': row(() => ['x.1', 'room:1', 'any', said], NONE, NONE, NONE, JSON_VALUE),
    'channels.localBroadcast': row(() => ['room:1', 'any', said], NONE, NONE, JSON_VALUE),
    'channels.publish': row(() => ['room:1', 'any', said], NONE, NONE, JSON_VALUE),
    'channels.history': row(() => ['room:1'], NONE),
    'channels.forgetHistory': row(() => ['room:1'], NONE),
    'channels.push': row(() => ['x.1', 'room:1', 'any', said], NONE, NONE, NONE, JSON_VALUE),
    'channels.info': row(() => [{ topic: 'room:1' }, 'informed', said], NONE, NONE, JSON_VALUE),
    'channels.leave': row(() => [{ topic: 'room:none' }, 'over'], NONE, OPTIONAL),
    'channels.disconnect': row(() => ['user:none'], NONE),
    'channels.subscribe': { ...row(() => ['room:1', nothing], NONE, FUNCTION), undo: ends },
    'channels.subscriberCount': row(() => ['room:1'], NONE),
    'channels.topics': NO_ARGUMENTS,
    'channels.connections': NO_ARGUMENTS,
    'channels.load': NO_ARGUMENTS,
    'channels.status': NO_ARGUMENTS,
    'channels.onTelemetry': { ...row(() => ['tree.state', nothing], NONE, FUNCTION), undo: ends },
  }
}

/** A key may be a number: it becomes a string. */
const KEY: readonly string[] = ['the number 0', '-1', ...TEXT]
/** A key that is tracked has a limit of size. */
const KEPT: readonly string[] = KEY.filter((name) => name !== 'a string of 10,000')

const META: readonly string[] = OBJECT

function presence({ app, owner }: Stage): Rows {
  const clear = (): void => app.presence.untrackAll(owner)
  return {
    'presence.track': { ...row(() => ['x', 'k', {}, { owner }], NONE, KEPT, META, NONE), undo: clear },
    'presence.update': {
      ...row(() => ['x', 'k', {}, { owner }], NONE, KEY, META, NONE),
      call: (...args) => {
        app.presence.track('x', 'k', {}, { owner })
        try {
          app.presence.update(...(args as Parameters<typeof app.presence.update>))
        } finally {
          clear()
        }
      },
    },
    'presence.untrack': row(() => ['x', 'k', owner], TEXT, KEY, NONE),
    'presence.untrackAll': row(() => [owner], NONE),
    'presence.list': row(() => ['x', {}], TEXT, [...NO_FIELDS, 'a toString that throws']),
    'presence.get': row(() => ['x', 'k'], TEXT, KEY),
    'presence.count': row(() => ['x'], TEXT),
    'presence.onDiff': { ...row(() => [nothing], FUNCTION), undo: ends },
    'presence.newcomer': internal,
    'presence.end': internal,
    'presence.ended': internal,
    'presence.drain': internal,
    'presence.start': internal,
    'presence.peers': internal,
    'presence.willEnd': internal,
  }
}

function groups({ app }: Stage): Rows {
  return {
    'groups.create': { ...row(() => ['new'], NONE), undo: () => app.groups.delete('new') },
    'groups.delete': { args: () => ['none'], legal: [NONE] },
    'groups.add': row(() => ['none', 'room:1'], NONE, NONE),
    'groups.remove': row(() => ['none', 'room:1'], NONE, NONE),
    'groups.topics': row(() => ['none'], NONE),
    'groups.list': NO_ARGUMENTS,
    'groups.has': row(() => ['none'], NONE),
    'groups.broadcast': row(() => ['none', 'any', {}], NONE, NONE, ANY),
    'groups.start': internal,
  }
}

function untrackAll({ handles, app }: Stage): void {
  const { socket } = handles
  app.presence.untrackAll(socket as never)
}

function sockets(here: Stage): Rows {
  return {
    'socket.push': row(() => ['any', {}], NONE, JSON_VALUE),
    'socket.broadcast': row(() => ['any', {}], NONE, JSON_VALUE),
    'socket.publish': row(() => ['any', {}], NONE, JSON_VALUE),
    'socket.broadcastFrom': row(() => ['any', {}], NONE, JSON_VALUE),
    'socket.setTimeout': { ...row(() => [nothing, 1], FUNCTION, ['the number 0']), undo: cancels },
    'socket.setInterval': { ...row(() => [nothing, 1], FUNCTION, NONE), undo: cancels },
    'socket.stop': {
      ...row(() => ['normal'], [...OPTIONAL, ...TEXT, ...ERROR, 'getters that throw']),
      refusalsOnly: true,
    },
    'socket.presence.track': {
      ...row(() => ['k', { name: 'a' }], KEPT, NONE),
      undo: () => untrackAll(here),
    },
    'socket.presence.update': {
      ...row(() => ['k', { name: 'a' }], KEY, NONE),
      call: (...args) => {
        const { track, update } = here.handles['socket.presence'] as Record<
          string,
          (...args: readonly unknown[]) => void
        >
        track?.('k', { name: 'a' })
        try {
          update?.(...args)
        } finally {
          untrackAll(here)
        }
      },
    },
    'socket.presence.untrack': row(() => ['k'], KEY),
    'socket.presence.list': NO_ARGUMENTS,
  }
}

function kit({ app }: Stage): Rows {
  const payload = [...OPTIONAL, ...JSON_VALUE]
  const pattern = ANY.filter(
    (name) => !['a proxy that throws', 'a revoked proxy', 'getters that throw'].includes(name),
  )
  const expecting = row(() => ['said', {}], TEXT, pattern)
  return {
    'testing.connect': {
      args: () => [app, {}],
      legal: [NONE, NO_FIELDS],
      call: (...args) => connect(...(args as Parameters<typeof connect>)),
      undo: (client) => (client as { close(): Promise<void> }).close(),
    },
    'asyncapi.asyncapi': {
      ...row(() => [app, { info: { title: 'A', version: '1' } }], NONE, NONE),
      call: (...args) => asyncapi(...(args as Parameters<typeof asyncapi>)),
    },
    'redis.redis': row(() => [{ url: 'redis://127.0.0.1:1' }], NONE),
    'redis.createPublisher': {
      args: () => [memoryNetwork().adapter(), {}],
      legal: [NONE, NO_FIELDS],
      call: (...args) => createPublisher(...(args as Parameters<typeof createPublisher>)),
      undo: (publisher) => (publisher as { close(): Promise<void> }).close(),
    },
    'testing.fakeClock': row(() => [0], [...OPTIONAL, 'the number 0', '-1']),
    'testing.memoryNetwork': row(() => [{}], NO_FIELDS),
    'testing.TestClient': internal,
    'testing.TestChannel': internal,
    'testing.TestPush': internal,
    'testing.TestPush.settled': internal,
    'testing.JoinRefused': { why: 'made by the kit' },
    'testing.ConnectRefused': { why: 'made by the kit' },
    'client.channel': row(() => ['room:2'], TEXT),
    'client.join': { ...row(() => ['room:2'], TEXT), refusalsOnly: true },
    'client.heartbeat': NO_ARGUMENTS,
    'client.renew': { ...row(() => ['token'], TEXT), refusalsOnly: true },
    'client.send': {
      ...row(() => [{ joinRef: null, ref: null, topic: 'none', event: 'e', payload: {} }], NONE),
      refusalsOnly: true,
    },
    'client.sendRaw': { ...row(() => ['', false], TEXT, ['true', ...OPTIONAL]), refusalsOnly: true },
    'client.expectMessage': row(() => [{}], pattern),
    'client.refuteMessage': row(() => [{}], pattern),
    'client.settle': NO_ARGUMENTS,
    'client.close': { ...row(() => [1000], OPTIONAL), refusalsOnly: true },
    'client.drop': { why: 'takes nothing, and ends the client' },
    'client.expectClosed': row(() => [1000], OPTIONAL),
    'channel.join': { ...row(() => [{}], payload), refusalsOnly: true },
    'channel.push': { ...row(() => ['say', {}], TEXT, payload), refusalsOnly: true },
    'channel.info': { ...row(() => ['informed', {}], NONE, JSON_VALUE), refusalsOnly: true },
    'channel.leave': { why: 'takes nothing, and ends the channel' },
    'channel.expectPush': expecting,
    'channel.refutePush': expecting,
    'channel.expectBroadcast': expecting,
    'channel.refuteBroadcast': expecting,
    'channel.expectClose': NO_ARGUMENTS,
    'channel.expectError': NO_ARGUMENTS,
    'channel.presences': NO_ARGUMENTS,
    'channel.expectPresence': row(() => ['k', {}], TEXT, pattern),
    'channel.expectAbsence': row(() => ['k'], TEXT),
    'channel.observe': internal,
    'push.expectReply': row(() => ['ok', {}], [...OPTIONAL, ...TEXT], pattern),
    'push.refuteReply': { why: 'takes nothing' },
    'clock.now': NO_ARGUMENTS,
    'clock.date': NO_ARGUMENTS,
    'clock.setTimeout': {
      ...row(() => [nothing, 1], FUNCTION, ['the number 0', '-1', 'Infinity']),
      undo: cancel,
    },
    'clock.setInterval': { ...row(() => [nothing, 1], FUNCTION, ['Infinity']), undo: cancel },
    'clock.setImmediate': { ...row(() => [nothing], FUNCTION), undo: cancel },
    'clock.advance': row(() => [1], ['the number 0']),
    'clock.settle': NO_ARGUMENTS,
    'network.adapter': NO_ARGUMENTS,
    'network.inject': row(() => ['t', new Uint8Array()], TEXT, NONE),
    'network.cut': NO_ARGUMENTS,
    'network.heal': NO_ARGUMENTS,
    'network.topics': NO_ARGUMENTS,
    'adapter.start': row(() => ['n', nothing, nothing], TEXT, FUNCTION, FUNCTION),
    'adapter.publish': row(() => ['t', new Uint8Array()], TEXT, NONE),
    'adapter.subscribe': row(() => ['t'], TEXT),
    'adapter.unsubscribe': row(() => ['t'], TEXT),
    'adapter.stop': NO_ARGUMENTS,
    'adapter.arrive': internal,
    'adapter.arriveEntry': internal,
    'adapter.report': internal,
    'fact.run': {
      ...row(() => [{ adapter: nothing }], NONE),
      call: (stage) => adapterFacts[0]?.run(stage as never),
      refusalsOnly: true,
    },
  }
}

function cancel(timer: unknown): void {
  ;(timer as { cancel(): void }).cancel()
}

/** Names that never leave the process. */
const ID: readonly string[] = TEXT.slice(1)

function supervision(here: Stage): Rows {
  const { supervisor: tree, counter } = here
  const started = async (init: unknown): Promise<void> => {
    await tree.startChild(init as never)
    const { id } = init as { id: string }
    await tree.terminateChild(id)
    await tree.deleteChild(id)
  }
  const ended = async (running: unknown): Promise<void> => {
    const { shutdown, exited } = running as { shutdown(reason: string): void; exited: Promise<unknown> }
    Reflect.apply(shutdown, running, ['shutdown'])
    await exited
  }
  const work = async ({ stopped }: { stopped(): Promise<void> }): Promise<void> => stopped()
  const init = { id: 'new', start: () => 'ignore' as const }
  return {
    'supervision.startSupervisor': {
      ...row(() => [{}], [...OBJECT]),
      call: (options) => startSupervisor(options as never),
      undo: ended,
    },
    'supervision.startDynamicSupervisor': {
      ...row(() => [{}], NO_FIELDS),
      call: (options) => startDynamicSupervisor(options as never),
      undo: ended,
    },
    'supervision.currentSupervisor': row(() => ['none'], ID),
    'supervision.formatTree': row(() => [tree.inspect()], NONE),
    'supervision.formatReason': row(() => ['normal'], ['getters that throw']),
    'supervision.isNormal': row(() => ['normal'], ['getters that throw']),
    'supervision.cast': row(() => [counter], NONE),
    'supervision.monitor': {
      ...row(() => [counter, nothing], NONE, FUNCTION),
      call: (...args) => monitor(...(args as Parameters<typeof monitor>)),
      undo: ends,
    },
    'supervision.withTimeout': row(() => [counter, 100], NONE, ['the number 0']),
    'supervision.worker': {
      ...row(() => ['new', work, {}], ID, FUNCTION, NO_FIELDS),
      call: (...args) => started(worker(...(args as Parameters<typeof worker>))),
    },
    'supervision.thread': {
      ...row(() => ['new', new URL('file:///none.mjs'), {}], ID, ID, NO_FIELDS),
      call: (...args) => started(thread(...(args as Parameters<typeof thread>))),
    },
    'supervision.supervisor': {
      ...row(() => ['new', {}, {}], ID, OBJECT, NO_FIELDS),
      call: (...args) => started(supervisor(...(args as Parameters<typeof supervisor>))),
    },
    'supervision.dynamicSupervisor': {
      ...row(() => ['new', {}, {}], ID, NO_FIELDS, NO_FIELDS),
      call: (...args) => started(dynamicSupervisor(...(args as Parameters<typeof dynamicSupervisor>))),
    },
    'supervision.supervise': { ...row(() => [{ name: 'mine' }], NONE), undo: ended },
    'supervision.isSupervisor': row(() => [{}], ANY),
    'supervision.threadContext': { why: 'takes nothing; throws outside of a thread' },
    'supervision.Actor': { why: 'a class to extend' },
    'supervision.Actor.spec': {
      ...row(() => [{}], NO_FIELDS),
      call: (options) => Counter.spec(options as never),
    },
    'supervision.Actor.whereis': {
      ...row(() => ['none'], ID),
      call: (name) => Counter.whereis(name as never),
    },
    'supervision.Actor.self': {
      ...row(() => [undefined], NONE),
      call: (actor) => Counter.self(actor as never),
      refusalsOnly: true,
    },
    'supervision.Actor.launch': internal,
    'supervision.ActorSpec': { why: 'made by Actor.spec' },
    'supervisor.children': NO_ARGUMENTS,
    'supervisor.which': row(() => ['Counter'], ID),
    'supervisor.count': NO_ARGUMENTS,
    'supervisor.spec': row(() => ['Counter'], ID),
    'supervisor.startChild': { ...row(() => [init], NONE), undo: () => tree.deleteChild('new') },
    'supervisor.terminateChild': row(() => ['none'], ID),
    'supervisor.restartChild': row(() => ['none'], ID),
    'supervisor.deleteChild': row(() => ['none'], ID),
    'supervisor.exitChild': row(() => ['none', 'normal'], ID, [...OPTIONAL, 'getters that throw']),
    'supervisor.stop': { ...row(() => ['normal'], [...OPTIONAL, 'getters that throw']), refusalsOnly: true },
    'supervisor.shutdown': { ...row(() => ['normal'], ['getters that throw']), refusalsOnly: true },
    'supervisor.kill': { why: 'takes nothing, and ends it' },
    'supervisor.inspect': NO_ARGUMENTS,
    'pool.startChild': { ...row(() => [init], NONE) },
    'pool.terminateChild': row(() => ['none'], ANY),
    'pool.which': row(() => ['none'], ANY),
    'pool.children': NO_ARGUMENTS,
    'pool.count': NO_ARGUMENTS,
    'pool.exitChild': row(() => ['none', 'normal'], ANY, [...OPTIONAL, 'getters that throw']),
    'pool.stop': { ...row(() => ['normal'], [...OPTIONAL, 'getters that throw']), refusalsOnly: true },
    'pool.shutdown': { ...row(() => ['normal'], ['getters that throw']), refusalsOnly: true },
    'pool.kill': { why: 'takes nothing, and ends it' },
    'pool.inspect': NO_ARGUMENTS,
    ...inner('supervisor'),
    ...inner('pool'),
    'spec.start': internal,
    'spec.withId': row(() => ['id'], ID),
    'spec.withRestart': row(() => ['permanent'], NONE),
    'spec.withShutdown': row(() => [100], ['the number 0']),
    'worker.setTimeout': { ...row(() => [nothing, 1], FUNCTION, ['the number 0']), undo: cancel },
    'worker.setInterval': { ...row(() => [nothing, 1], FUNCTION, ['the number 0']), undo: cancel },
    'worker.on': {
      ...row(() => [new EventEmitter(), 'e', nothing], NONE, [...TEXT, 'a symbol'], FUNCTION),
      undo: ends,
    },
    'worker.spawn': { ...row(() => [nothing], [...FUNCTION, 'a promise']), refusalsOnly: true },
    'worker.stopped': { why: 'takes nothing' },
    'worker.ready': { why: 'takes anything, for whoever starts it' },
  }
}

/** Members that the types call protected, or the documentation internal. */
const INNER = [
  'startChildren restart ended significantAlive terminateChildren killChildren interruptStart details childExited receive',
  'crashed boot untilRunning checkAlive request retryLater cancelRetry resume wait',
].join(' ')

function inner(handle: string): Rows {
  return Object.fromEntries(INNER.split(' ').map((name) => [`${handle}.${name}`, internal]))
}
