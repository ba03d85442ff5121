import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { type ChannelDefinition, defineChannel, later, type TerminateReason } from '../../src/index.ts'
import { Gates } from '../limits/stage.ts'
import { SessionStage, short } from '../support/session-stage.ts'

// A leave is never refused, whatever the channel or its client is at.

const Any = Type.Unknown()

function room(gates: Gates, ended: TerminateReason[] = []): ChannelDefinition {
  return defineChannel('room:*', {
    schema: { in: { slow: Any, promise: { payload: Any, reply: Any }, quick: { payload: Any, reply: Any } } },
    async join({ payload }) {
      if ((payload as { slow?: boolean }).slow) await gates.wait()
      return { assigns: {} }
    },
    in: {
      slow: () => gates.wait(),
      promise: () => later(gates.wait().then(() => ({}))) as never,
      quick: () => ({}),
    },
    terminate: (reason) => void ended.push(reason),
  }) as ChannelDefinition
}

test('W85 a leave waits in a full mailbox, a second one is fine, and nobody stays subscribed', async () => {
  const gates = new Gates()
  const stage = await SessionStage.start({ channels: [room(gates)], limits: { mailbox: 2 } })
  const { says, wire } = stage.connect()
  says('1', '1', 'room:1', 'phx_join')
  await stage.settle()
  says('1', '2', 'room:1', 'slow')
  for (const ref of ['3', '4', '5']) says('1', ref, 'room:1', 'quick')
  for (const ref of ['6', '7']) says('1', ref, 'room:1', 'phx_leave')
  await stage.settle()
  gates.open()
  await stage.settle()
  assert.deepEqual(wire.lines.map(short), [
    '1 reply ok',
    '5 reply error overloaded',
    '7 reply ok',
    '3 reply ok',
    '4 reply ok',
    '6 reply ok',
    '1 close',
  ])
  assert.equal(stage.subscribers('room:1'), 0)
})

test('W85 a leave of a join that is decided takes effect at once, whatever waits, and its join is undone', async () => {
  const gates = new Gates()
  const ended: TerminateReason[] = []
  const stage = await SessionStage.start({ channels: [room(gates, ended)], limits: { mailbox: 2 } })
  const { says, session, wire } = stage.connect()
  says('1', '1', 'room:1', 'phx_join', { slow: true })
  for (const ref of ['2', '3', '4']) says('1', ref, 'room:1', 'quick')
  says('1', '5', 'room:1', 'phx_leave')
  await stage.settle()
  assert.deepEqual(wire.lines.map(short), [
    '4 reply error overloaded',
    '5 reply ok',
    '1 close',
    '2 reply error unmatched topic',
    '3 reply error unmatched topic',
  ])
  assert.equal(session.channelCount, 0)
  says('6', '6', 'room:1', 'phx_join')
  await stage.settle()
  gates.open()
  await stage.settle()
  assert.deepEqual(wire.lines.slice(5).map(short), ['6 reply ok'])
  assert.deepEqual(ended, [{ kind: 'left' }])
  assert.equal(stage.subscribers('room:1'), 1)
})

test('W85 a leave of a join that waits for the decision on another takes its turn, and is not refused', async () => {
  const gates = new Gates()
  const stage = await SessionStage.start({ channels: [room(gates)], limits: { mailbox: 1 } })
  const { says, wire } = stage.connect()
  says('1', '1', 'room:1', 'phx_join', { slow: true })
  says('1', '2', 'room:1', 'quick')
  says('3', '3', 'room:1', 'phx_join')
  says('4', '4', 'room:1', 'phx_join')
  for (const ref of ['5', '6']) says('3', ref, 'room:1', 'phx_leave')
  await stage.settle()
  gates.open()
  await stage.settle()
  assert.deepEqual(wire.lines.map(short), [
    '4 reply error overloaded',
    '6 reply ok',
    '1 reply ok',
    '2 reply ok',
    '1 close',
    '5 reply ok',
    '3 close',
  ])
  assert.equal(stage.subscribers('room:1'), 0)
})

