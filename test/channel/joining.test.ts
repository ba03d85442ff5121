import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { type BerylOptions, type ChannelDefinition, defineChannel, type Socket } from '../../src/index.ts'
import { Gates } from '../limits/stage.ts'
import { SessionStage, short } from '../support/session-stage.ts'

// The way into a channel: how long it may take, what waits behind its gate, and what ends it on the way.

const Any = Type.Unknown()

interface Hooks {
  readonly join?: (signal: AbortSignal) => unknown
  readonly joined?: (socket: Socket) => unknown
  readonly terminate?: (kind: string, socket: Socket) => unknown
}

/** A room that logs the events in the channel, in order, together with the words to the client. */
function room(log: string[], { join, joined, terminate }: Hooks = {}): ChannelDefinition {
  return defineChannel('room:*', {
    schema: { in: { push: { payload: Any, reply: Any } }, out: { plain: Any, rewritten: Any } },
    join: (async ({ signal }: { signal: AbortSignal }) => {
      await join?.(signal)
      return { assigns: {} }
    }) as never,
    joined(socket) {
      log.push('joined')
      return joined?.(socket as never) as never
    },
    in: { push: () => ({}) },
    intercept: {
      rewritten(payload) {
        log.push(`intercept ${payload}`)
        return payload
      },
    },
    terminate(reason, socket) {
      log.push(`terminate ${'reason' in reason ? reason.reason : reason.kind}`)
      return terminate?.(reason.kind, socket as never) as never
    },
  }) as ChannelDefinition
}

async function start(channel: ChannelDefinition, options: BerylOptions = {}): Promise<SessionStage> {
  const stage = await SessionStage.start({ channels: [channel], ...options })
  stage.adapter.isSlow = true
  return stage
}

const events = (lines: readonly (readonly unknown[])[]): string[] =>
  lines.map(([, , , event, payload]) =>
    event === 'phx_reply' ? (payload as { status: string }).status : `${event} ${JSON.stringify(payload)}`,
  )

test('a fault behind the time limit of a join ends the connection, not the process', async () => {
  const gates = new Gates()
  const stage = await start(room([], { join: () => gates.wait() }), { limits: { joinTimeoutMs: 3_000 } })
  const { says, session, wire } = stage.connect()
  says('1', '1', 'room:1', 'phx_join')
  const fault = new Error('a fault of the library')
  session.limitReached = () => {
    throw fault
  }
  await stage.clock.advance(3_000)
  assert.deepEqual(stage.crashes, [fault])
  assert.equal(wire.closed, '1011')
  assert.equal(session.channelCount, 0)
})

test('W86 a join that never settles is refused with join_timeout; its signal is aborted, its late result undone', async () => {
  const log: string[] = []
  const gates = new Gates()
  const signals: AbortSignal[] = []
  const join = (signal: AbortSignal) => {
    signals.push(signal)
    return gates.wait()
  }
  const stage = await start(room(log, { join }), { limits: { joinTimeoutMs: 3_000 } })
  const before = stage.clock.pending
  const { says, session, wire } = stage.connect()
  says('1', '1', 'room:1', 'phx_join')
  says('1', '2', 'room:1', 'push')
  await stage.clock.advance(2_999)
  assert.deepEqual(wire.lines, [])
  await stage.clock.advance(1)
  assert.deepEqual(wire.lines.map(short), ['1 reply error join_timeout', '2 reply error unmatched topic'])
  assert.equal(signals[0]?.aborted, true)
  assert.equal(session.channelCount, 0)
  gates.open()
  await stage.settle()
  assert.deepEqual(log, ['terminate join_timeout'])
  assert.equal(stage.subscribers('room:1'), 0)
  assert.equal(stage.clock.pending, before)
})

test('W86 the time of a join goes on while the adapter confirms: it is one deadline for both', async () => {
  const log: string[] = []
  const gates = new Gates()
  const stage = await start(room(log, { join: () => gates.wait() }), { limits: { joinTimeoutMs: 3_000 } })
  const { says, wire } = stage.connect()
  says('1', '1', 'room:1', 'phx_join')
  await stage.clock.advance(2_000)
  gates.open()
  await stage.clock.advance(999)
  assert.deepEqual([stage.subscribers('room:1'), stage.adapter.waiting, wire.lines.length], [1, 1, 0])
  await stage.clock.advance(1)
  assert.deepEqual(wire.lines.map(short), ['1 reply error join_timeout'])
  assert.deepEqual([stage.subscribers('room:1'), stage.adapter.topics.has('topic:room:1')], [0, false])
  stage.adapter.confirm()
  await stage.settle()
  assert.equal(wire.lines.length, 1)
  assert.deepEqual(log, ['terminate join_timeout'])
})

