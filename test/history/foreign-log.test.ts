import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PubSubLog } from '../../src/index.ts'
import { local } from '../../src/pubsub/local.ts'
import { fakeClock } from '../../src/testing/index.ts'
import { Node, room } from './lab.ts'

// The log of an adapter is somebody else's code: it throws, rejects, hangs and answers nonsense, and nobody but the caller hears of it.

const never = (): Promise<never> => new Promise(() => {})
const fails = (): never => {
  throw new Error('broken')
}

const WAYS: readonly [way: string, answer: () => unknown][] = [
  ['throws', fails],
  ['rejects', async () => fails()],
  ['hangs', never],
  ['gives nothing', () => undefined],
  ['gives nonsense', async () => ({ epoch: 'a b', offset: -1, entries: [1] })],
  [
    'gives a page of more entries than there are',
    () => ({ epoch: 'e', offset: 0, key: 'k', previous: [], entries: ['x'] }),
  ],
]

for (const [way, answer] of WAYS) {
  test(`H10 a log that ${way} rejects publish and history, and a join with a position; others go on`, async () => {
    const clock = fakeClock()
    const log = { listen() {}, append: answer, read: answer, forget: answer } as unknown as PubSubLog
    const node = await Node.start(clock, { pubsub: { ...local(), log }, channels: [room()] })
    const { outbound } = node.endpoint
    const outcome = (call: Promise<unknown>): Promise<unknown> =>
      call.then(
        () => 'done',
        ({ code }) => code,
      )
    const calls = [
      outcome(outbound.publish('room:1', 'said', 1, {})),
      outcome(outbound.history('room:1', {})),
    ]
    const [asking, plain] = [node.connect(), node.connect()]
    asking.join()
    plain.joinPlainly()
    outbound.broadcast('room:1', 'said', 2)
    await clock.advance(11_000)
    const [published, read] = await Promise.all(calls)
    // A position is the part of a page that `append` gives, too.
    const isPosition = way.includes('page')
    assert.equal(published, isPosition ? 'done' : 'BERYL_ERR_HISTORY_UNKNOWN')
    assert.equal(read, 'BERYL_ERR_HISTORY_UNKNOWN')
    const [reply] = asking.lines.map(([, , , , payload]) => payload as { response: { reason: string } })
    assert.equal(reply?.response.reason, 'history_unavailable')
    assert.deepEqual(plain.lines[0]?.[4], { status: 'ok', response: { payload: {} } })
    assert.deepEqual(node.crashes, [])
  })
}
