import assert from 'node:assert/strict'
import { type AdapterFact, fact } from './adapter-probe.ts'
import { logFacts } from './log-facts.ts'

// The contract of `PubSubAdapter` as facts that any test runner can run over any adapter.

const ODD_TOPICS = [
  ...[
    'a b',
    ' a',
    'a ',
    'a.b',
    '.',
    '..',
    'a..b',
    'a.*',
    '>',
    '*',
    '?',
    '[a]',
    '{a}',
    '$a',
    '%',
    '#',
    '+',
    'a/b',
    'a:b',
  ],
  ...[
    '"',
    "'",
    '\\',
    'a\\*',
    '^a',
    'Ärger',
    '日本',
    '🎈',
    'e\u0301',
    '\u202e',
    '\u0000',
    '\u0001',
    'a\n',
    '\r\n',
    '\t',
  ],
  ...['', '__proto__', 'constructor', 'x'.repeat(300)],
]
/** Bytes that an adapter has to carry which names no limit. */
const LONG_BYTES = 1_024 * 1_024 - 1_024
const MANY_TOPICS = 10_000
/** A message that may be lost is sent again so often. */
const RETRY_MS = 20
const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1')

/**
 * The facts that an adapter has to keep.
 *
 * @example
 * for (const { title, needsOutage, run } of adapterFacts) {
 *   test(title, { skip: needsOutage }, () => run({ adapter: () => mine(options) }))
 * }
 */
