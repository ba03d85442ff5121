import type { FastifyInstance } from 'fastify'
import {
  type AnySocket,
  Binary,
  defineChannel,
  fail,
  type Groups,
  later,
  type Presence,
  type PresenceDiff,
  type PresenceOwner,
  reject,
  reply,
  stop,
} from 'fastify-beryl'
import { type TSchema, Type } from 'typebox'
import { expectSame } from '../same.ts'

// Code that must compile, and the types that it infers.

const Name = Type.Object({ name: Type.String() })

/** The channel of the guides, with everything that a definition may have. */
export const room = defineChannel('room:*', {
  schema: {
    join: {
      payload: Name,
      reply: Type.Object({ members: Type.Integer() }),
      error: Type.Object({ reason: Type.String() }),
    },
    in: {
      say: { payload: Type.Object({ body: Type.String() }), reply: Type.Object({ id: Type.String() }) },
      typing: Type.Object({ on: Type.Boolean() }),
      upload: { payload: Binary({ maxBytes: 10 }), reply: Binary() },
      anything: {},
    },
    out: { said: Type.Object({ id: Type.String() }), image: Binary() },
    presence: Name,
  },
  async join({ topic, id, payload, connection, server, log }) {
    expectSame<typeof topic, `room:${string}`>()
    expectSame<typeof id, string>()
    expectSame<typeof payload, { name: string }>()
    expectSame<typeof connection.assigns, Record<string, unknown>>()
    log.info({ topics: server.channels.topics() }, 'joining')
    if (payload.name === '') return reject({ reason: 'no name' })
    return { assigns: { name: payload.name, since: 0 }, reply: { members: 1 } }
  },
  joined(socket) {
    expectSame<typeof socket.assigns, { name: string; since: number }>()
    expectSame<typeof socket.topic, `room:${string}`>()
    socket.assigns.since = 1
    socket.presence.track(socket.assigns.name, { name: socket.assigns.name })
    socket.presence.update(socket.assigns.name, (meta) => ({ name: meta.name.trim() }))
    const here = socket.presence.list()
    expectSame<(typeof here)[string]['metas'][number]['name'], string>()
    helper(socket)
  },
  in: {
    say(payload, socket) {
      expectSame<typeof payload, { body: string }>()
      socket.broadcast('said', { id: socket.assigns.name })
      if (payload.body === '') return fail({ reason: 'empty' })
      if (payload.body === 'queue') return reply('queued', { position: 1 })
      if (payload.body === 'bye') return stop('normal', { id: '1' })
      if (payload.body === 'away') return stop({ shutdown: 'away' }, fail({ reason: 'away' }))
      if (payload.body === 'quiet') return stop()
      if (payload.body === 'slow') return later(Promise.resolve({ id: '1' }))
      if (payload.body === 'odd') return later(Promise.resolve(fail()))
      return { id: '1' }
    },
    async typing({ on }, socket) {
      if (on) socket.broadcastFrom('said', { id: socket.id })
    },
    upload(bytes, socket) {
      expectSame<typeof bytes, Buffer>()
      socket.push('image', bytes)
      return new Uint8Array(bytes.length)
    },
    anything(payload) {
      expectSame<typeof payload, unknown>()
    },
  },
  intercept: {
    said(payload, socket) {
      expectSame<typeof payload, { id: string }>()
      return payload.id === socket.id ? undefined : payload
    },
  },
  terminate(reason, socket) {
    if (reason.kind === 'closed') socket.log.info({ code: reason.code satisfies number })
    if (reason.kind === 'stopped') socket.log.info({ reason: reason.reason })
  },
})

expectSame<(typeof room)['pattern'], 'room:*'>()

/** A helper that serves channels of every kind. */
function helper(socket: AnySocket): string {
  socket.push('said', { id: '1' })
  socket.presence.track(socket.id, { name: 'helper' })
  return socket.topic
}

