import type { FastifyInstance } from 'fastify'

// Code that must not compile once the channels of `accepted.ts` are registered.

export function send(app: FastifyInstance, topic: string): void {
  // refused: Argument of type '"rom:1"' is not assignable to parameter of type '
  // refused: `room:${string}`
  // refused: "silent"
  app.channels.broadcast('rom:1', 'said', { body: 'hi' })
  // refused: Argument of type 'string' is not assignable to parameter of type
  app.channels.broadcast(topic, 'said', { body: 'hi' })
  // refused: Argument of type '"sad"' is not assignable to parameter of type '"said"'
  app.channels.broadcast('room:1', 'sad', { body: 'hi' })
  // refused: Type 'number' is not assignable to type 'string'
  app.channels.broadcast('room:1', 'said', { body: 1 })
  // refused: Argument of type '"said"' is not assignable to parameter of type '"paged"'
  app.channels.broadcast('room:staff', 'said', { body: 'hi' })
  // refused: "this channel sends no events: declare them in `out` of its schema"
  app.channels.broadcast('silent', 'said', { body: 'hi' })
  // refused: Argument of type '"said"' is not assignable to parameter of type '"headline"'
  app.channels.push('connection', 'news', 'said', { body: 'hi' })
  // refused: Argument of type '"changed"' is not assignable to parameter of type '"roleChanged"'
  app.channels.info({ topic: 'desk:1' }, 'changed', { role: 'host' })
  // refused: Type 'number' is not assignable to type 'string'
  app.channels.info({ topic: 'desk:1' }, 'roleChanged', { role: 1 })
  // refused: "this channel takes no infos: declare them in `info` of its schema"
  app.channels.info({ topic: 'news' }, 'roleChanged', { role: 'host' })
  // refused: Type '"dask:1"' is not assignable to type '
  app.channels.leave({ topic: 'dask:1' })
  // refused: Property 'newcomer' does not exist on type
  app.presence.newcomer(topic, () => {})
}