test('W87 what is broadcast before the answer to the join follows it and joined, in order', async () => {
  const log: string[] = []
  const stage = await start(room(log, { joined: (socket) => socket.push('plain', 'welcome') }))
  const { says, wire } = stage.connect()
  says('1', '1', 'room:1', 'phx_join')
  await stage.settle()
  stage.endpoint.outbound.broadcast('room:1', 'rewritten', 1)
  stage.endpoint.outbound.broadcast('room:1', 'plain', 2)
  stage.endpoint.outbound.broadcast('room:1', 'plain', 3)
  await stage.settle()
  assert.deepEqual([log, wire.lines], [[], []])
  stage.adapter.confirm()
  await stage.settle()
  stage.endpoint.outbound.broadcast('room:1', 'plain', 4)
  await stage.settle()
  assert.deepEqual(log, ['joined', 'intercept 1'])
  const heard = events(wire.lines)
  assert.deepEqual(heard.slice(0, 2), ['ok', 'plain "welcome"'])
  assert.deepEqual(
    heard.filter((event) => /plain \d/.test(event)),
    ['plain 2', 'plain 3', 'plain 4'],
  )
  assert.ok(heard.includes('rewritten 1'))
})

test('W87 intercept waits for a joined that is async; what it does not rewrite does not', async () => {
  const log: string[] = []
  const gates = new Gates()
  const stage = await start(room(log, { joined: () => gates.wait() }))
  const { says, wire } = stage.connect()
  says('1', '1', 'room:1', 'phx_join')
  await stage.settle()
  stage.endpoint.outbound.broadcast('room:1', 'rewritten', 1)
  stage.endpoint.outbound.broadcast('room:1', 'plain', 2)
  stage.adapter.confirm()
  await stage.settle()
  assert.deepEqual([log, events(wire.lines)], [['joined'], ['ok', 'plain 2']])
  gates.open()
  await stage.settle()
  assert.deepEqual(events(wire.lines), ['ok', 'plain 2', 'rewritten 1'])
})

test('W87 more than may be held refuses the join with overloaded, and nothing is left of it', async () => {
  const log: string[] = []
  const stage = await start(room(log), { limits: { mailbox: 3 } })
  const { says, session, wire } = stage.connect()
  says('1', '1', 'room:1', 'phx_join')
  await stage.settle()
  for (let n = 0; n < 10; n++) stage.endpoint.outbound.broadcast('room:1', 'plain', n)
  stage.adapter.confirm()
  await stage.settle()
  assert.deepEqual(wire.lines.map(short), ['1 reply error overloaded'])
  assert.deepEqual(stage.reached, ['limits.mailbox'])
  assert.deepEqual([stage.subscribers('room:1'), session.channelCount], [0, 0])
})

test('W87 what is no JSON is the fault of who broadcasts it, also where it would be held', async () => {
  const stage = await start(room([]))
  const { says, wire } = stage.connect()
  says('1', '1', 'room:1', 'phx_join')
  await stage.settle()
  assert.throws(() => stage.endpoint.outbound.localBroadcast('room:1', 'plain', 1n), {
    code: 'BERYL_ERR_PAYLOAD_INVALID',
  })
  stage.adapter.confirm()
  await stage.settle()
  assert.deepEqual(events(wire.lines), ['ok'])
})