/** Events of JSON are logged beside those of bytes, which are not. */
export const logged = defineChannel('logged:*', {
  schema: { out: { said: Type.Object({ id: Type.String() }), moved: Type.Integer(), image: Binary() } },
  history: { events: ['said', 'moved'], size: 10, ttlMs: 1_000 },
  join: () => ({ assigns: {} }),
})

/** Nothing but `join` is needed. */
export const lobby = defineChannel('lobby', {
  schema: {},
  join({ id, payload }) {
    expectSame<typeof id, ''>()
    expectSame<typeof payload, unknown>()
    return { assigns: undefined }
  },
})

/** A join with a reply and no payload, and one with the payload alone. */
export const clock = defineChannel('clock', {
  schema: { join: { reply: Type.Object({ now: Type.Number() }) } },
  join: () => ({ assigns: {}, reply: { now: 0 } }),
})
export const named = defineChannel('named:*', {
  schema: { join: Name },
  join: ({ payload }) => ({ assigns: { name: payload.name satisfies string } }),
})

/** A schema of its own constant, shared with the client. */
const contract = { in: { ping: { reply: Type.Object({ pong: Type.Literal(true) }) } } }
export const shared = defineChannel('*', {
  schema: contract,
  join: () => ({ assigns: {} }),
  in: { ping: () => ({ pong: true as const }) },
})

/** JSON schemas from elsewhere come in by Type.Unsafe. */
export const foreign = defineChannel('foreign', {
  schema: { in: { any: Type.Unsafe<{ a: 1 }>({ type: 'object' }) } },
  join: () => ({ assigns: {} }),
  in: { any: ({ a }) => void (a satisfies 1) },
})

/** A schema within another may be one that is given, of which no more is known. */
export const paged = (entry: TSchema) =>
  defineChannel('paged', {
    schema: { out: { page: Type.Object({ entries: Type.Array(entry), first: entry }) } },
    join: () => ({ assigns: {} }),
  })

/** Sockets of every kind of channel are any socket: with a schema of nothing, of events alone, of presence alone. */
export const bare = defineChannel('bare', {
  schema: {},
  join: () => ({ assigns: 1 }),
  joined: (socket) => void helper(socket),
  terminate: (_, socket) => void helper(socket),
})
export const speaking = defineChannel('speaking:*', {
  schema: { in: { say: Name }, out: { said: Name, image: Binary() } },
  join: () => ({ assigns: undefined }),
  joined: (socket) => void helper(socket),
  in: { say: (_, socket) => void helper(socket) },
  intercept: {
    said(payload, socket) {
      helper(socket)
      return payload
    },
  },
})
export const shown = defineChannel('shown', {
  schema: { presence: Type.Object({ since: Type.Number() }) },
  join: () => ({ assigns: {} }),
  joined: (socket) => void helper(socket),
})

/** A reply whose schema takes `undefined` may be left out: the client gets `{}`. */
export const nothing = defineChannel('nothing', {
  schema: {
    join: { reply: Type.Unknown() },
    in: {
      void: { reply: Type.Void() },
      undefined: { reply: Type.Undefined() },
      any: { reply: Type.Any() },
      unknown: { reply: Type.Unknown() },
      union: { reply: Type.Union([Name, Type.Undefined()]) },
      late: { reply: Type.Void() },
      never: { reply: Type.Never(), error: Name },
    },
  },
  join: () => ({ assigns: {} }),
  in: {
    void() {},
    undefined() {},
    any() {},
    unknown() {},
    union(_, socket) {
      if (socket.id === '') return { name: 'ada' }
      return
    },
    async late() {},
    never: () => fail({ name: 'never ok' }),
  },
})

interface Tree {
  readonly value: string | null
  readonly children?: readonly Tree[]
}

