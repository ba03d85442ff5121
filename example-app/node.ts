// One node of the cluster that cluster.ts starts.
import nodeCluster from 'node:cluster'
import { once } from 'node:events'
import type { PubSubAdapter } from 'fastify-beryl'
import { cluster } from 'fastify-beryl/cluster'
import { redis } from 'fastify-beryl/redis'
import { buildChat } from './server.ts'

const { NODES = '', REDIS = '' } = process.env

// Without the script, which brought the Redis, nothing is left to serve for.
process.on('disconnect', () => process.exit())
if (!process.connected) process.exit()

const port = nodeCluster.isWorker ? await assignedPort() : Number(process.env.PORT)
const app = await buildChat({ logger: { level: 'warn' } }, { pubsub: adapter(), nodes: NODES.split(' ') })
const address = await app.listen({ port, host: '127.0.0.1' })
console.log(`  ${address} - kill it with: kill -9 ${process.pid}`)

process.on('SIGTERM', () => void app.close().then(() => process.exit()))
// Ctrl-C goes to all processes of a terminal: the first of them ends the others.
process.on('SIGINT', () => {})

function adapter(): PubSubAdapter {
  return nodeCluster.isWorker ? cluster() : redis({ url: REDIS })
}

async function assignedPort(): Promise<number> {
  const assigned = once(process, 'message')
  process.send?.('which port?')
  const [{ port }] = await assigned
  return port
}
