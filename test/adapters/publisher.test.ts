import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { defineChannel, type PubSubAdapter } from 'fastify-beryl'
import { createPublisher, type Publisher, redis } from 'fastify-beryl/redis'
import { connect, memoryNetwork } from 'fastify-beryl/testing'
import { root } from '../docs/samples.ts'
import { need } from '../support/need.ts'
import { RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { node, room } from './cluster.ts'
import { ENGINES } from './engines.ts'

const NAMED = { connect: () => ({ assigns: {} }), connectionTopic: () => 'user:42' }

for (const { name, needs, start } of ENGINES) {
  test(
    `X14: over ${name} a publisher reaches members, a group and connections on all nodes`,
    needs,
    async (t) => {
      const engine = await start()
      t.after(() => engine.end())
      const nodes = [await node(t, engine.adapter(), NAMED), await node(t, engine.adapter(), NAMED)]
      const members = await Promise.all(
        nodes.map(async ({ app }) => {
          const client = await connect(app)
          return { client, channel: await client.join(room, 'room:1') }
        }),
      )
      const [first] = nodes
      first?.app.groups.create('rooms')
      first?.app.groups.add('rooms', 'room:1')
      first?.app.groups.add('rooms', 'room:nobody')
      await until('both know the group', () =>
        nodes.every(({ app }) => app.groups.has('rooms') && app.groups.topics('rooms').size === 2),
      )
      const publisher = await createPublisher(engine.adapter(), { channels: [room] })
      t.after(() => publisher.close())
      assert.equal(publisher.status, 'up')
      publisher.broadcast('room:1', 'said', { n: 1 })
      publisher.broadcast('room:1', 'file', Buffer.of(1, 2))
      publisher.groups.broadcast('rooms', 'said', { n: 2 })
      publisher.groups.broadcast('nobodies', 'said', { n: 3 })
      publisher.disconnect('user:42')
      for (const { client, channel } of members) {
        await channel.expectPush('said', { n: 1 })
        await channel.expectPush('file', Buffer.of(1, 2))
        await channel.expectPush('said', { n: 2 })
        await client.expectClosed(1001)
      }
      await publisher.close()
      assert.throws(() => publisher.disconnect('user:42'), { code: 'BERYL_ERR_NOT_RUNNING' })
      assert.equal(publisher.status, 'down')
    },
  )
}

test('X14: a publisher refuses what no node could send, and nothing goes out', async (t) => {
  const network = memoryNetwork()
  const checked = await createPublisher(network.adapter(), { channels: [room] })
  const unchecked: Publisher = await createPublisher(network.adapter())
  t.after(() => Promise.all([checked.close(), unchecked.close()]))
  const send = (publisher: Publisher, ...message: readonly unknown[]) =>
    assert.throws.bind(assert, () => Reflect.apply(publisher.broadcast, publisher, [...message]))
  send(checked, 'hall:1', 'said', { n: 1 })({ code: 'BERYL_ERR_TOPIC_UNMATCHED' })
  send(checked, 'room:1', 'shouted', { n: 1 })({ code: 'BERYL_ERR_EVENT_UNDECLARED' })
  send(checked, 'room:1', 'said', { n: 'x' })({ code: 'BERYL_ERR_PAYLOAD_INVALID' })
  for (const publisher of [checked, unchecked]) {
    send(publisher, '', 'said', { n: 1 })({ code: 'BERYL_ERR_ARGUMENT' })
    send(publisher, 'room:1', 'phx_close', {})({ code: 'BERYL_ERR_ARGUMENT' })
    send(publisher, 'room:1', '', {})({ code: 'BERYL_ERR_ARGUMENT' })
    assert.throws(() => publisher.disconnect(''), { code: 'BERYL_ERR_ARGUMENT' })
  }
  send(unchecked, 'room:1', 'said', { n: 1n })({ code: 'BERYL_ERR_PAYLOAD_INVALID' })
  await assert.rejects(createPublisher({} as PubSubAdapter), { code: 'BERYL_ERR_ARGUMENT' })
  await assert.rejects(createPublisher(network.adapter(), { channel: [] } as object), {
    code: 'BERYL_ERR_OPTION_INVALID',
  })
  const twice = [room, defineChannel('room:*', { schema: {}, join: () => ({ assigns: {} }) })]
  await assert.rejects(createPublisher(network.adapter(), { channels: twice }), {
    code: 'BERYL_ERR_CHANNEL_DUPLICATE',
  })
})

suite('redis', need('redis-server'), () => {
  test('a publisher without a broker is an error with a sentence, and leaves nothing behind', async (t) => {
    const server = await RedisServer.start()
    t.after(() => server.end())
    await server.kill()
    const opening = createPublisher(redis({ url: server.url, connectTimeoutMs: 200 }))
    await assert.rejects(opening, { code: 'BERYL_ERR_BROKER', message: /out of reach for 200 ms/ })
  })

  const python = spawnSync('python3', ['--version']).status === 0
  test('X14: the envelope that docs/nodes.md writes in Python is understood by the nodes', {
    skip: python ? false : 'python3 is missing',
  }, async (t) => {
    const server = await RedisServer.start()
    t.after(() => server.end())
    const { app } = await node(t, redis({ url: server.url }), NAMED)
    const client = await connect(app)
    const channel = await client.join(room, 'room:1')
    app.groups.create('rooms')
    app.groups.add('rooms', 'room:1')
    const page = readFileSync(join(root, 'docs/nodes.md'), 'utf8')
    const [, sample = ''] = /```py\n(.*?)```/s.exec(page) ?? []
    const child = spawn('python3', ['-', String(server.port)], { stdio: ['pipe', 'inherit', 'inherit'] })
    child.stdin.end(sample)
    const [code] = await once(child, 'exit')
    assert.equal(code, 0)
    await channel.expectPush('said', { n: 1 })
    await channel.expectPush('said', { n: 2 })
    await client.expectClosed(1001)
  })
})
