import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../src/ground/clock.ts'
import { fail, later, reject, reply, stop } from '../../src/index.ts'

// The deeds of a hostile application's callbacks: each is a name that a client sends along, so that a round is data.

/** The tools of an act. */
export interface Stagehand {
  readonly app: FastifyInstance
  /** Not the node's own: what an act waits for is no timer of the library's. */
  readonly clock: Clock
  readonly connectionId: string
  readonly topic: string
  /** Absent in `join` and in listeners. */
  readonly socket: ActingSocket | undefined
  /** The result that the callback would have given. */
  readonly usual: unknown
}

/** As much of a socket as acts need, whatever its channel declares. */
export interface ActingSocket {
  readonly signal: AbortSignal
  readonly presence: {
    track(key: string, meta: unknown): unknown
    update(key: string, meta: unknown): unknown
    untrack(key: string): unknown
  }
  setTimeout(callback: () => unknown, ms: number): { cancel(): void }
  setInterval(callback: () => unknown, ms: number): { cancel(): void }
  push(event: string, payload: unknown): void
  broadcast(event: string, payload: unknown): void
  stop(reason?: never): void
}

type Act = (hand: Stagehand) => unknown

/** Gives what no callback may give, or does not give it. */
const GIVES: Readonly<Record<string, Act>> = {
  throw() {
    throw new Error('an act')
  },
  'throw nothing': () => raise(undefined),
  'throw a string': () => raise('an act'),
  'throw what cannot be printed': () => raise(unprintable()),
  reject: () => Promise.reject(new Error('an act')),
  'reject with nothing': () => Promise.reject(undefined),
  'reject with bytes': async () => reject(Buffer.from('bytes')),
  'reject with a cycle': async () => reject(cycle()),
  'fail with a cycle': () => fail(cycle()),
  'never settle': () => new Promise(() => {}),
  'settle late': ({ clock, usual }) => sleep(clock, 2_000).then(() => usual),
  'settle very late': ({ clock, usual }) => sleep(clock, 90_000).then(() => usual),
  'reject late': ({ clock }) => sleep(clock, 2_000).then(() => raise(new Error('an act, late'))),
  'settle in a turn': async ({ usual }) => usual,
  'a then that throws when read': () => ({
    // biome-ignore lint/suspicious/noThenProperty: that is the point
    get then() {
      throw new Error('a getter')
    },
  }),
  'a then that throws': () => thenable(() => raise(new Error('a then'))),
  'a then that answers twice': ({ usual }) =>
    thenable((resolve, reject) => {
      resolve(usual)
      reject(new Error('a then, again'))
      resolve(undefined)
    }),
  'a then that answers and throws': ({ usual }) =>
    thenable((resolve) => {
      resolve(usual)
      raise(new Error('a then'))
    }),
  'a then that never answers': () => thenable(() => {}),
  'a promise of a then that throws': async () => thenable(() => raise(new Error('a then'))),
  'a number that JSON does not know': () => ({ assigns: {}, reply: 1n, n: 1n }),
  'a cycle': () => ({ assigns: {}, reply: cycle(), n: cycle() }),
  'a toJSON that throws': () => ({ assigns: {}, reply: brokenJson(), n: brokenJson() }),
  'a getter that throws': () => ({
    get assigns() {
      throw new Error('a getter')
    },
    get n() {
      throw new Error('a getter')
    },
  }),
  'a proxy that throws': () => unprintable(),
  'a later that rejects': () => later(Promise.reject(new Error('an act, later'))),
  'a later that never settles': () => later(new Promise(() => {})),
  'a later whose then throws': () => later(thenable(() => raise(new Error('a then'))) as Promise<unknown>),
  'a later that gives what it may not': () => later(Promise.resolve(cycle())),
  'a status of its own': () => reply('odd', { n: 1 }),
  'a stop': () => stop('normal'),
  'a stop for an error': () => stop(new Error('an act')),
  nothing: () => undefined,
  null: () => null,
  'a function': () => () => {},
}