export const adapterFacts: readonly AdapterFact[] = [
  fact('what a node publishes reaches every other node that subscribes to the topic', 3, async (probes) => {
    for (const { adapter } of probes) await adapter.subscribe('room')
    probes[0]?.publish('room', 'hello')
    for (const probe of probes.slice(1)) await probe.hears('room', 'hello')
  }),

  fact('nothing comes for topics that a node has not subscribed to', 2, async ([sender, receiver]) => {
    await receiver?.adapter.subscribe('wanted')
    for (const topic of ['unwanted', 'Wanted', 'wanted2', 'want', 'wanted ']) sender?.publish(topic, 'no')
    sender?.publish('wanted', 'yes')
    await receiver?.hears('wanted', 'yes')
    const wrong = receiver?.heard.filter(([topic, text]) => topic !== 'wanted' || text !== 'yes')
    assert.deepEqual(wrong, [])
  }),

  fact(
    'what is published after a subscription was confirmed is not missed',
    2,
    async ([sender, receiver]) => {
      for (let n = 0; n < 50; n++) {
        await receiver?.adapter.subscribe(`topic-${n}`)
        sender?.publish(`topic-${n}`, 'first')
      }
      for (let n = 0; n < 50; n++) await receiver?.hears(`topic-${n}`, 'first')
    },
  ),

  fact('what one node publishes on one topic comes in order', 2, async ([sender, receiver]) => {
    await receiver?.adapter.subscribe('room')
    const sent = Array.from({ length: 500 }, (_, n) => String(n))
    for (const text of sent) sender?.publish('room', text)
    await receiver?.hears('room', '499')
    assert.deepEqual([...new Set(receiver?.on('room'))], sent)
  }),

  fact('bytes come as they were, none, all 256 values, and 60,000 of them', 2, async ([sender, receiver]) => {
    await receiver?.adapter.subscribe('room')
    const texts = ['', EVERY_BYTE, 'x'.repeat(60_000), 'end']
    for (const text of texts) sender?.publish('room', text)
    await receiver?.hears('room', 'end')
    assert.deepEqual([...new Set(receiver?.on('room'))], texts)
  }),

  fact(
    'a message comes whole that is as long as the adapter says, or a kibibyte less than a mebibyte',
    2,
    async ([sender, receiver]) => {
      await receiver?.adapter.subscribe('room')
      const long = EVERY_BYTE.repeat(1 + LONG_BYTES / 256).slice(
        0,
        sender?.adapter.maxMessageBytes ?? LONG_BYTES,
      )
      for (const text of [long, 'end']) sender?.publish('room', text)
      await receiver?.until('the end came', () => receiver.on('room').includes('end'))
      assert.ok(receiver?.on('room')[0] === long)
    },
  ),

  fact('ten thousand topics are subscribed to at once, heard, and left', 2, async ([sender, receiver]) => {
    const topics = Array.from({ length: MANY_TOPICS }, (_, n) => `many:${n}`)
    await Promise.all(topics.map((topic) => receiver?.adapter.subscribe(topic)))
    for (const topic of topics) sender?.publish(topic, topic)
    await receiver?.until(
      'all came',
      () => new Set(receiver.heard.map(([topic]) => topic)).size === MANY_TOPICS,
    )
    assert.ok(receiver?.heard.every(([topic, text]) => topic === text))
    for (const topic of topics) receiver?.adapter.unsubscribe(topic)
    await receiver?.adapter.subscribe('after')
    sender?.publish('after', 'all of it')
    await receiver?.hears('after', 'all of it')
  }),

  fact(
    'a subscriber that is slower than the engine hears on when it has caught up, in order',
    2,
    async (probes) => {
      const [sender, receiver] = probes
      await receiver?.adapter.subscribe('room')
      receiver?.slowDown()
      const filling = 'x'.repeat(64 * 1_024)
      for (let n = 0; n < 400; n++) sender?.publish('room', `${String(n).padStart(4, '0')}${filling}`)
      // It may have been cut off meanwhile: what is sent then is lost.
      await receiver?.until(
        'it hears again',
        () => {
          sender?.publish('room', 'end')
          return receiver.on('room').includes('end')
        },
        RETRY_MS,
      )
      const heard = [...new Set(receiver?.on('room').map((text) => text.slice(0, 4)))]
      assert.deepEqual(heard, heard.toSorted())
    },
  ),

  fact('a topic is any text: no character has a meaning of its own', 2, async ([sender, receiver]) => {
    for (const topic of ODD_TOPICS) await receiver?.adapter.subscribe(topic)
    for (const topic of ODD_TOPICS) sender?.publish(topic, `to ${ODD_TOPICS.indexOf(topic)}`)
    for (const [index, topic] of ODD_TOPICS.entries()) {
      await receiver?.hears(topic, `to ${index}`)
      assert.deepEqual([...new Set(receiver?.on(topic))], [`to ${index}`])
    }
  }),

  fact('a topic that was left may be subscribed to again', 2, async ([sender, receiver]) => {
    for (const round of ['one', 'two', 'three']) {
      await receiver?.adapter.subscribe('room')
      sender?.publish('room', round)
      await receiver?.hears('room', round)
      receiver?.adapter.unsubscribe('room')
    }
  }),

  fact(
    'what was published before a stop is sent, and nothing comes after it',
    2,
    async ([sender, receiver]) => {
      await receiver?.adapter.subscribe('room')
      await sender?.adapter.subscribe('room')
      sender?.publish('room', 'last words')
      await sender?.adapter.stop()
      const count = sender?.heard.length
      await receiver?.hears('room', 'last words')
      receiver?.publish('room', 'too late')
      await receiver?.adapter.stop()
      assert.equal(sender?.heard.length, count)
    },
  ),

  fact('an adapter that has started is up, and the engine outlives a node that leaves', 3, async (probes) => {
    assert.deepEqual(
      probes.map(({ adapter }) => adapter.status),
      ['up', 'up', 'up'],
    )
    const [sender, leaver, receiver] = probes
    await leaver?.adapter.subscribe('room')
    await receiver?.adapter.subscribe('room')
    await leaver?.adapter.stop()
    sender?.publish('room', 'still here')
    await receiver?.hears('room', 'still here')
  }),

  fact(
    'an engine out of reach is reported, publishing throws nothing, and nothing stale comes after it',
    2,
    async (probes, stage) => {
      const [sender, receiver] = probes
      await receiver?.adapter.subscribe('room')
      await stage.cut?.()
      for (const probe of probes)
        await probe.until('the adapter is down', () => probe.adapter.status === 'down')
      sender?.publish('room', 'lost')
      const subscribing = receiver?.adapter.subscribe('later')
      await stage.heal?.()
      for (const probe of probes) await probe.until('the adapter is up', () => probe.adapter.status === 'up')
      await subscribing
      sender?.publish('room', 'heard')
      sender?.publish('later', 'heard too')
      await receiver?.hears('room', 'heard')
      await receiver?.hears('later', 'heard too')
      assert.deepEqual([...new Set(receiver?.on('room'))], ['heard'])
      // An engine of several servers comes back one by one.
      for (const { statuses } of probes)
        assert.deepEqual(statuses.filter((status) => status !== 'partial').slice(-2), ['down', 'up'])
    },
    true,
  ),

  ...logFacts,
]
