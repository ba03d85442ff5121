import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { beryl, type Clock } from '../../src/index.ts'
import { fakeClock } from '../../src/testing/index.ts'
import { close, Gates, makeRoom, record, Sender } from './stage.ts'

test('handlers are measured only while somebody listens: the log alone asks for no time', async (t) => {
  const clock = fakeClock()
  let looks = 0
  const counting: Clock = {
    ...clock,
    now() {
      looks++
      return clock.now()
    },
  }
  const app = Fastify({ logger: { level: 'trace', stream: { write: () => {} } } })
  t.after(() => close(app, clock))
  await app.register(beryl, { channels: [makeRoom()], clock: counting })
  const sender = await Sender.connect(app)
  await sender.join('room:1')
  const looksOf = async (count: number): Promise<number> => {
    const before = looks
    for (let n = 0; n < count; n++) sender.send('room:1', 'echo', { n })
    await clock.settle()
    return looks - before
  }
  assert.equal(await looksOf(10), 10, 'the rate limit looks once')
  const handled = record(app, 'message.handled')
  assert.equal(await looksOf(10), 30)
  assert.deepEqual(
    handled.map(({ topic, event, durationMs }) => [topic, event, durationMs]),
    Array(10).fill(['room:1', 'echo', 0]),
  )
})

test('message.handled measures an async handler until its promise settles', async (t) => {
  const clock = fakeClock()
  const app = Fastify()
  t.after(() => close(app, clock))
  const gates = new Gates()
  await app.register(beryl, { channels: [makeRoom(gates)], clock })
  const handled = record(app, 'message.handled')
  const sender = await Sender.connect(app)
  await sender.join('room:1')
  sender.send('room:1', 'wait')
  await clock.advance(250)
  assert.deepEqual(handled, [])
  gates.open()
  await clock.settle()
  assert.deepEqual(
    handled.map(({ event, durationMs }) => [event, durationMs]),
    [['wait', 250]],
  )
})