for (const [what, go] of [
  ['left', ({ says }) => says('1', '2', 'room:1', 'phx_leave')],
  ['is gone', ({ session }) => session.disconnected(1006)],
  ['was disconnected', (_client, stage) => stage.sessions?.disconnect('user:1')],
] as readonly [string, (client: ReturnType<SessionStage['connect']>, stage: SessionStage) => void][]) {
  test(`W26 a client that ${what} before the adapter confirmed is unsubscribed at once`, async () => {
    const log: string[] = []
    const stage = await start(room(log))
    const client = stage.connect('user:1')
    client.says('1', '1', 'room:1', 'phx_join')
    await stage.settle()
    assert.equal(stage.subscribers('room:1'), 1)
    go(client, stage)
    assert.deepEqual([stage.subscribers('room:1'), stage.endpoint.pubsub?.topicCount], [0, 0])
    stage.adapter.confirm()
    await stage.settle()
    assert.equal(log.length, 1)
    assert.match(log[0] as string, /^terminate/)
    assert.equal(stage.subscribers('room:1'), 0)
  })
}

// Re-entrancy: each place that runs code of the application on the way, and what that may do there

type Deed = (stage: SessionStage, client: ReturnType<SessionStage['connect']>, topic: string) => void

const deeds: readonly [string, Deed][] = [
  ['disconnects', (stage) => stage.sessions?.disconnect('user:1')],
  ['is cut', (_stage, { session }) => session.disconnected(1006)],
  ['leaves', (_stage, { says }, topic) => says('2', 'leave', topic, 'phx_leave')],
  ['joins again', (_stage, { says }, topic) => says('9', '9', topic, 'phx_join', {})],
  ['broadcasts', (stage) => stage.endpoint.outbound.broadcast('room:1', 'plain', 'again')],
]
const places = [
  'terminate',
  'join',
  'joined',
  'toJSON',
  'adapter',
  'channel.join',
  'channel.end',
  'message.received',
] as const

for (const place of places)
  for (const [deed, act] of deeds)
    for (const isSlow of [false, true])
      test(`a client that ${deed} in ${place}${isSlow ? ', with a slow adapter,' : ''} leaves no ghost behind`, async () => {
        const topic = place === 'toJSON' ? 'replying:1' : 'room:1'
        let armed = false
        const at = (here: string): void => {
          if (!armed || here !== place) return
          armed = false
          act(stage, client, topic)
        }
        const channel = defineChannel('room:*', {
          schema: { join: Any, in: { push: Any }, out: { plain: Any } },
          join() {
            at('join')
            return { assigns: {} }
          },
          joined: () => at('joined'),
          in: { push() {} },
          terminate: () => at('terminate'),
        }) as ChannelDefinition
        // A reply that is written by the application.
        const replying = defineChannel('replying:*', {
          schema: { join: { payload: Any, reply: Any }, out: { plain: Any } },
          join: () => ({ assigns: {}, reply: { toJSON: () => at('toJSON') } }),
        }) as ChannelDefinition
        const stage = await SessionStage.start({ channels: [channel, replying] })
        stage.adapter.isSlow = isSlow
        const subscribe = stage.adapter.subscribe.bind(stage.adapter)
        stage.adapter.subscribe = (topic) => {
          at('adapter')
          return subscribe(topic)
        }
        for (const name of ['channel.join', 'channel.end', 'message.received'] as const)
          stage.endpoint.telemetry.on(name, () => at(name))
        const client = stage.connect('user:1')
        const settle = async (): Promise<void> => {
          await stage.settle()
          stage.adapter.confirm()
          await stage.settle()
        }
        client.says('1', '1', 'room:1', 'phx_join')
        await settle()
        armed = true
        client.says('2', '2', topic, 'phx_join')
        await settle()
        client.says('2', '3', 'room:1', 'push')
        await settle()
        assert.equal(armed, false, 'the place was reached')
        const count = client.session.channelCount
        assert.equal(stage.subscribers('room:1') + stage.subscribers('replying:1'), count, 'a ghost')
        client.session.disconnected(1001)
        await settle()
        assert.deepEqual(
          [
            stage.endpoint.pubsub?.topicCount,
            stage.subscribers('room:1'),
            stage.adapter.topics.has('topic:room:1'),
          ],
          [0, 0, false],
        )
        assert.deepEqual(stage.crashes, [])
        assertOneAnswerEach(client.wire.lines)
      })

function assertOneAnswerEach(lines: readonly (readonly unknown[])[]): void {
  for (const of of ['phx_reply', 'phx_close', 'phx_error']) {
    const refs = lines.filter(([, , , event]) => event === of).map(([, ref]) => ref)
    assert.deepEqual(refs, [...new Set(refs)], of)
  }
}
