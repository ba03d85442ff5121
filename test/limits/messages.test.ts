import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BerylOptions, LimitName } from '../../src/index.ts'
import { type Answer, Sender, type Stage, stage } from './stage.ts'

// The limits of what a client may say: each refused with its reason, reported by its name, and gone where it is off.

type Limits = NonNullable<BerylOptions['limits']>

interface Row {
  readonly limit: LimitName & `limits.${string}`
  readonly low: Limits
  /** Absent where the limit cannot be switched off. */
  readonly off?: Limits
  readonly answer: Answer
  /** Sends the message that is refused where the limit is low, and answered `ok` where it is off. */
  run(sender: Sender, stage: Stage): Promise<Answer>
}

const error = (reason: string, more: object = {}): Answer => ({
  status: 'error',
  response: { reason, ...more },
})
const slow = { perSecond: 1, burst: 2 }

const rows: readonly Row[] = [
  {
    limit: 'limits.joins',
    low: { joins: slow },
    off: { joins: false, channelsPerConnection: false, pendingHandlers: false },
    answer: error('rate_limited', { retry_after_ms: 1_000 }),
    async run(sender) {
      for (let n = 0; n < 100; n++) sender.send(`room:${n}`, 'phx_join', { refuse: true })
      return sender.join('room:last')
    },
  },
  {
    limit: 'limits.channelsPerConnection',
    low: { channelsPerConnection: 2, joins: false },
    off: { channelsPerConnection: 0, joins: false, pendingHandlers: false },
    answer: error('too many channels joined'),
    async run(sender) {
      for (let n = 0; n < 150; n++) sender.send(`room:${n}`, 'phx_join')
      return sender.join('room:last')
    },
  },
  {
    limit: 'limits.topicBytes',
    low: { topicBytes: 10 },
    answer: error('topic_too_long'),
    // 9 characters, 11 bytes.
    run: (sender) => sender.join('room:éé78'),
  },
  {
    limit: 'limits.messages',
    low: { messages: slow },
    off: { messages: false },
    answer: error('rate_limited', { retry_after_ms: 1_000 }),
    async run(sender) {
      await sender.join('room:1')
      for (let n = 0; n < 300; n++) sender.send('room:1', 'echo', { n })
      return sender.ask('room:1', 'echo', { n: 300 })
    },
  },
  {
    limit: 'limits.bytesPerSecond',
    low: { bytesPerSecond: 1_000 },
    off: { bytesPerSecond: 0 },
    // The frame has 2 kB, twice what is allowed in a second: it must wait until all that came before is paid for.
    answer: error('rate_limited', { retry_after_ms: 37 }),
    async run(sender) {
      await sender.join('room:1')
      return sender.ask('room:1', 'echo', { n: 1, padding: 'x'.repeat(2_000) })
    },
  },
  {
    limit: 'limits.channelMessages',
    low: { channelMessages: slow },
    off: { channelMessages: false },
    answer: error('rate_limited', { retry_after_ms: 1_000 }),
    async run(sender) {
      await sender.join('room:1')
      await sender.join('room:2')
      for (let n = 0; n < 10; n++) sender.send('room:1', 'echo', { n })
      assert.equal((await sender.ask('room:2', 'echo', { n: 0 })).status, 'ok')
      return sender.ask('room:1', 'echo', { n: 10 })
    },
  },
  {
    limit: 'limits.mailbox',
    low: { mailbox: 2, messages: false },
    off: { mailbox: 0, messages: false },
    answer: error('overloaded'),
    async run(sender, { gates }) {
      await sender.join('room:1')
      sender.send('room:1', 'wait')
      for (let n = 0; n < 300; n++) sender.send('room:1', 'echo', { n })
      const last = sender.send('room:1', 'echo', { n: 300 })
      await sender.client.settle()
      gates.open()
      return sender.answer(last)
    },
  },
]

