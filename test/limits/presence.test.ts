import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LimitName } from '../../src/index.ts'
import type { PresenceLimits } from '../../src/presence/options.ts'
import { Sender, stage } from './stage.ts'

const large = { text: 'x'.repeat(5_000) }

for (const [limit, limits, tracks] of [
  ['presence.limits.keys', { keys: 2 }, [{ key: 'a' }, { key: 'b' }, { key: 'c' }]],
  ['presence.limits.keyBytes', { keyBytes: 5 }, [{ key: 'five5' }, { key: 'ключ' }]],
  ['presence.limits.metaBytes', { metaBytes: 4_096 }, [{ key: 'a' }, { key: 'b', meta: large }]],
  ['presence.limits.changesPerSecond', { changesPerSecond: 2 }, [{ key: 'a' }, { key: 'b' }, { key: 'c' }]],
] as const satisfies readonly [LimitName, PresenceLimits, readonly object[]][]) {
  test(`${limit} at the limit: throws at the caller`, async (t) => {
    const { app, reached } = await stage(t, { presence: { limits } })
    const sender = await Sender.connect(app)
    await sender.join('room:1')
    const answers = []
    for (const track of tracks) answers.push((await sender.ask('room:1', 'track', track)).response)
    assert.deepEqual(answers.at(-1), { error: 'BERYL_ERR_PRESENCE_LIMIT' })
    for (const answer of answers.slice(0, -1)) assert.deepEqual(answer, {})
    assert.deepEqual(reached, [limit])
    assert.equal(app.presence.count('room:1'), tracks.length - 1)
  })

  test(`${limit} switched off`, async (t) => {
    const off = { keys: false, keyBytes: false, metaBytes: false, changesPerSecond: false } as const
    const { app, reached } = await stage(t, { presence: { limits: off } })
    const sender = await Sender.connect(app)
    await sender.join('room:1')
    for (let n = 0; n < 30; n++) sender.send('room:1', 'track', { key: String(n), meta: large })
    await sender.client.settle()
    assert.deepEqual(reached, [])
    assert.equal(app.presence.count('room:1'), 30)
  })
}
