// A node whose Redis goes away, and that is closed then: prints what would still hold it up.
import Fastify from 'fastify'
import beryl from 'fastify-beryl'
import { redis } from 'fastify-beryl/redis'

const app = Fastify()
await app.register(beryl, { channels: [], pubsub: redis({ url: process.argv[2] ?? '' }) })
app.channels.onTelemetry('pubsub.status', async (_, { status }) => {
  if (status !== 'down') return
  await app.close()
  process.stdout.write(`held up by ${JSON.stringify(process.getActiveResourcesInfo())}\n`)
})
await app.ready()
process.stdout.write('up\n')
