import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { jsonParse } from '../../src/protocol/json.ts'
import { type Codec, MalformedFrame } from '../../src/protocol/message.ts'
import { codecs } from '../../src/protocol/negotiate.ts'
import { campaigns } from './campaigns.ts'
import { Judge, Violation } from './judge.ts'
import { play } from './run.ts'

// A short run of each campaign, the same one each time. `npm run fuzz` throws new dice; with `-- --long`, a million times.

const SEED = 20_260_101
const ROUNDS = 12

for (const campaign of campaigns) {
  test(`${campaign.name}: nothing is thrown, no answer is wrong, the control clients lose nothing`, async (t) => {
    const report = await play(campaign, SEED, ROUNDS * campaign.perRound)
    t.diagnostic(`seed ${report.seed}: ${report.messages} ${campaign.unit}, ${report.ticks} control messages`)
    assert.ok(report.messages >= ROUNDS * campaign.perRound)
    assert.ok(report.heard.size > 1, 'a fuzz that is always answered alike tests nothing')
  })
}

const parse = jsonParse({ onProtoPoisoning: 'error', onConstructorPoisoning: 'error' })

function decodes(codec: Codec, data: Buffer, isBinary: boolean): void {
  try {
    codec.decode(data, isBinary, parse)
  } catch (error) {
    if (!(error instanceof MalformedFrame)) throw error
  }
}

test('both codecs decode any bytes and any JSON to a message, or refuse them as malformed', () => {
  const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
  // Half of them begin as a binary push does, with lengths that lie.
  const pushes = bytes.map((rest) => Buffer.concat([Buffer.from([0]), rest]))
  const texts = fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text))
  fc.assert(
    fc.property(fc.oneof(bytes, pushes, texts), fc.boolean(), (data, isBinary) => {
      for (const codec of codecs) decodes(codec, data, isBinary)
    }),
    { numRuns: 2_000, seed: SEED },
  )
})

test('the judge convicts: a wrong answer, a second answer, an early end and an end that does not come', () => {
  const message = { data: Buffer.from('["1","2","room:1","echo",{}]'), isBinary: false }
  const reply = Buffer.from('["1","2","room:1","phx_reply",{"status":"ok","response":{}}]')
  const judge = new Judge('2.0.0')
  assert.throws(() => judge.received(reply, false), Violation, 'nobody asked')
  judge.sent(message)
  judge.received(reply, false)
  assert.throws(() => judge.received(reply, false), Violation, 'answered already')
  assert.throws(() => judge.received(Buffer.from('[null,null,"room:1","root",{}]'), false), Violation)
  assert.throws(() => judge.ended(1007), Violation, 'for nothing')
  judge.sent({ data: Buffer.from('{}'), isBinary: false })
  assert.throws(() => judge.ended(undefined), Violation, 'malformed, and still open')
})
