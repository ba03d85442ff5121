import type { FastifyInstance } from 'fastify'

// Code that must not compile before channels are registered, and the sentence that tells how.

export function send(app: FastifyInstance): void {
  // refused: Argument of type '"room:1"' is not assignable to parameter of type '`of a channel registered by:
  // refused: declare module 'fastify-beryl' { interface RegisteredChannels { ${string}: typeof ${string} } }`'
  app.channels.broadcast('room:1', 'said', { body: 'hi' })
  // refused: declare module 'fastify-beryl' { interface RegisteredChannels { ${string}: typeof ${string} } }`'
  app.channels.broadcastFrom('connection', 'room:1', 'said', { body: 'hi' })
  // refused: declare module 'fastify-beryl' { interface RegisteredChannels { ${string}: typeof ${string} } }`'
  app.channels.localBroadcast('room:1', 'said', { body: 'hi' })
  // refused: declare module 'fastify-beryl' { interface RegisteredChannels { ${string}: typeof ${string} } }`'
  app.channels.push('connection', 'room:1', 'said', { body: 'hi' })
  // refused: declare module 'fastify-beryl' { interface RegisteredChannels { ${string}: typeof ${string} } }`'
  app.groups.broadcast('rooms', 'said', { body: 'hi' })
  // refused: Property 'userId' does not exist on type
  app.channels.userId()
}
