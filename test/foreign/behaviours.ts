import { defineChannel, reply, stop } from 'fastify-beryl'
import type { World } from './world.ts'

/** The behaviour of foreign code in the place in which it is called. */
export interface Behaviour {
  readonly name: string
  /** Its effect is the end of the victim's connection, or of the whole application. */
  readonly ends?: 'connection' | 'application'
  /** It gives a promise, which only a place that looks at what it is given can take care of. */
  readonly gives?: 'promise'
  /** It enters the library by way of a client, is never done, or throws what breaks whoever reads it. */
  readonly needs?: 'a client' | 'time' | 'care'
  readonly play: (world: World, normal: () => unknown) => unknown
}

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable(() => {}, {})
  revoke()
  return proxy
}

/** Things that may be thrown: hardly any of them is an error. */
const THROWN: Readonly<Record<string, () => unknown>> = {
  'an Error': () => new Error('foreign'),
  undefined: () => undefined,
  null: () => null,
  'a string': () => 'foreign',
  'a frozen object': () => Object.freeze({ foreign: true }),
  'a revoked proxy': revoked,
  'a Symbol': () => Symbol('foreign'),
  'an object whose toString throws': () => ({
    toString() {
      throw new Error('toString')
    },
  }),
  'an error that cannot be read': () =>
    Object.defineProperties(new Error('foreign'), {
      message: { get: () => JSON.parse('{') },
      stack: { get: () => JSON.parse('{') },
      cause: { get: () => JSON.parse('{'), enumerable: true },
    }),
}

const careFor = (what: string): { readonly needs?: 'care' } =>
  what.includes('proxy') || what.includes('cannot be read') ? { needs: 'care' } : {}

const throws = Object.entries(THROWN).map(
  ([what, make]): Behaviour => ({
    name: `throws ${what}`,
    ...careFor(what),
    play() {
      throw make()
    },
  }),
)

const rejects = Object.entries(THROWN).map(
  ([what, make]): Behaviour => ({
    name: `rejects with ${what}`,
    gives: 'promise',
    ...careFor(what),
    play: () => Promise.reject(make()),
  }),
)

type Resolve = (value?: unknown) => void

const thenable = (then: (resolve: Resolve, reject: Resolve) => void): unknown => ({ then })

const thenables: readonly Behaviour[] = [
  { name: 'never settles', needs: 'time', play: () => new Promise(() => {}) },
  { name: 'gives a thenable that never settles', needs: 'time', play: () => thenable(() => {}) },
  {
    name: 'gives a thenable whose then throws',
    play: () =>
      thenable(() => {
        throw new Error('then')
      }),
  },
  {
    name: 'gives a thenable whose then is async and rejects',
    gives: 'promise',
    needs: 'care',
    play: () => thenable(() => Promise.reject(new Error('async then')) as never),
  },
  {
    name: 'gives an object whose then cannot be read',
    play: () =>
      Object.defineProperty({}, 'then', {
        get() {
          throw new Error('getter of then')
        },
      }),
  },
  {
    name: 'gives a thenable that settles twice',
    play: (_, normal) =>
      thenable((resolve, reject) => {
        resolve(normal())
        reject(new Error('twice'))
        resolve(undefined)
        throw new Error('thrice')
      }),
  },
  { name: 'gives a proxy of a promise', play: () => new Proxy(Promise.resolve(), {}) },
  { name: 'gives a revoked proxy', play: revoked },
  { name: 'gives a stop for a reason that cannot be read', play: () => stop(revoked() as never) },
  { name: 'gives a reply whose status is none', play: () => reply(7n as never, {}) },
  { name: 'gives a bigint', play: () => 7n },
  { name: 'gives bytes', play: () => new Uint8Array(3) },
]

/** Plays and goes on as if nothing had happened. */
const enters = (
  name: string,
  act: (world: World) => unknown,
  ends?: 'connection' | 'application',
): Behaviour => ({
  name: `enters the library: ${name}`,
  needs: 'a client',
  ...(ends === undefined ? {} : { ends }),
  play(world, normal) {
    act(world)
    return normal()
  },
})

let registered = 0

const reentries: readonly Behaviour[] = [
  enters('its client leaves', ({ victim }) => victim.tell('room:1', 'phx_leave', {})),
  enters('its client joins again', ({ victim }) => victim.tell('room:1', 'phx_join', {})),
  enters('its client pushes', ({ victim }) => victim.tell('room:1', 'ask', { n: 1 })),
  enters('its client goes', ({ victim }) => void victim.client.close(), 'connection'),
  enters('its client breaks', ({ victim }) => void victim.client.drop(), 'connection'),
  enters('its client sends what is no message', ({ victim }) => victim.client.sendRaw('x'), 'connection'),
  enters('it disconnects its own client', ({ app }) => app.channels.disconnect('user:victim'), 'connection'),
  enters('it stops its channel', ({ socket }) => socket?.stop()),
  enters('it crashes its channel', ({ socket }) => socket?.stop('broken')),
  enters('it tracks', (world) => world.track('again')),
  enters('it untracks', ({ app, socket }) => app.presence.untrack('room:1', 'me', socket as never)),
  enters('it updates', (world) => world.update()),
  enters('it broadcasts', ({ app }) => app.channels.broadcast('room:1', 'told', { n: 2 })),
  enters('it pushes', ({ app, victim }) => app.channels.push(victim.client.id, 'room:1', 'told', { n: 3 })),
  enters('it listens', ({ app }) => app.channels.subscribe('room:1', () => {})()),
  enters('it has its channel leave', ({ app, victim }) =>
    app.channels.leave({ topic: 'room:1', connectionId: victim.client.id }, 'foreign'),
  ),
  enters('it informs', ({ app }) => app.channels.info({ topic: 'room:1' }, 'informed', { n: 4 })),
  enters('it sets timers', ({ socket }) => {
    socket?.setTimeout(() => {}, 0).cancel()
    socket?.setTimeout(() => {}, 0)
    socket?.setInterval(() => {}, 1)
  }),
  enters('its client renews', ({ victim }) => victim.tell('phoenix', 'renew', { token: 'yes' })),
  enters('it registers a channel', ({ app }) =>
    app.channels.register(
      defineChannel(`extra-${++registered}:*`, { schema: {}, join: () => ({ assigns: {} }) }),
    ),
  ),
  enters('it closes the application', (world) => world.closeApp(), 'application'),
]

export const behaviours: readonly Behaviour[] = [...throws, ...rejects, ...thenables, ...reentries]
