import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { Queue } from '../../src/channel/queue.ts'
import { type ChannelDefinition, defineChannel, later } from '../../src/index.ts'
import { Broadcast } from '../../src/pubsub/broadcast.ts'
import { Gates } from '../limits/stage.ts'
import { SessionStage, short } from '../support/session-stage.ts'

// Everything that waits has a bound: broadcasts for `intercept`, and callbacks for room to begin.

const Any = Type.Unknown()

/** The number of callbacks at work, and the most that were. */
class Count {
  now = 0
  most = 0

  async during<T>(work: Promise<T>): Promise<T> {
    this.now++
    this.most = Math.max(this.most, this.now)
    try {
      return await work
    } finally {
      this.now--
    }
  }
}

function room(gates: Gates, count = new Count()): ChannelDefinition {
  const work = (): Promise<object> => count.during(gates.wait().then(() => ({})))
  return defineChannel('room:*', {
    schema: {
      join: Any,
      in: {
        slow: { payload: Any, reply: Any },
        promise: { payload: Any, reply: Any },
        both: { payload: Any, reply: Any },
        quick: { payload: Any, reply: Any },
      },
      out: { plain: Any, rewritten: Any },
    },
    async join({ payload }) {
      if ((payload as { slow?: boolean }).slow) await work()
      return { assigns: {} }
    },
    in: {
      slow: work,
      promise: () => later(work()) as never,
      both: async () => later(work()) as never,
      quick: () => ({}),
    },
    intercept: { rewritten: (payload) => gates.wait().then(() => payload as object) },
  }) as ChannelDefinition
}

test('W88 more broadcasts than may wait for intercept end the channel with phx_error; its client joins again', async () => {
  const gates = new Gates()
  const stage = await SessionStage.start({ channels: [room(gates)], limits: { mailbox: 3 } })
  const { says, wire } = stage.connect()
  says('1', '1', 'room:1', 'phx_join')
  await stage.settle()
  // One is at work, three wait.
  stage.endpoint.outbound.broadcast('room:1', 'rewritten', 0)
  await stage.settle()
  for (let n = 0; n < 3; n++) stage.endpoint.outbound.broadcast('room:1', 'rewritten', n)
  says('1', '2', 'room:1', 'quick')
  await stage.settle()
  assert.deepEqual(wire.lines.map(short), ['1 reply ok'])
  assert.equal(stage.sessions?.load.longestMailbox, 4)
  for (let n = 0; n < 1_000; n++) stage.endpoint.outbound.broadcast('room:1', 'rewritten', n)
  assert.equal(stage.sessions?.load.longestMailbox, 4)
  await stage.settle()
  assert.deepEqual(wire.lines.map(short), [
    '1 reply ok',
    '1 error overloaded',
    '2 reply error unmatched topic',
  ])
  assert.deepEqual(stage.reached, ['limits.mailbox'])
  assert.equal(stage.subscribers('room:1'), 0)
  says('3', '3', 'room:1', 'phx_join')
  await stage.settle()
  assert.equal(stage.subscribers('room:1'), 1)
})

test('W88 broadcasts do not use up the room for the messages of a client, nor the other way round', async () => {
  const gates = new Gates()
  const stage = await SessionStage.start({ channels: [room(gates)], limits: { mailbox: 2 } })
  const { says, wire } = stage.connect()
  says('1', '1', 'room:1', 'phx_join')
  await stage.settle()
  stage.endpoint.outbound.broadcast('room:1', 'rewritten', 0)
  await stage.settle()
  for (let n = 1; n < 3; n++) stage.endpoint.outbound.broadcast('room:1', 'rewritten', n)
  for (const ref of ['2', '3', '4']) says('1', ref, 'room:1', 'quick')
  await stage.settle()
  assert.deepEqual(wire.lines.map(short), ['1 reply ok', '4 reply error overloaded'])
  while (gates.size > 0) {
    gates.open()
    await stage.settle()
  }
  const heard = wire.lines.map(([, ref, , event, payload]) => (event === 'phx_reply' ? ref : payload))
  assert.deepEqual(heard, ['1', '4', 0, 1, 2, '2', '3'])
})

test('a mailbox takes and gives in order, and holds no more than waits', () => {
  const mailbox = new Queue(1_000_000)
  let put = 0
  let taken = 0
  for (let round = 0; round < 500; round++) {
    for (let n = 0; n < round % 7; n++) mailbox.put(new Broadcast('t', String(put++), null))
    for (let n = 0; n < round % 5 && mailbox.length > 0; n++) {
      assert.equal((mailbox.first as Broadcast).event, String(taken++))
      mailbox.take()
    }
    assert.equal(mailbox.length, put - taken)
  }
})

