import assert from 'node:assert/strict'
import { test } from 'node:test'
import { berylError } from '../../src/ground/errors.ts'
import { LogDoor } from '../../src/history/log-door.ts'
import { Publisher } from '../../src/history/publisher.ts'
import type { PubSubLog } from '../../src/pubsub/log.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'

test('a thousand entries that wait for the log go in their order when it is back, also where it goes again in between', async () => {
  const clock = fakeClock()
  const logged: string[] = []
  let room = 0
  const log: PubSubLog = {
    listen() {},
    async append(topic, text) {
      if (logged.length >= room) throw berylError('BERYL_ERR_HISTORY_UNAVAILABLE', topic, 'away')
      return { epoch: 'e', offset: logged.push(text) }
    },
    read: () => assert.fail('nobody reads'),
    forget() {},
  }
  const publisher = new Publisher(new LogDoor(log, clock), clock)
  const texts = Array.from({ length: 1_000 }, (_, n) => `entry ${n}`)
  const options = { size: 1_000, ttlMs: 60_000, id: undefined }
  const append = (text: string) => publisher.append('room:1', text, options)
  const appended = texts.slice(0, 3).map(append)
  await clock.settle()
  appended.push(...texts.slice(3).map(append))
  await clock.settle()
  for (room of [0, 2, 2, 400, 1_000]) {
    publisher.retry()
    await clock.settle()
    assert.equal(publisher.waiting, texts.length - room)
  }
  const positions = await Promise.all(appended)
  assert.deepEqual(logged, texts)
  assert.deepEqual(
    positions.map(({ offset }) => offset),
    texts.map((_, at) => at + 1),
  )
  publisher.stop()
})
