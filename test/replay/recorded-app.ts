import { type Static, Type } from 'typebox'
import {
  type BerylOptions,
  Binary,
  type ChannelDefinition,
  type Clock,
  type ConnectContext,
  type ConnectGrant,
  defineChannel,
  fail,
  later,
  type Rejection,
  reject,
  reply,
  type Socket,
  stop,
} from '../../src/index.ts'

// The application whose frames were recorded, made with fastify-beryl.

const anything = Type.Unknown()
/** The payloads that Phoenix broadcasts and pushes: a map, or bytes. */
const outgoing = Type.Union([Type.Object({}), Binary()])
const exchange = { payload: anything, reply: anything }

interface User {
  user: string
  /** The authToken. */
  auth: string | null
}

const roomSchema = {
  join: exchange,
  in: {
    echo: exchange,
    shout: anything,
    shout_reply: exchange,
    shout_from: anything,
    intercepted: anything,
    fail: anything,
    fail_only: anything,
    ok_only: exchange,
    custom_status: anything,
    noreply: anything,
    crash: anything,
    exit: anything,
    exit_shutdown: anything,
    bad_return: anything,
    stop: anything,
    stop_shutdown: anything,
    stop_error: anything,
    stop_reply: exchange,
    stop_reply_normal: exchange,
    push: anything,
    push_reply: exchange,
    bin: { payload: Binary(), reply: Binary() },
    bin_err: Binary(),
    bin_broadcast: Binary(),
    bin_push: Binary(),
    bin_to_json: { payload: Binary(), reply: Type.Object({ size: Type.Integer() }) },
    async: exchange,
    slow: { payload: Type.Object({ ms: Type.Number() }), reply: Type.Object({ slept: Type.Number() }) },
    '': exchange,
  },
  out: {
    welcome: outgoing,
    shout: outgoing,
    intercepted: Type.Object({}),
    pushed: outgoing,
    bin_pushed: Binary(),
    bin_broadcast: Binary(),
    e: outgoing,
    e0: outgoing,
    e1: outgoing,
    e2: outgoing,
    wake: outgoing,
  },
} as const

type Outgoing = Static<typeof outgoing>

/** The channel on `room:*`, `exact` and `never:*`. `extra` stands for what Phoenix calls the assigns of a declaration. */
function room(
  clock: Clock,
  pattern: 'room:*' | 'exact' | 'never:*',
  { extra = {}, hasHistory = false }: { extra?: object; hasHistory?: boolean } = {},
): ChannelDefinition {
  return defineChannel(pattern as 'room:*', {
    // A log keeps no bytes, and so no event that might be some.
    schema: hasHistory
      ? ({
          ...roomSchema,
          out: { ...roomSchema.out, shout: Type.Object({}) },
        } as unknown as typeof roomSchema)
      : roomSchema,
    history: hasHistory ? { events: ['shout', 'intercepted'] } : undefined,
    join: ({ topic, payload, connection }) =>
      joinRoom(clock, topic, payload, { ...connection.assigns, ...extra }),
    joined(socket) {
      if (socket.assigns.welcome) socket.push('welcome', { hello: true })
    },
    in: {
      echo: (payload) => payload,
      shout: (payload, socket) => socket.broadcast('shout', payload as Outgoing),
      shout_reply(payload, socket) {
        socket.broadcast('shout', payload as Outgoing)
        return {}
      },
      shout_from: (payload, socket) => socket.broadcastFrom('shout', payload as Outgoing),
      intercepted: (payload, socket) => socket.broadcast('intercepted', payload as object),
      fail: () => fail({ reason: 'nope' }),
      fail_only: () => fail(),
      ok_only: () => ({}),
      custom_status: () => reply('weird', { a: 1 }),
      noreply() {},
      crash: () => crash('crash'),
      exit: () => crash('exit'),
      exit_shutdown: () => crash('shutdown'),
      bad_return: () => 'nonsense' as never,
      stop: () => stop(),
      stop_shutdown: () => stop({ shutdown: 'bye' }),
      stop_error: () => stop('boom'),
      stop_reply: () => stop('shutdown', {}),
      stop_reply_normal: () => stop('normal', {}),
      push: (payload, socket) => socket.push('pushed', payload as Outgoing),
      push_reply(payload, socket) {
        socket.push('pushed', payload as Outgoing)
        return payload
      },
      bin: (bytes) => bytes,
      bin_err: (bytes) => fail(bytes),
      bin_broadcast: (bytes, socket) => socket.broadcast('bin_broadcast', bytes),
      bin_push: (bytes, socket) => socket.push('bin_pushed', bytes),
      bin_to_json: (bytes) => ({ size: bytes.length }),
      async: (payload) => later(after(clock, 50, payload)),
      slow: ({ ms }) => after(clock, ms, { slept: ms }),
      '': (payload) => ({ empty_event: payload }),
    },
    intercept: {
      intercepted: (payload, socket) => ({ ...payload, for: userOf(socket) }),
    },
  })
}

