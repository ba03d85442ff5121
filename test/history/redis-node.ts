// One node of a cluster, as a process of its own that a test may kill: `redis-node.ts <port of Redis>`. Its port is the first line
// that it writes.
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import beryl from 'fastify-beryl'
import { redis } from 'fastify-beryl/redis'
import { room } from './guide-client.ts'

const app = Fastify()
await app.register(beryl, {
  channels: [room],
  pubsub: redis({ url: `redis://127.0.0.1:${process.argv[2]}` }),
})
await app.listen({ port: 0, host: '127.0.0.1' })
process.stdout.write(`${(app.server.address() as AddressInfo).port}\n`)
