import type { ChannelDefinition } from 'fastify-beryl'

// The tests of the library make channels by the hundred, and register none: any topic takes any event. What the registry
// does for an application is tested in `test/types/`.

declare module 'fastify-beryl' {
  interface RegisteredChannels {
    any: ChannelDefinition
  }
}