for (const event of ['slow', 'promise', 'both', 'join'] as const) {
  for (const limit of [1, 4, 64]) {
    test(`W89 no more than ${limit} run of 200 that come in one chunk (${event}), and none is lost`, async () => {
      const gates = new Gates()
      const count = new Count()
      const limits = {
        pendingHandlers: limit,
        messages: false,
        joins: false,
        channelsPerConnection: false,
        mailbox: 200,
      } as const
      const stage = await SessionStage.start({ channels: [room(gates, count)], limits })
      const { says, wire } = stage.connect()
      // One channel for all that are later, else one for each.
      const topicOf = (n: number): string => `room:${event === 'slow' || event === 'join' ? n : n % 3}`
      if (event !== 'join')
        for (let n = 0; n < 200; n++) {
          says('1', `join ${n}`, topicOf(n), 'phx_join')
          await stage.settle()
        }
      wire.lines.length = 0
      for (let n = 0; n < 200; n++)
        if (event === 'join') says('1', String(n), topicOf(n), 'phx_join', { slow: true })
        else says('1', String(n), topicOf(n), event)
      await stage.settle()
      assert.equal(count.now, limit)
      assert.deepEqual(stage.reached, ['limits.pendingHandlers'])
      while (gates.size > 0) {
        gates.open(1)
        await stage.settle()
      }
      assert.equal(count.most, limit)
      const answers = wire.lines.filter(([, , , each]) => each === 'phx_reply').map(short)
      assert.deepEqual(answers.sort(), Array.from({ length: 200 }, (_, n) => `${n} reply ok`).sort())
      assert.equal(wire.isPaused, false)
    })
  }
}

test('W89 a client is left unread for a second at the most; then its joins are refused, and its messages wait', async () => {
  const gates = new Gates()
  const limits = { pendingHandlers: 2, mailbox: 2 }
  const stage = await SessionStage.start({ channels: [room(gates)], limits })
  const { says, wire } = stage.connect()
  says('1', '1', 'room:1', 'phx_join')
  await stage.settle()
  for (const ref of ['2', '3']) says('1', ref, 'room:1', 'promise')
  assert.equal(wire.isPaused, false, 'nothing waits yet')
  says('1', '4', 'room:1', 'promise')
  says('5', '5', 'room:2', 'phx_join')
  assert.equal(wire.isPaused, true)
  await stage.clock.advance(999)
  assert.deepEqual([wire.isPaused, wire.lines.map(short)], [true, ['1 reply ok']])
  await stage.clock.advance(1)
  assert.deepEqual(
    [wire.isPaused, wire.lines.map(short)],
    [false, ['1 reply ok', '5 reply error overloaded']],
  )
  says('6', '6', 'room:3', 'phx_join')
  for (const ref of ['7', '8']) says('1', ref, 'room:1', 'promise')
  await stage.clock.advance(30_000)
  assert.equal(wire.pauses, 1)
  assert.deepEqual(wire.lines.slice(2).map(short), ['6 reply error overloaded', '8 reply error overloaded'])
  gates.open()
  await stage.settle()
  gates.open()
  await stage.settle()
  const answered = wire.lines.slice(4).map(short).sort()
  assert.deepEqual(answered, ['2 reply ok', '3 reply ok', '4 reply ok', '7 reply ok'])
  says('9', '9', 'room:3', 'phx_join')
  await stage.settle()
  assert.equal(wire.lines.at(-1)?.[1], '9')
})

test('W89 who goes while it waits for room leaves neither timer nor subscriber', async () => {
  const gates = new Gates()
  const stage = await SessionStage.start({ channels: [room(gates)], limits: { pendingHandlers: 1 } })
  const before = stage.clock.pending
  const { says, session, wire } = stage.connect()
  for (let n = 0; n < 5; n++) says('1', String(n), `room:${n}`, 'phx_join', { slow: true })
  await stage.settle()
  assert.equal(wire.isPaused, true)
  session.disconnected(1006)
  assert.equal(wire.isPaused, false)
  gates.open()
  await stage.settle()
  assert.deepEqual([stage.endpoint.pubsub?.topicCount, gates.size], [0, 0])
  assert.equal(stage.clock.pending, before)
})
