// One node of a cluster, as a process of its own that a test may kill: `phoenix-node.ts <port of Redis>`. Its port is the
// first line that it writes.
import Fastify from 'fastify'
import beryl from 'fastify-beryl'
import { redis } from 'fastify-beryl/redis'
import { room } from './cluster.ts'

const app = Fastify()
await app.register(beryl, {
  channels: [room],
  pubsub: redis({ url: `redis://127.0.0.1:${process.argv[2]}` }),
  presence: { broadcastMs: 100, downMs: 2_000, handoffMs: 1_000 },
})
await app.listen({ port: Number(process.argv[3] ?? 0), host: '127.0.0.1' })
process.on('SIGTERM', () => void app.close())
process.stdout.write(`${(app.server.address() as { port: number }).port}\n`)