/** Does something to the library, then gives the usual. */
const REENTERS: Readonly<Record<string, Act>> = {
  'disconnect itself': (hand) => hand.app.channels.disconnect(`user:${hand.connectionId}`),
  'disconnect itself, then settle late': (hand) => {
    hand.app.channels.disconnect(`user:${hand.connectionId}`)
    return sleep(hand.clock, 500)
  },
  broadcast: (hand) => hand.app.channels.broadcast(hand.topic, 'told', { n: 0 }),
  'broadcast many': (hand) => {
    for (let n = 0; n < 20; n++) hand.app.channels.broadcast(hand.topic, 'told', { n })
  },
  'broadcast what is intercepted': (hand) => hand.app.channels.broadcast(hand.topic, 'altered', { n: 0 }),
  'broadcast what is wrong': (hand) => hand.app.channels.broadcast(hand.topic, 'told', { n: 'no number' }),
  'push much': (hand) => hand.socket?.push('altered', { n: 'x'.repeat(40_000) }),
  push: (hand) => hand.app.channels.push(hand.connectionId, hand.topic, 'told', { n: 1 }),
  'stop its channel': (hand) => hand.socket?.stop(),
  'stop its channel, then throw': (hand) => {
    hand.socket?.stop()
    throw new Error('an act')
  },
  'leave its topic': ({ app, topic, connectionId }) => app.channels.leave({ topic, connectionId }, 'an act'),
  'have everybody leave its topic': ({ app, topic }) => app.channels.leave({ topic }),
  'leave its topic, then settle late': ({ app, clock, topic, connectionId }) => {
    app.channels.leave({ topic, connectionTopic: `user:${connectionId}` })
    return sleep(clock, 500)
  },
  'inform itself': ({ app, topic, connectionId }) =>
    app.channels.info({ topic, connectionId }, 'informed', { n: 1 }),
  'inform everybody on its topic': ({ app, topic }) =>
    app.channels.info({ topic }, 'informed', { act: 'broadcast' }),
  'inform more than may wait': ({ app, topic, connectionId }) => {
    for (let n = 0; n < 60; n++) app.channels.info({ topic, connectionId }, 'informed', { n })
  },
  'set a timer that throws': (hand) => hand.socket?.setTimeout(() => raise(new Error('an act')), 20),
  'set a timer that leaves': (hand) =>
    hand.socket?.setTimeout(
      () => hand.app.channels.leave({ topic: hand.topic, connectionId: hand.connectionId }),
      20,
    ),
  'set an interval that is slow': (hand) => hand.socket?.setInterval(() => sleep(hand.clock, 700), 300),
  'set more timers than may be': (hand) => {
    for (let n = 0; n < 40; n++) hand.socket?.setInterval(() => {}, 1_000 + n)
  },
  'cancel timers that are due': async (hand) => {
    for (let n = 0; n < 12; n++) {
      const timer = hand.socket?.setTimeout(() => {}, 1)
      await sleep(hand.clock, 10)
      timer?.cancel()
    }
  },
  'update sixty times': (hand) => {
    for (let at = 0; at < 60; at++) hand.socket?.presence.update(hand.connectionId, { at })
  },
  track: (hand) => hand.socket?.presence.track(`act ${hand.connectionId}`, { at: 1 }),
  untrack: (hand) => hand.socket?.presence.untrack(hand.connectionId),
  'track a meta whose toJSON tracks': (hand) =>
    hand.socket?.presence.track(`json ${hand.connectionId}`, {
      toJSON() {
        hand.socket?.presence.track(`nested ${hand.connectionId}`, {})
        return { at: 2 }
      },
    }),
  'track a meta whose toJSON disconnects': (hand) =>
    hand.socket?.presence.track(`gone ${hand.connectionId}`, {
      toJSON() {
        hand.app.channels.disconnect(`user:${hand.connectionId}`)
        return { at: 2 }
      },
    }),
  'track a meta whose toJSON forges a ref': (hand) =>
    hand.socket?.presence.track(`forged ${hand.connectionId}`, { toJSON: () => ({ phx_ref: 'forged' }) }),
  'update by a function that disconnects': (hand) =>
    hand.socket?.presence.update(hand.connectionId, () => {
      hand.app.channels.disconnect(`user:${hand.connectionId}`)
      return { at: 3 }
    }),
  'update by a function that updates': (hand) =>
    hand.socket?.presence.update(hand.connectionId, () => {
      hand.socket?.presence.update(hand.connectionId, { at: 4 })
      return { at: 5 }
    }),
  'update by a function that untracks': (hand) =>
    hand.socket?.presence.update(hand.connectionId, () => {
      hand.socket?.presence.untrack(hand.connectionId)
      return { at: 6 }
    }),
  'update by an async function': (hand) =>
    hand.socket?.presence.update(hand.connectionId, async () => ({ at: 7 })),
  'update by a function that throws': (hand) =>
    hand.socket?.presence.update(hand.connectionId, () => raise(new Error('an act'))),
  'track for a signal that an update aborts': ({ app, topic, connectionId }) => {
    const controller = new AbortController()
    const owner = { owner: controller.signal }
    app.presence.track(topic, `signal ${connectionId}`, { at: 1 }, owner)
    const abort = (): { at: number } => {
      controller.abort()
      return { at: 2 }
    }
    app.presence.update(topic, `signal ${connectionId}`, abort, owner)
  },
  'track when its signal aborts': (hand) =>
    hand.socket?.signal.addEventListener('abort', () =>
      attempt(() => hand.socket?.presence.track('late', {})),
    ),
  'wait for its signal': (hand) =>
    new Promise((resolve) => hand.socket?.signal.addEventListener('abort', resolve)),
  'end the pubsub': (hand) => endProcess(hand, 'pubsub'),
  'end the coordinator': (hand) => endProcess(hand, 'coordinator'),
  'end presence': (hand) => endProcess(hand, 'presence'),
  'end the groups': (hand) => endProcess(hand, 'groups'),
  'add a listener that throws': (hand) =>
    ended(
      hand,
      hand.app.channels.subscribe(hand.topic, () => raise(1)),
    ),
  'close the application': (hand) => void hand.app.close(),
}

