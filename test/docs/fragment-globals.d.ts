// Names that fragments of code in the docs may use without an import.

declare module 'fastify-beryl' {
  // A fragment sends to channels that another one defines.
  interface RegisteredChannels {
    any: import('fastify-beryl').ChannelDefinition
  }
}

declare global {
  const Fastify: typeof import('fastify').fastify
  const app: import('fastify').FastifyInstance
  const Type: typeof import('typebox').Type

  const beryl: typeof import('fastify-beryl').beryl
  const defineChannel: typeof import('fastify-beryl').defineChannel
  const Binary: typeof import('fastify-beryl').Binary
  const fail: typeof import('fastify-beryl').fail
  const later: typeof import('fastify-beryl').later
  const reject: typeof import('fastify-beryl').reject
  const reply: typeof import('fastify-beryl').reply
  const stop: typeof import('fastify-beryl').stop
}

export {}
