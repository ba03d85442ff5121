import { type ChannelDefinition, defineChannel, fail, later, reject, type Socket } from 'fastify-beryl'
import { Type } from 'typebox'
import type { World } from './world.ts'

const Any = Type.Unknown()

/** A channel with foreign code wherever a channel has any. */
export function room(world: World): ChannelDefinition {
  const checked = (place: string) => Type.Refine(Any, () => world.at(`check of ${place}`, () => true))
  const json = (place: string): object => ({
    toJSON: () => world.at(`toJSON of ${place}`, () => ({ n: 1 })),
  })
  const given = (place: string): object => ({
    get n() {
      return world.at(`a getter of ${place}`, () => 1)
    },
  })
  const told = (socket: Socket): void => {
    socket.push('told', { n: 1 })
    socket.push('told', json('a push'))
    socket.broadcast('told', json('a broadcast'))
    socket.broadcastFrom('told', given('a broadcast'))
    if (!world.hasHistory) return
    socket.broadcast('logged', { n: 1 })
    socket.publish('logged', { n: 2 }).catch(() => {})
  }
  return defineChannel('room:*', {
    schema: {
      join: {
        payload: checked('the payload of a join'),
        reply: checked('the reply to a join'),
        error: checked('the error of a join'),
      },
      in: {
        ask: {
          payload: checked('a payload'),
          reply: checked('a reply'),
          error: checked('the error of a reply'),
        },
        wrong: Type.Refine(
          Any,
          () => false,
          () => world.at('message of a check', () => 'no'),
        ),
        encoded: { payload: Any, reply: Any },
        refused: { payload: Any, error: Any },
        delayed: { payload: Any, reply: Any },
        work: Any,
        crash: Any,
      },
      out: { told: checked('an event'), rewritten: Any, logged: Any },
      info: { informed: checked('an info') },
      presence: checked('a presence'),
    },
    ...(world.hasHistory ? { history: { events: ['logged'], size: 5 } } : {}),
    join({ topic, log }) {
      log.debug({}, 'join')
      const give = (): unknown => {
        if (topic === 'room:shut') return reject(json('the error of a join'))
        return Object.defineProperty({}, 'assigns', {
          get: () => world.at('a getter of what join gives', () => ({})),
        })
      }
      const result = (): unknown => world.at('join', give)
      return (world.variant === 'async join' ? Promise.resolve().then(result) : result()) as never
    },
    snapshot(socket) {
      world.socket = socket as never
      return world.at('snapshot', () => json('the reply to a join'))
    },
    joined(socket) {
      world.socket = socket as never
      return world.at('joined', () => {}) as never
    },
    in: {
      ask: (_, socket) =>
        world.at('a handler', () => (socket.topic === 'room:x' ? fail({}) : { n: 1 })) as never,
      wrong: () => {},
      encoded: () => [json('a reply'), given('a reply')] as never,
      refused: () => fail(json('the error of a reply')) as never,
      delayed: () =>
        later(world.at('the promise of later', () => Promise.resolve({ n: 1 })) as never) as never,
      work(_, socket) {
        listen(world, socket as never)
        socket.setTimeout(() => world.at('a timer of a socket', () => {}), 0)
        told(socket as never)
        socket.broadcast('rewritten', { n: 1 })
        track(world, socket as never, json('a presence'))
      },
      crash() {
        throw new Error('crash')
      },
    },
    info: { informed: () => world.at('a handler of an info', () => {}) as never },
    intercept: { rewritten: (payload) => world.at('intercept', () => payload) as never },
    terminate: () => world.at('terminate', () => {}) as never,
  }) as ChannelDefinition
}

function listen(world: World, { signal }: Socket): void {
  const heard = (): unknown => world.at('a listener of socket.signal', () => {})
  signal.addEventListener('abort', heard)
  signal.addEventListener('abort', {
    handleEvent: () => world.at('an object that listens to socket.signal', () => {}),
  })
  signal.onabort = () => world.at('onabort of socket.signal', () => {})
  signal.addEventListener('abort', () => {})
}

function track(world: World, socket: Socket, meta: object): void {
  world.app.presence.track(socket.topic, 'me', meta as never, { owner: socket as never })
  world.update()
}
