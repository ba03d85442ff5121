import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '../../src/testing/index.ts'
import { record, stage } from './stage.ts'

// The frames with which a client can make the server stumble while it answers.

/** Parses, and cannot be written again: `JSON.stringify` overflows the stack. */
const DEEP = '['.repeat(20_000) + ']'.repeat(20_000)
/** An object that no string can be made of. */
const NO_TEXT = '{"toString":1,"valueOf":1,"constructor":{"name":1}}'

for (const [where, frame] of [
  ['ref of a heartbeat', `[null,${DEEP},"phoenix","heartbeat",{}]`],
  ['ref', `["1",${DEEP},"room:1","phx_join",{}]`],
  ['join_ref', `[${DEEP},"1","room:1","phx_join",{}]`],
  ['topic', `["1","2",${DEEP},"phx_join",{}]`],
  ['event', `["1","2","room:1",${DEEP},{}]`],
] as const) {
  test(`a ${where} nested 20,000 deep is a malformed frame: it would have to be repeated in the answer`, async (t) => {
    const { app } = await stage(t)
    const [attacker, other] = [await connect(app), await connect(app)]
    attacker.sendRaw(frame)
    await attacker.expectClosed(1007)
    await other.heartbeat()
  })
}

test('the same on version 1 of the protocol', async (t) => {
  const { app } = await stage(t)
  const attacker = await connect(app, { vsn: '1.0.0' })
  attacker.sendRaw(`{"topic":"phoenix","event":"heartbeat","payload":{},"ref":${DEEP}}`)
  await attacker.expectClosed(1007)
})

test('a payload nested deeply is invalid, for the sender alone, with a schema or without', async (t) => {
  const { app } = await stage(t)
  const [attacker, other] = [await connect(app), await connect(app)]
  const channel = await attacker.join('room:1', {})
  const heard = await other.join('room:1', {})
  attacker.sendRaw(`["${channel.joinRef}","9","room:1","say",{"text":${DEEP}}]`)
  const { payload } = await attacker.expectMessage({ event: 'phx_reply', ref: '9' })
  assert.deepEqual(payload, {
    status: 'error',
    response: {
      reason: 'invalid_payload',
      errors: [{ path: '', message: 'must not be nested so deeply' }],
    },
  })
  await heard.refutePush('said')
  assert.equal(attacker.closed, undefined)
})

test('a payload as deep as is allowed can be sent on to everybody', async (t) => {
  const { app } = await stage(t)
  const [sender, other] = [await connect(app), await connect(app)]
  const channel = await sender.join('room:1', {})
  const heard = await other.join('room:1', {})
  // The array of the frame and the payload's object are two levels.
  const text = `${'['.repeat(498)}${']'.repeat(498)}`
  sender.sendRaw(`["${channel.joinRef}","9","room:1","say",{"text":${text}}]`)
  assert.deepEqual(await heard.expectPush('said'), { text: JSON.parse(text) })
})

for (const [where, frame, reason] of [
  ['topic', `["1","2",${NO_TEXT},"shout",{}]`, 'unmatched topic'],
  ['topic in an array', `["1","2",[${NO_TEXT}],"phx_join",{}]`, 'unmatched topic'],
  ['event', `["1","2","room:1",${NO_TEXT},{}]`, 'unmatched topic'],
] as const) {
  test(`a ${where} that cannot be made a string is refused like any other, and reported as text`, async (t) => {
    const { app } = await stage(t)
    const client = await connect(app)
    const refused = record(app, 'message.refused')
    client.sendRaw(frame)
    await client.expectMessage({ event: 'phx_reply', payload: { status: 'error', response: { reason } } })
    assert.equal(typeof refused[0]?.topic, 'string')
    assert.equal(typeof refused[0]?.event, 'string')
  })
}

for (const [how, subscribe] of [
  [
    'throws',
    () => {
      throw new Error('broker')
    },
  ],
  ['rejects', () => Promise.reject(new Error('broker'))],
] as const) {
  test(`an adapter whose subscribe ${how} makes the join crash, not the server`, async (t) => {
    const adapter = {
      name: 'broken',
      isSolo: false,
      status: 'up' as const,
      start: async () => {},
      stop: () => {},
      publish: () => {},
      unsubscribe: () => {},
      subscribe: (topic: string) => (topic.startsWith('topic:') ? subscribe() : undefined),
    }
    const { app } = await stage(t, { pubsub: adapter })
    const client = await connect(app)
    // By hand: the kit's own join listens to the topic, through the same adapter.
    client.send({ joinRef: '1', ref: '1', topic: 'room:1', event: 'phx_join', payload: {} })
    const payload = { status: 'error', response: { reason: 'join crashed' } }
    await client.expectMessage({ event: 'phx_reply', ref: '1', payload })
    assert.equal(client.closed, undefined)
    assert.equal(app.channels.status().channels, 0)
    assert.deepEqual(app.channels.topics(), [])
  })
}