for (const { limit, low, off, answer, run } of rows) {
  test(`${limit} at the limit: ${answer.response.reason}`, async (t) => {
    const staged = await stage(t, { limits: low })
    const sender = await Sender.connect(staged.app)
    const given = await run(sender, staged)
    assert.deepEqual(given, answer)
    assert.equal(staged.reached.at(-1), limit)
    assert.ok(staged.reached.every((each) => each === limit))
    assert.equal(sender.client.closed, undefined)
  })

  if (off === undefined) continue
  test(`${limit} switched off`, async (t) => {
    const staged = await stage(t, { limits: off })
    const sender = await Sender.connect(staged.app)
    assert.equal((await run(sender, staged)).status, 'ok')
    assert.deepEqual(staged.reached, [])
  })
}

test('limits.mailbox also bounds what waits for the answer to a join', async (t) => {
  const { app, gates, reached } = await stage(t, { limits: { mailbox: 2 } })
  const sender = await Sender.connect(app)
  const join = sender.send('room:1', 'phx_join', { wait: true })
  const refs = [0, 1, 2].map((n) => sender.send('room:1', 'echo', { n }))
  assert.deepEqual(await sender.answer(refs[2] as string), error('overloaded'))
  gates.open()
  assert.equal((await sender.answer(join)).status, 'ok')
  for (const n of [0, 1])
    assert.deepEqual(await sender.answer(refs[n] as string), { status: 'ok', response: { n } })
  assert.deepEqual(reached, ['limits.mailbox'])
})

test('limits.channelsPerConnection counts what is joined now: a rejoin and a place that was left are free', async (t) => {
  const { app } = await stage(t, { limits: { channelsPerConnection: 2 } })
  const sender = await Sender.connect(app)
  for (const topic of ['room:1', 'room:2', 'room:1']) assert.equal((await sender.join(topic)).status, 'ok')
  assert.deepEqual(await sender.join('room:3'), error('too many channels joined'))
  await sender.ask('room:2', 'phx_leave')
  assert.equal((await sender.join('room:3')).status, 'ok')
})

test('whoever waits for retry_after_ms is let through', async (t) => {
  const { app, clock } = await stage(t, { limits: { messages: { perSecond: 3, burst: 2 } } })
  const sender = await Sender.connect(app)
  await sender.join('room:1')
  await sender.ask('room:1', 'echo', { n: 1 })
  const { response } = await sender.ask('room:1', 'echo', { n: 2 })
  await clock.advance((response.retry_after_ms as number) - 1)
  assert.deepEqual(await sender.ask('room:1', 'echo', { n: 3 }), error('rate_limited', { retry_after_ms: 1 }))
  await clock.advance(1)
  assert.equal((await sender.ask('room:1', 'echo', { n: 4 })).status, 'ok')
})

test('a client that goes on for 5 s without a pause is closed with 1008', async (t) => {
  const { app, clock, reached } = await stage(t, { limits: { messages: { perSecond: 1, burst: 1 } } })
  const sender = await Sender.connect(app)
  for (let at = 0; at < 5_000; at += 500) {
    for (let n = 0; n < 3; n++) sender.send('room:1', 'echo')
    await clock.advance(500)
    assert.equal(sender.client.closed, undefined, `after ${at} ms`)
  }
  for (let n = 0; n < 3; n++) sender.send('room:1', 'echo')
  assert.deepEqual(await sender.client.expectClosed(1008), { code: 1008, reason: 'rate limit' })
  assert.ok(reached.every((limit) => limit === 'limits.messages'))
})

test('a client that is refused again and again, but makes pauses, stays', async (t) => {
  const { app, clock } = await stage(t, { limits: { messages: { perSecond: 1, burst: 1 } } })
  const sender = await Sender.connect(app)
  for (let n = 0; n < 20; n++) {
    sender.send('room:1', 'echo')
    sender.send('room:1', 'echo')
    await clock.advance(1_001)
  }
  assert.equal(sender.client.closed, undefined)
})