test('W85 a leave is let through a rate that is used up, once for each join', async () => {
  const gates = new Gates()
  const limits = { messages: { perSecond: 0.001, burst: 3 } }
  const stage = await SessionStage.start({ channels: [room(gates)], limits })
  const { says, session, wire } = stage.connect()
  says('1', '1', 'room:1', 'phx_join')
  await stage.settle()
  for (const ref of ['2', '3', '4']) says('1', ref, 'room:1', 'quick')
  says('9', '5', 'room:1', 'phx_leave')
  for (const ref of ['6', '7']) says('1', ref, 'room:1', 'phx_leave')
  await stage.settle()
  assert.deepEqual(wire.lines.map(short), [
    '1 reply ok',
    '2 reply ok',
    '3 reply ok',
    '4 reply error rate_limited',
    '5 reply error rate_limited',
    '6 reply ok',
    '1 close',
    '7 reply error rate_limited',
  ])
  assert.equal(session.channelCount, 0)
})

test('W85 a flood of leaves is a flood', async () => {
  const stage = await SessionStage.start({ channels: [room(new Gates())], limits: { joins: false } })
  const { says, wire } = stage.connect()
  for (let second = 0; second < 7; second += 0.5) {
    for (let n = 0; n < 300; n++) says(null, 'x', 'room:1', 'phx_leave')
    await stage.clock.advance(500)
  }
  assert.equal(wire.closed, '1008 rate limit')
})

test('W85 a leave is taken, and a heartbeat answered, though all callbacks that may be are at work', async () => {
  const gates = new Gates()
  const stage = await SessionStage.start({ channels: [room(gates)], limits: { pendingHandlers: 2 } })
  const { says, wire } = stage.connect()
  for (const ref of ['1', '2', '3']) {
    says(ref, ref, `room:${ref}`, 'phx_join')
    await stage.settle()
  }
  wire.lines.length = 0
  for (const ref of ['4', '5']) says('1', ref, 'room:1', 'promise')
  says('2', '6', 'room:2', 'quick')
  says(null, '7', 'phoenix', 'heartbeat')
  says('1', '8', 'room:1', 'phx_leave')
  says('2', '9', 'room:2', 'phx_leave')
  says('3', '10', 'room:3', 'phx_leave')
  await stage.settle()
  assert.deepEqual(wire.lines.map(short), ['7 reply ok', '8 reply ok', '1 close', '10 reply ok', '3 close'])
  wire.lines.length = 0
  await stage.clock.advance(1_000)
  assert.deepEqual(wire.lines.map(short), ['9 reply ok', '2 close', '6 reply error unmatched topic'])
  assert.equal(wire.isPaused, false)
})

for (const isAsync of [false, true])
  test(`a later() of ${isAsync ? 'an async' : 'a'} handler whose channel has ended meanwhile may reject: it is told, and harms nobody`, async () => {
    const gates = new Gates()
    const broken = (): Promise<never> => gates.wait().then(() => Promise.reject(new Error('too late')))
    let leave = (): void => {}
    const room = defineChannel('room:*', {
      schema: { in: { late: { payload: Any, reply: Any } } },
      join: () => ({ assigns: {} }),
      in: {
        late: (() => {
          const late = (): unknown => {
            leave()
            return later(broken())
          }
          return isAsync ? gates.wait().then(late) : late()
        }) as never,
      },
    }) as ChannelDefinition
    const stage = await SessionStage.start({ channels: [room] })
    const client = stage.connect('user:1')
    client.says('1', '1', 'room:1', 'phx_join')
    leave = () => stage.sessions?.disconnect('user:1')
    client.says('1', '2', 'room:1', 'late')
    for (let n = 0; n < 3; n++) {
      await stage.settle()
      gates.open()
    }
    await stage.settle()
    assert.deepEqual(stage.crashes.map(String), ['Error: too late'])
  })
