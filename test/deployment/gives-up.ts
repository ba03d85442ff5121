// A server whose pubsub fails more often than its tree allows.
import { setImmediate } from 'node:timers/promises'
import Fastify from 'fastify'
import { beryl } from 'fastify-beryl'

const app = Fastify({ logger: true })
await app.register(beryl)
await app.listen({ host: '127.0.0.1', port: 0 })

while (app.channels.status().state === 'running') {
  if (app.channels.supervisor?.which('pubsub') !== undefined) app.channels.supervisor.exitChild('pubsub')
  await setImmediate()
}
