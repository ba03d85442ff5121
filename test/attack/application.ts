import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Clock } from '../../src/ground/clock.ts'
import type { BerylOptions, MountOptions } from '../../src/index.ts'
import { defineChannel, reject } from '../../src/index.ts'
import { type Backoff, type ChildInit, worker } from '../../src/supervision/index.ts'
import { type ActingSocket, perform, type Stagehand } from './acts.ts'
import type { NodeClock } from './node-clock.ts'

/** Where the control clients meet. */
export const HALL = 'control:hall'
/** Where hostile clients are let in. */
export const HOSTILE_TOPICS = [
  'hostile:1',
  'hostile:2',
  'hostile:3',
  'late:1',
  'bare:1',
  'control:hall',
] as const

/** A further entrance to the same tree. */
export const SIDE_ENTRANCE = '/side'

const AnyObject = Type.Object({}, { additionalProperties: true })
const Numbered = Type.Object({ n: Type.Any() })

/** Small, so that a round reaches them. */
export const LIMITS = { mailbox: 24, timers: 10, pendingHandlers: 8, channelsPerConnection: 12 } as const

/** A schema with a check that throws, as `new URL(v)` does. */
const Picky = Type.Refine(Type.Object({ url: Type.Any() }), ({ url }) => new URL(String(url)).href !== '')

interface Script {
  readonly [when: string]: unknown
}

/** An intercept that broadcasts what is intercepted is an endless loop of the application's, which nothing can end. */
function interceptOf(script: Script | undefined): unknown {
  const act = script?.intercept
  return act === 'broadcast what is intercepted' ? 'usual' : act
}

/** The channels of a node. What their callbacks do is what the client that joined asked for. */
function channels(clock: Clock) {
  const control = defineChannel('control:*', {
    schema: {
      join: Type.Object({ name: Type.String() }),
      in: { say: { payload: Type.Object({ n: Type.Integer() }), reply: Type.Object({ n: Type.Integer() }) } },
      out: { said: Type.Object({ from: Type.String(), n: Type.Integer() }) },
      presence: AnyObject,
    },
    join: ({ payload }) => ({ assigns: { name: payload.name } }),
    joined: (socket) => socket.presence.track(socket.assigns.name, {}),
    in: {
      say({ n }, socket) {
        socket.broadcast('said', { from: socket.assigns.name, n })
        return { n }
      },
    },
  })

  const hostile = defineChannel('hostile:*', {
    schema: {
      join: { payload: AnyObject, reply: Type.Any() },
      in: {
        act: { payload: AnyObject, reply: Type.Any() },
        quiet: { payload: AnyObject },
        picky: { payload: Picky, reply: Type.Any() },
      },
      out: { told: Type.Object({ n: Type.Number() }), altered: Numbered },
      info: { informed: AnyObject },
      presence: AnyObject,
    },
    join: ({ payload, server, connection, topic }) => {
      const script = payload as Script
      const hand = { app: server, clock, connectionId: connection.id, topic, socket: undefined }
      return perform(script.join, { ...hand, usual: { assigns: { script }, reply: {} } }) as {
        assigns: { script: Script }
        reply: unknown
      }
    },
    joined(socket) {
      socket.presence.track(socket.id, { at: 0 })
      return perform(socket.assigns.script?.joined, handOf(socket, undefined)) as undefined
    },
    in: {
      act: (payload, socket) => perform((payload as Script).act, handOf(socket, { n: 1 })),
      quiet: (payload, socket) => perform((payload as Script).act, handOf(socket, undefined)) as undefined,
      picky: () => ({ n: 1 }),
    },
    info: {
      informed: (payload, socket) => perform((payload as Script).act, handOf(socket, undefined)) as undefined,
    },
    intercept: {
      altered: (payload, socket) =>
        perform(interceptOf(socket.assigns.script), handOf(socket, payload)) as typeof payload,
    },
    terminate: (_reason, socket) =>
      perform(socket.assigns.script?.terminate, handOf(socket, undefined)) as undefined,
  })

  /** Its snapshot does what the client asked for: until then nobody is joined. */
  const late = defineChannel('late:*', {
    schema: {
      join: { payload: AnyObject, reply: Type.Any() },
      in: { act: { payload: AnyObject, reply: Type.Any() } },
      out: { told: Type.Object({ n: Type.Number() }), altered: Numbered },
      info: { informed: AnyObject },
      presence: AnyObject,
    },
    join: ({ payload }) => ({ assigns: { script: payload as Script } }),
    snapshot(socket) {
      socket.presence.track(socket.id, { at: 0 })
      return perform(socket.assigns.script.snapshot, handOf(socket, { n: 1 }))
    },
    in: { act: (payload, socket) => perform((payload as Script).act, handOf(socket, { n: 1 })) },
    info: {
      informed: (payload, socket) => perform((payload as Script).act, handOf(socket, undefined)) as undefined,
    },
    terminate: (_reason, socket) =>
      perform(socket.assigns.script.terminate, handOf(socket, undefined)) as undefined,
  })

  function handOf(socket: unknown, usual: unknown): Stagehand {
    const acting = socket as ActingSocket & { server: FastifyInstance; id: string; topic: string }
    return {
      app: acting.server,
      clock,
      connectionId: acting.id,
      topic: acting.topic,
      socket: acting,
      usual,
    }
  }

  const bare = defineChannel('bare:*', {
    schema: { join: Picky },
    join: ({ id }) => (id === 'closed' ? reject({ reason: 'closed' }) : { assigns: {} }),
  })
  return [control, hostile, late, bare]
}

/**
 * The options of a node.
 *
 * @param acting the clock that acts wait by
 */
export function optionsOf(
  app: FastifyInstance,
  clock: NodeClock,
  acting: Clock,
): Omit<BerylOptions, 'pubsub'> {
  return {
    clock,
    channels: channels(acting),
    limits: LIMITS,
    backpressure: { maxBufferedBytes: 65_536, maxTotalBytes: 262_144 },
    supervision: { intensity: 12, periodMs: 5_000 },
    ...doorOf(app, clock, acting),
    children: [child('feed'), child('ticker'), child('feed with back-off', { minMs: 200, maxMs: 5_000 })],
  }
}

/** The options of the further entrance: the same channels, and a door that acts likewise. */
export function sideOf(app: FastifyInstance, clock: NodeClock, acting: Clock): MountOptions {
  return { path: SIDE_ENTRANCE, limits: LIMITS, ...doorOf(app, clock, acting) }
}

function child(id: string, backoff?: Backoff): ChildInit {
  const policy = backoff === undefined ? {} : { backoff }
  return worker(
    id,
    async ({ setInterval, ready, stopped }) => {
      setInterval(() => {}, 60_000)
      ready()
      await stopped()
    },
    policy,
  )
}

/** A door. What a token asks for is done when it is shown. */
function doorOf(
  app: FastifyInstance,
  clock: NodeClock,
  acting: Clock,
): Pick<BerylOptions, 'connect' | 'renew' | 'connectionTopic'> {
  const hand = { app, clock: acting, connectionId: '', topic: 'hostile:1', socket: undefined }
  const grant = (forMs: unknown): object =>
    forMs === undefined ? {} : { expiresAt: clock.date() + Number(forMs) }
  return {
    connect: ({ params }) => perform(params.act, { ...hand, usual: grant(params.forMs) }) as object,
    renew: ({ token, connection }) => {
      const { act, forMs } = JSON.parse(token) as Script
      return perform(act, { ...hand, connectionId: connection.id, usual: grant(forMs) }) as object
    },
    connectionTopic: ({ id }) => `user:${id}`,
  }
}