interface RoomParams {
  reject?: unknown
  raise?: unknown
  bare?: unknown
  bin_join?: unknown
  slow?: number
  push_in_join?: unknown
  echo_params?: unknown
  info?: unknown
}

function joinRoom(clock: Clock, topic: string, payload: unknown, user: object) {
  const params: RoomParams = isObject(payload) ? payload : {}
  const assigns = { welcome: params.push_in_join !== undefined }
  if (params.reject === true) return reject({ reason: 'unauthorized' })
  if (params.reject !== undefined) return reject(params.reject)
  if (params.raise !== undefined) return crash('join')
  if (params.bare !== undefined || assigns.welcome) return { assigns, reply: undefined }
  if (params.bin_join !== undefined) return { assigns, reply: Buffer.from([1, 2, 3]) }
  if (params.slow !== undefined) return after(clock, params.slow, { assigns, reply: { slow: params.slow } })
  if (params.echo_params !== undefined) return { assigns, reply: { topic, params } }
  if (params.info !== undefined) return { assigns, reply: user }
  return { assigns, reply: { topic } }
}

const presence = defineChannel('presence:*', {
  schema: {
    join: exchange,
    in: {
      update: { payload: Type.Object({}), reply: Type.Object({ phx_ref: Type.String() }) },
      list: exchange,
      untrack: exchange,
      track: { payload: Type.Object({ key: anything, meta: Type.Object({}) }), reply: anything },
      crash: anything,
      stop: anything,
    },
    presence: Type.Object({}),
  },
  join({ payload, connection }) {
    if (!isObject(payload)) return crash('a presence channel reads a key of its payload')
    const { key = (connection.assigns as unknown as User).user, meta = {} } = payload
    return { assigns: { key: key as string, meta: meta as object }, reply: {} }
  },
  joined({ presence: mine, assigns }) {
    mine.track(assigns.key, assigns.meta)
  },
  in: {
    update(payload, { presence: mine, assigns }) {
      mine.update(assigns.key, payload)
      return { phx_ref: mine.list()[assigns.key]?.metas.at(-1)?.phx_ref ?? '' }
    },
    list: (_payload, { presence: all }) => all.list(),
    untrack(_payload, { presence: mine, assigns }) {
      mine.untrack(assigns.key)
      return {}
    },
    track({ key, meta }, { presence: mine }) {
      try {
        mine.track(key as string, meta)
        return {}
      } catch (error) {
        return fail({ reason: (error as { code: string }).code })
      }
    },
    crash: () => crash('crash'),
    stop: () => stop(),
  },
})

/** The recorded server counts nothing. */
const unmetered = { joins: false, messages: false, bytesPerSecond: false } as const

/** The mounts, by path. */
export function mounts(clock: Clock, hasHistory = false): readonly BerylOptions[] {
  const rooms = room(clock, 'room:*', { hasHistory })
  const channels = [
    rooms,
    room(clock, 'exact', { hasHistory }),
    room(clock, 'never:*', { extra: { from: 'assigns' }, hasHistory }),
    presence,
  ]
  const common = {
    channels,
    connect,
    connectionTopic: () => undefined,
    clock,
    limits: unmetered,
    longPoll: { windowMs: 3_000 },
  }
  return [
    {
      ...common,
      path: '/socket',
      connectionTopic: ({ assigns }) => `user:${(assigns as unknown as User).user}`,
      limits: { ...unmetered, payloadBytes: 10_000_000 },
    },
    {
      ...common,
      path: '/short',
      heartbeat: { intervalMs: 1_000, timeoutMs: 1_500 },
      limits: { ...unmetered, payloadBytes: 4_000 },
      longPoll: { windowMs: 500 },
    },
    { ...common, path: '/anon', channels: [rooms], compression: true },
    {
      ...common,
      path: '/origin',
      checkOrigin: ['https://example.com', '//*.wild.com', '//other.com:8080'],
    },
    { ...common, path: '/max', limits: { ...unmetered, channelsPerConnection: 2 } },
    { ...common, path: '/sub', subprotocols: ['chat.v2', 'chat.v1'] },
    { ...common, path: '/auth' },
    // Not recorded: what Phoenix does not bound.
    {
      ...common,
      path: '/bounded',
      limits: { ...unmetered, messages: { perSecond: 1, burst: 5 }, mailbox: 2 },
    },
  ]
}

function connect({ params, authToken }: ConnectContext): Rejection | ConnectGrant {
  if (params.token === 'bad') return reject()
  if (params.token === 'err') return reject({ reason: 'expired' })
  if (params.token === 'raise') return crash('connect')
  const user: User = { user: typeof params.user === 'string' ? params.user : 'anon', auth: authToken ?? null }
  return { assigns: user as never }
}

function crash(why: string): never {
  throw new Error(`${why}, as asked`)
}

function after<T>(clock: Clock, ms: number, value: T): Promise<T> {
  return new Promise((resolve) => void clock.setTimeout(() => resolve(value), ms))
}

function userOf(socket: Pick<Socket, 'connection'>): string {
  return (socket.connection.assigns as unknown as User).user
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
