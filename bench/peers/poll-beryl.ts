/** This project, for the bench of long polling: a channel whose payloads are checked, over both transports. */
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { beryl, defineChannel } from 'fastify-beryl'
import { Type } from 'typebox'
import { hostPolls } from './poll-host.ts'

const Body = Type.Object({ body: Type.String() })
const SAID = { body: 'x'.repeat(100) }

const app = Fastify()
const room = defineChannel('room:*', {
  schema: { in: { echo: { payload: Body, reply: Body } }, out: { said: Body } },
  join: () => ({ assigns: {} }),
  in: { echo: (payload) => payload },
})
const limits = { messages: false, joins: false, connections: 50_000 } as const
await app.register(beryl, { channels: [room], limits, longPoll: { windowMs: 30_000 } })
await app.listen({ port: 0, host: '127.0.0.1' })
hostPolls((app.server.address() as AddressInfo).port, () =>
  app.channels.broadcast('room:all' as never, 'said' as never, SAID as never),
)