/** Types without an end, of anything, and of bytes pass the look for what JSON does not have. */
export const deep = defineChannel('deep', {
  schema: {
    out: {
      tree: Type.Unsafe<Tree>({}),
      any: Type.Any(),
      record: Type.Record(Type.String(), Type.Array(Type.Tuple([Type.Unknown(), Type.Literal(1)]))),
      bytes: Type.Union([Binary(), Type.Null()]),
      recursive: Type.Cyclic({ A: Type.Object({ a: Type.Optional(Type.Ref('A')) }) }, 'A'),
    },
  },
  join: () => ({ assigns: {} }),
  joined: (socket) => socket.push('tree', { value: null, children: [{ value: 'a' }] }),
})

/** The reply to the join comes from `snapshot`, which has the assigns of `join`. */
export const board = defineChannel('board:*', {
  schema: {
    join: { payload: Type.Object({ seat: Type.Integer() }), reply: Type.Object({ cards: Type.Integer() }) },
    in: { sit: Type.Integer() },
  },
  async join({ payload, id }) {
    if (id === 'shut') return reject({ reason: 'shut' })
    return { assigns: { seat: payload.seat } }
  },
  async snapshot(socket, { recovered }) {
    if (recovered) return reject({ reason: 'not yet' })
    return { cards: socket.assigns.seat }
  },
  joined: (socket) => void socket.assigns.seat.toFixed(),
  in: { sit: (_, socket) => void socket.assigns.seat.toFixed() },
})
export const plainBoard = defineChannel('board:plain', {
  schema: { join: { reply: Type.Object({ cards: Type.Integer() }) } },
  join: () => ({ assigns: { seat: 1 } }),
  snapshot: (socket) => ({ cards: socket.assigns.seat }),
})

/** The handler of an info has the payload and the assigns. */
export const desk = defineChannel('desk:*', {
  schema: { info: { roleChanged: Type.Object({ role: Type.String() }), closed: Type.Null() } },
  join: () => ({ assigns: { role: 'guest' } }),
  info: {
    roleChanged({ role }, socket) {
      socket.assigns.role = role.trim()
    },
    closed: async () => stop(),
  },
})

/** The holdings of the decorators have names, can be passed on, and are exactly what an application sees. */
export function held(app: FastifyInstance): void {
  const presence: Presence = app.presence
  const groups: Groups = app.groups
  expectSame<typeof app.presence, Presence>()
  expectSame<typeof app.groups, Groups>()
  expectSame<
    keyof Presence,
    'track' | 'update' | 'untrack' | 'untrackAll' | 'list' | 'get' | 'count' | 'onDiff'
  >()
  fake.onDiff((_, diff: PresenceDiff) => void [presence, groups, diff.joins.ada?.metas[0]?.phx_ref])
}

/** Both can be faked without the library. */
export const fake: Presence = {
  track: (_topic, _key, _meta, { owner }: { owner: PresenceOwner }) =>
    owner instanceof AbortSignal ? 'a' : owner.id,
  update: () => 'b',
  untrack() {},
  untrackAll() {},
  list: () => ({}),
  get: () => undefined,
  count: () => 1,
  onDiff: () => () => {},
}
export const fakeGroups: Groups = {
  create() {},
  delete() {},
  add() {},
  remove() {},
  topics: () => new Set(),
  list: () => [],
  has: () => false,
  broadcast() {},
}

/** An undefined value is as good as absent, in every option and in every part of a definition. */
export const absent = defineChannel('absent', {
  schema: {
    join: undefined,
    in: { say: { payload: Name, reply: undefined, error: undefined } },
    out: { said: Name },
    presence: undefined,
  },
  join: () => ({ assigns: { here: true } }),
  joined: undefined,
  in: { say: (_, { assigns }) => void (assigns.here satisfies boolean) },
  intercept: { said: undefined },
  terminate: undefined,
})
export const emptyParts = defineChannel('empty-parts', {
  schema: { in: undefined, out: undefined },
  join: () => ({ assigns: {} }),
  in: undefined,
  intercept: undefined,
})