const ACTS: Readonly<Record<string, Act>> = { ...GIVES, ...withUsual(REENTERS), usual: ({ usual }) => usual }

export const giving: readonly string[] = Object.keys(GIVES)
/** The last closes the application: a move of its own asks for that. */
export const reentering: readonly string[] = Object.keys(REENTERS).slice(0, -1)

export function perform(name: unknown, hand: Stagehand): unknown {
  const act = typeof name === 'string' ? ACTS[name] : undefined
  return act === undefined ? hand.usual : act(hand)
}

function withUsual(acts: Readonly<Record<string, Act>>): Record<string, Act> {
  const entries = Object.entries(acts).map(([name, act]): [string, Act] => [
    name,
    (hand) => {
      const given = act(hand)
      return given instanceof Promise ? given.then(() => hand.usual) : hand.usual
    },
  ])
  return Object.fromEntries(entries)
}

function endProcess({ app }: Stagehand, id: string): void {
  attempt(() => app.channels.supervisor?.exitChild(id, { error: new Error('an act') }))
}

/** A listener that is gone with the channel. */
function ended({ socket }: Stagehand, end: () => void): void {
  if (socket === undefined || socket.signal.aborted) end()
  else socket.signal.addEventListener('abort', end)
}

export function attempt(run: () => unknown): void {
  try {
    run()
  } catch {
    // Refused: that is an answer, too.
    return
  }
}

export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimeout(resolve, ms))
}

function raise(what: unknown): never {
  throw what
}

type Settle = (value: unknown) => void

function thenable(then: (resolve: Settle, reject: Settle) => void): unknown {
  return { then }
}

function cycle(): unknown {
  const value: Record<string, unknown> = {}
  value.self = value
  return value
}

function brokenJson(): unknown {
  return {
    toJSON() {
      throw new Error('a toJSON')
    },
  }
}

/** Every look at it throws. */
function unprintable(): unknown {
  const no = (): never => raise(new Error('a trap'))
  return new Proxy({}, { get: no, has: no, ownKeys: no, getPrototypeOf: no, getOwnPropertyDescriptor: no })
}
