import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { beryl, defineChannel } from '../../src/index.ts'
import { connect, type FakeClock, fakeClock } from '../../src/testing/index.ts'
import { close } from '../limits/stage.ts'

// The calls of the application.

const Any = Type.Any()
const chat = defineChannel('chat:*', {
  schema: { in: { say: { payload: Any, reply: Any } }, out: { said: Any, typing: Any } },
  history: { events: ['said'], size: 5 },
  join: () => ({ assigns: {} }),
  in: { say: ({ body, id }, socket) => socket.publish('said', body, { id }) },
})
const plain = defineChannel('plain', { schema: { out: { said: Any } }, join: () => ({ assigns: {} }) })

async function start(t: {
  after(end: () => Promise<void>): void
}): Promise<{ app: FastifyInstance; clock: FakeClock }> {
  const clock = fakeClock()
  const app = Fastify()
  t.after(() => close(app, clock))
  await app.register(beryl, { channels: [chat, plain], clock })
  return { app, clock }
}

test('H10 publish gives the position, and history the entries', async (t) => {
  const { app, clock } = await start(t)
  await app.ready()
  const api = app.channels as never as Api
  const first = await api.publish('chat:1', 'said', { n: 1 })
  assert.equal(first.offset, 1)
  api.broadcast('chat:1', 'said', { n: 2 })
  api.broadcast('chat:1', 'typing', {})
  const { from, ...past } = await api.history('chat:1')
  assert.deepEqual(past, {
    epoch: first.epoch,
    offset: 2,
    recovered: true,
    entries: [
      { offset: 1, event: 'said', payload: { n: 1 }, at: clock.date() },
      { offset: 2, event: 'said', payload: { n: 2 }, at: clock.date() },
    ],
  })
  // H18 behind the last entry that it gives.
  assert.equal(from.offset, 2)
  assert.ok(from.epoch.startsWith(`${first.epoch}~`))
  const some = await api.history('chat:1', { since: { epoch: first.epoch, offset: 0 }, limit: 1 })
  assert.deepEqual([some.from.offset, some.offset], [1, 2])
  const offsets = async (query: object): Promise<unknown[]> => {
    const { entries, recovered } = await api.history('chat:1', query)
    return [recovered, ...entries.map(({ offset }) => offset)]
  }
  for (let n = 3; n <= 7; n++) api.broadcast('chat:1', 'said', { n })
  const { epoch } = first
  assert.deepEqual(await offsets({ limit: 2 }), [true, 6, 7])
  assert.deepEqual(await offsets({ since: { epoch, offset: 4 } }), [true, 5, 6, 7])
  assert.deepEqual(await offsets({ since: { epoch, offset: 4 }, limit: 2 }), [true, 5, 6])
  assert.deepEqual(await offsets({ since: { epoch, offset: 7 } }), [true])
  assert.deepEqual(await offsets({ since: { epoch, offset: 1 } }), [false, 3, 4, 5, 6, 7])
  assert.deepEqual(await offsets({ since: { epoch, offset: 8 } }), [false, 3, 4, 5, 6, 7])
  assert.deepEqual(await offsets({ since: { epoch: 'other', offset: 5 } }), [false, 3, 4, 5, 6, 7])
})

test('H10 an id that is in the log gives its first position, and nothing is sent again', async (t) => {
  const { app } = await start(t)
  const client = await connect(app)
  const channel = await client.join('chat:1' as never)
  const one = await channel.push('say' as never, { body: 1, id: 'order' } as never).expectReply('ok')
  const two = await channel.push('say' as never, { body: 2, id: 'order' } as never).expectReply('ok')
  assert.deepEqual(two, one)
  await client.settle()
  assert.equal(client.received.filter(({ event }) => event === 'said').length, 1)
})

test('H2 forgetHistory begins a new epoch', async (t) => {
  const { app } = await start(t)
  await app.ready()
  const api = app.channels as never as Api
  const before = await api.publish('chat:1', 'said', 1)
  await api.forgetHistory('chat:1')
  const { epoch, offset, entries } = await api.history('chat:1')
  assert.deepEqual([epoch === before.epoch, offset, entries], [false, 0, []])
})

test('what has no history is refused by name, and so is what is no query', async (t) => {
  const { app } = await start(t)
  await app.ready()
  const api = app.channels as never as Api
  const refuses = (call: () => Promise<unknown>, code: string, message: RegExp): Promise<void> =>
    assert.rejects(call, { code, message })
  await refuses(
    () => api.publish('chat:1', 'typing', 1),
    'BERYL_ERR_HISTORY_UNDECLARED',
    /'chat:\*'.*'typing'/,
  )
  await refuses(() => api.publish('plain', 'said', 1), 'BERYL_ERR_HISTORY_UNDECLARED', /'plain'/)
  await refuses(() => api.history('plain'), 'BERYL_ERR_HISTORY_UNDECLARED', /'plain'/)
  await refuses(() => api.forgetHistory('plain'), 'BERYL_ERR_HISTORY_UNDECLARED', /'plain'/)
  await refuses(() => api.history('nowhere'), 'BERYL_ERR_TOPIC_UNMATCHED', /nowhere/)
  await refuses(() => api.publish('chat:1', 'said', 1, { id: '' }), 'BERYL_ERR_ARGUMENT', /id/)
  await refuses(() => api.publish('chat:1', 'said', 1, { key: 'x' }), 'BERYL_ERR_OPTION_INVALID', /key/)
  await refuses(() => api.publish('chat:1', 'said', Buffer.from('x')), 'BERYL_ERR_PAYLOAD_INVALID', /bytes/)
  await refuses(() => api.history('chat:1', { limit: 0 }), 'BERYL_ERR_OPTION_INVALID', /limit/)
  await refuses(() => api.history('chat:1', { since: 5 }), 'BERYL_ERR_OPTION_INVALID', /since/)
})

/** The part of `app.channels` that is played here, without the types of registered channels. */
interface Api {
  publish(
    topic: string,
    event: string,
    payload: unknown,
    options?: object,
  ): Promise<{ epoch: string; offset: number }>
  broadcast(topic: string, event: string, payload: unknown): void
  history(
    topic: string,
    query?: object,
  ): Promise<{
    epoch: string
    offset: number
    recovered: boolean
    entries: { offset: number }[]
    from: { epoch: string; offset: number }
  }>
  forgetHistory(topic: string): Promise<void>
}
