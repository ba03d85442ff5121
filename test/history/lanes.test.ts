import assert from 'node:assert/strict'
import { test } from 'node:test'
import { berylError } from '../../src/ground/errors.ts'
import { LogDoor } from '../../src/history/log-door.ts'
import { Publisher } from '../../src/history/publisher.ts'
import type { AppendOptions, LogPosition, PubSubLog } from '../../src/pubsub/log.ts'
import { fakeClock } from '../../src/testing/index.ts'

// The way into a log that fails for a while.

const OPTIONS: AppendOptions = { size: 5, ttlMs: 60_000, id: 'node.1', isNew: true }

for (const [what, error, isNew] of [
  ['may have been taken is asked for', new Error('the connection broke'), false],
  ['was surely not taken is still new', berylError('BERYL_ERR_HISTORY_UNAVAILABLE', 'room', 'cut'), true],
] as const) {
  test(`H10 an entry that ${what} when it is tried again`, async () => {
    const clock = fakeClock()
    const tries: AppendOptions[] = []
    const log: Partial<PubSubLog> = {
      append: async (_topic: string, _text: string, options: AppendOptions): Promise<LogPosition> => {
        tries.push(options)
        if (tries.length < 3) throw error
        return { epoch: 'e', offset: 1 }
      },
    }
    const publisher = new Publisher(new LogDoor(log as PubSubLog, clock), clock)
    const position = publisher.append('room', 'text', OPTIONS)
    for (let n = 0; n < 3; n++) {
      await clock.settle()
      await clock.advance(250)
    }
    assert.deepEqual(await position, { epoch: 'e', offset: 1 })
    assert.deepEqual(tries, [OPTIONS, { ...OPTIONS, isNew }, { ...OPTIONS, isNew }])
  })
}

test('one timer is set for entries that follow each other, and none when they have stopped', async () => {
  const clock = fakeClock()
  const log: Partial<PubSubLog> = { append: async () => ({ epoch: 'e', offset: 1 }) }
  const publisher = new Publisher(new LogDoor(log as PubSubLog, clock), clock)
  for (let n = 0; n < 3; n++) {
    await publisher.append('room', 'text', OPTIONS)
    await clock.settle()
    assert.equal(clock.pending, 1)
  }
  await clock.advance(500)
  assert.equal(clock.pending, 0)
})
