import type { PubSubAdapter } from 'fastify-beryl'
import { nats } from 'fastify-beryl/nats'
import { redis } from 'fastify-beryl/redis'
import { memoryNetwork } from 'fastify-beryl/testing'
import { NatsServer } from '../support/nats.ts'
import { need } from '../support/need.ts'
import { RedisServer } from '../support/redis.ts'
import { RedisCluster } from '../support/redis-cluster.ts'
import { RemoteWorkers } from './remote-adapter.ts'

/** An engine under test. */
export interface Engine {
  adapter(): PubSubAdapter
  end(): Promise<void>
}

/** Every way in which nodes can be put together: a row here is a row of the matrix. */
export const ENGINES: readonly {
  readonly name: string
  readonly needs: { skip: string | false }
  start(): Promise<Engine>
}[] = [
  {
    name: 'memory',
    needs: { skip: false },
    async start() {
      const network = memoryNetwork()
      return { adapter: () => network.adapter(), end: async () => {} }
    },
  },
  {
    name: 'redis',
    needs: need('redis-server'),
    async start() {
      const server = await RedisServer.start()
      return { adapter: () => redis({ url: server.url }), end: () => server.end() }
    },
  },
  {
    name: 'redis, sharded',
    needs: need('redis-server'),
    async start() {
      const cluster = await RedisCluster.start()
      return {
        adapter: () => redis({ url: cluster.urls, sharded: true }),
        end: () => cluster.end(),
      }
    },
  },
  {
    name: 'nats',
    needs: need('nats-server'),
    async start() {
      const server = await NatsServer.start()
      return { adapter: () => nats({ servers: server.url }), end: () => server.end() }
    },
  },
  {
    name: 'cluster',
    needs: { skip: false },
    async start() {
      const workers = new RemoteWorkers()
      return { adapter: () => workers.adapter(), end: () => workers.end() }
    },
  },
]