test('heartbeats are free up to two in a second, and messages beyond', async (t) => {
  const { app, clock, reached } = await stage(t, { limits: { messages: { perSecond: 0.001, burst: 1 } } })
  const sender = await Sender.connect(app)
  sender.send('room:1', 'echo')
  const beat = () => sender.ask('phoenix', 'heartbeat')
  for (let second = 0; second < 20; second++) {
    for (let n = 0; n < 2; n++) assert.equal((await beat()).status, 'ok')
    await clock.advance(1_000)
  }
  assert.deepEqual(reached, [])
  const answers = await Promise.all(Array.from({ length: 10 }, beat))
  assert.equal(answers.at(-1)?.response.reason, 'rate_limited')
})

test('limits.pendingHandlers stops reading a client whose callbacks are at work, until half of them are done', async (t) => {
  const { app, gates, reached } = await stage(t, { limits: { pendingHandlers: 4 } })
  const sender = await Sender.connect(app)
  const other = await Sender.connect(app)
  for (let n = 0; n < 8; n++) await sender.join(`room:${n}`)
  for (let n = 0; n < 8; n++) sender.send(`room:${n}`, 'wait')
  await sender.client.settle()
  assert.equal(gates.size, 4)
  assert.equal(app.channels.load().pendingCallbacks, 4)
  assert.deepEqual(reached, ['limits.pendingHandlers'])
  await other.client.heartbeat()
  gates.open(1)
  await sender.client.settle()
  assert.equal(gates.size, 4, 'the one that waited')
  gates.open(1)
  await sender.client.settle()
  assert.equal(gates.size, 3, 'more than half are at work: the others are not read')
  gates.open(1)
  await sender.client.settle()
  assert.equal(gates.size, 4, 'two more were read')
})

test('limits.joinTimeoutMs at the limit: join_timeout', async (t) => {
  const { app, clock, gates, reached } = await stage(t, { limits: { joinTimeoutMs: 500 } })
  const sender = await Sender.connect(app)
  const join = sender.send('room:1', 'phx_join', { wait: true })
  await clock.advance(499)
  assert.deepEqual(reached, [])
  await clock.advance(1)
  assert.deepEqual(await sender.answer(join), error('join_timeout'))
  assert.deepEqual(reached, ['limits.joinTimeoutMs'])
  assert.equal((await sender.join('room:1')).status, 'ok', 'the topic is free')
  gates.open()
})

test('limits.joinTimeoutMs switched off', async (t) => {
  const { app, clock, gates, reached } = await stage(t, { limits: { joinTimeoutMs: false } })
  const sender = await Sender.connect(app)
  const join = sender.send('room:1', 'phx_join', { wait: true })
  for (let beat = 0; beat < 10; beat++) {
    await clock.advance(30_000)
    await sender.ask('phoenix', 'heartbeat')
  }
  gates.open()
  assert.equal((await sender.answer(join)).status, 'ok')
  assert.deepEqual(reached, [])
})

test('limits.channelMessages is not filled again by a rejoin', async (t) => {
  const { app, clock } = await stage(t, { limits: { channelMessages: { perSecond: 1, burst: 2 } } })
  const sender = await Sender.connect(app)
  await sender.join('room:1')
  for (const n of [1, 2]) assert.equal((await sender.ask('room:1', 'echo', { n })).status, 'ok')
  const refused = error('rate_limited', { retry_after_ms: 1_000 })
  await sender.join('room:1')
  assert.deepEqual(await sender.ask('room:1', 'echo', { n: 3 }), refused, 'joined again')
  await sender.ask('room:1', 'phx_leave')
  await sender.join('room:1')
  assert.deepEqual(await sender.ask('room:1', 'echo', { n: 4 }), refused, 'left, and joined')
  await clock.advance(1_000)
  assert.equal((await sender.ask('room:1', 'echo', { n: 5 })).status, 'ok')
})

test('limits.pendingHandlers switched off', async (t) => {
  const { app, gates, reached } = await stage(t, { limits: { pendingHandlers: false } })
  const sender = await Sender.connect(app)
  for (let n = 0; n < 80; n++) await sender.join(`room:${n}`)
  for (let n = 0; n < 80; n++) sender.send(`room:${n}`, 'wait')
  await sender.client.settle()
  assert.equal(gates.size, 80)
  assert.deepEqual(reached, [])
})
