import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerLog } from '../../src/adapters/broker-log.ts'
import { type Link, type LinkLog, type NewEntry, NotTaken } from '../../src/adapters/driver.ts'
import type { AppendOptions, LogPosition } from '../../src/pubsub/log.ts'
import { fakeClock } from '../../src/testing/index.ts'

const LIMITS: AppendOptions = { size: 5, ttlMs: 60_000, id: undefined }

/** A call of the engine that the test answers. */
interface Call {
  readonly texts: string[]
  take(): void
  fail(error: Error): void
}

function stage() {
  const clock = fakeClock()
  const calls: Call[] = []
  const state = { isUp: true, pendingBytes: 0, offset: 0 }
  const log: Partial<LinkLog> = {
    append: (_topic, entries: readonly NewEntry[]) =>
      new Promise<LogPosition[]>((resolve, reject) =>
        calls.push({
          texts: entries.map(({ text }) => text),
          take: () => resolve(entries.map(() => ({ epoch: 'e', offset: ++state.offset }))),
          fail: reject,
        }),
      ),
  }
  const link = (): Link | undefined =>
    state.isUp ? ({ log, pendingBytes: state.pendingBytes } as Link) : undefined
  const broker = new BrokerLog({ clock, link, address: 'redis at nowhere', decode: () => undefined })
  const outcomes: string[] = []
  const append = (text: string, options = LIMITS): void => {
    broker.append('topic:room', text, options).then(
      ({ offset }) => outcomes.push(`${text} ${offset}`),
      ({ code }) => outcomes.push(`${text} ${String(code).replace('BERYL_ERR_HISTORY_', '')}`),
    )
  }
  return { clock, calls, state, broker, outcomes, append }
}

test('entries of a topic go one batch at a time, and each has its position', async () => {
  const { clock, calls, outcomes, append } = stage()
  for (const text of ['a', 'b', 'c']) append(text)
  assert.deepEqual(
    calls.map(({ texts }) => texts),
    [['a']],
  )
  calls[0]?.take()
  await clock.settle()
  assert.deepEqual(
    calls.map(({ texts }) => texts),
    [['a'], ['b', 'c']],
  )
  calls[1]?.take()
  await clock.settle()
  assert.deepEqual(outcomes, ['a 1', 'b 2', 'c 3'])
})

test('a batch has 64 entries at the most, 256 KiB and one more, and one size', async () => {
  const { clock, calls, append } = stage()
  append('first')
  for (let n = 0; n < 70; n++) append(String(n))
  for (let n = 0; n < 3; n++) append('x'.repeat(200_000))
  append('other', { ...LIMITS, size: 6 })
  for (let n = 0; n < 5; n++) {
    calls[n]?.take()
    await clock.settle()
  }
  assert.deepEqual(
    calls.map(({ texts }) => texts.length),
    [1, 64, 8, 1, 1],
  )
})

for (const [error, outcome] of [
  [new NotTaken('OOM'), 'UNAVAILABLE'],
  [new Error('the connection broke'), 'UNKNOWN'],
] as const) {
  test(`H10, H11 an entry that fails (${outcome}) takes those behind it along, also those that are made before anybody knows`, async () => {
    const { clock, calls, outcomes, append } = stage()
    for (const text of ['a', 'b']) append(text)
    calls[0]?.fail(error)
    await Promise.resolve()
    append('c')
    await clock.settle()
    assert.deepEqual(outcomes, [`a ${outcome}`, 'b UNAVAILABLE', 'c UNAVAILABLE'])
    assert.equal(calls.length, 1)
    append('d')
    calls[1]?.take()
    await clock.settle()
    assert.equal(outcomes.at(-1), 'd 1')
  })
}

test('an engine out of reach, or too far behind, takes nothing, and the error has the name of the topic', async () => {
  const { clock, calls, state, broker, outcomes, append } = stage()
  state.isUp = false
  append('a')
  await clock.settle()
  state.isUp = true
  state.pendingBytes = 2 ** 30
  append('b')
  await clock.settle()
  assert.deepEqual(outcomes, ['a UNAVAILABLE', 'b UNAVAILABLE'])
  assert.equal(calls.length, 0)
  await assert.rejects(broker.read('topic:room', 0, LIMITS), /the log of 'room' is out of reach/)
})
