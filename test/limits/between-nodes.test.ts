import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import beryl, { defineChannel, type PubSubAdapter } from 'fastify-beryl'
import { connect, memoryNetwork } from 'fastify-beryl/testing'
import { Type } from 'typebox'

/** Carries as another does, but no long messages. */
function small(inner: PubSubAdapter): PubSubAdapter {
  return {
    name: 'small',
    maxMessageBytes: 300,
    status: 'up',
    start: (...args) => inner.start(...args),
    publish: (...args) => inner.publish(...args),
    subscribe: (topic) => inner.subscribe(topic),
    unsubscribe: (topic) => inner.unsubscribe(topic),
    stop: () => inner.stop(),
    log: inner.log,
  }
}

test('X13: a logged event above the limit of the adapter is refused with its name, and is in no log', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  const inner = memoryNetwork().adapter()
  const adapter = small(inner)
  const logged = defineChannel('logged:*', {
    history: { events: ['said'] },
    schema: { out: { said: Type.Object({ text: Type.String() }) } },
    join: () => ({ assigns: {} }),
  })
  await app.register(beryl, { channels: [logged], pubsub: adapter })
  const channel = await (await connect(app)).join(logged, 'logged:1')
  const long = { text: 'x'.repeat(300) }
  const refused = { code: 'BERYL_ERR_MESSAGE_TOO_LONG' }
  assert.throws(() => app.channels.broadcast('logged:1', 'said', long), refused)
  await assert.rejects(app.channels.publish('logged:1', 'said', long), refused)
  await app.channels.publish('logged:1', 'said', { text: 'short' })
  await channel.expectPush('said', { text: 'short' })
  assert.equal((await app.channels.history('logged:1')).entries.length, 1)
})

test('X13: a broadcast above the limit of the adapter is refused with its name, and nobody got it', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  const network = memoryNetwork()
  const inner = network.adapter()
  const adapter = small(inner)
  const wide = defineChannel('wide:*', {
    schema: { out: { said: Type.Object({ text: Type.String() }) } },
    join: () => ({ assigns: {} }),
  })
  await app.register(beryl, { channels: [wide], pubsub: adapter })
  const channel = await (await connect(app)).join(wide, 'wide:1')
  const limits: string[] = []
  app.channels.onTelemetry('limit.reached', (_, { limit }) => void limits.push(limit))
  assert.throws(() => app.channels.broadcast('wide:1', 'said', { text: 'x'.repeat(300) }), {
    code: 'BERYL_ERR_MESSAGE_TOO_LONG',
    message:
      /^the message to 'topic:wide:1' would have \d+ bytes between the nodes: 'pubsub.maxMessageBytes' is 300 for the adapter small$/,
  })
  await channel.refutePush('said')
  assert.deepEqual(limits, ['pubsub.maxMessageBytes'])
  app.channels.localBroadcast('wide:1', 'said', { text: 'y'.repeat(300) })
  app.channels.broadcast('wide:1', 'said', { text: 'short' })
  await channel.expectPush('said', { text: 'y'.repeat(300) })
  await channel.expectPush('said', { text: 'short' })
})
