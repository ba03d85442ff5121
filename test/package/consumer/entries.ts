import assert from 'node:assert/strict'
import Fastify from 'fastify'
import plugin, { beryl } from 'fastify-beryl'
import { asyncapi } from 'fastify-beryl/asyncapi'
import { ChannelError, createClient } from 'fastify-beryl/client'
import { Binary, contract } from 'fastify-beryl/contract'
import { berylMetrics } from 'fastify-beryl/metrics'
import { createPublisher, nats } from 'fastify-beryl/nats'
import { createPublisher as createRedisPublisher, type Publisher, redis } from 'fastify-beryl/redis'
import { Actor, startSupervisor } from 'fastify-beryl/supervision'
import { connect, fakeClock, memoryNetwork } from 'fastify-beryl/testing'
import { room } from './app.js'

// Every entry point, by its types and at run time. The same lines are compiled to CommonJS as well.

class Counter extends Actor {
  private total = 0
  add(n: number): number {
    this.total += n
    return this.total
  }
}

/** Options may be said to be undefined. */
export const adapters = [
  redis({ url: 'redis://127.0.0.1:6379', prefix: undefined }),
  nats({ servers: ['nats://127.0.0.1:4222'], prefix: undefined }),
]

export function publishers(): Promise<Publisher>[] {
  return [
    createRedisPublisher(redis({ url: 'redis://127.0.0.1' }), { channels: undefined }),
    createPublisher(nats({ servers: 'a' })),
  ]
}

const photos = contract('photos:*', { out: { taken: Binary() } })

async function main(): Promise<void> {
  const client = createClient<[typeof photos]>('ws://127.0.0.1:1/socket', { timeoutMs: undefined })
  client.channel('photos:1').on('taken', (bytes) => bytes.byteLength)
  await client.close()
  await client
    .channel('photos:1')
    .join()
    .catch((error) => assert.ok(error instanceof ChannelError))
  assert.equal(plugin, beryl, 'the plugin by default and by name')
  assert.equal(createPublisher, createRedisPublisher)
  const app = Fastify()
  const clock = fakeClock()
  await app.register(beryl, {
    channels: [room],
    connect: () => ({ assigns: { name: 'ada' } }),
    pubsub: memoryNetwork().adapter(),
    clock,
    path: undefined,
  })
  await app.register(berylMetrics, { path: '/metrics', register: undefined })
  const channel = await (await connect(app)).join(room, 'room:1')
  const { id } = await channel.push('say', { body: 'hi' }).expectReply()
  assert.equal(typeof id.length, 'number')
  const { body } = await channel.expectPush('said', { from: 'ada' })
  assert.equal(body.trim(), 'hi')
  assert.match((await app.inject('/metrics')).body, /^beryl_/m)
  const { channels } = asyncapi(app, {
    info: { title: 'The consumer', version: '1.0.0' },
    servers: undefined,
  })
  assert.ok('room.id' in channels)
  await app.close()

  const tree = await startSupervisor({ children: [Counter.spec()] })
  assert.equal(await tree.which('Counter')?.add(2), 2)
  await tree.stop()
  console.log('ok')
}

void main()
