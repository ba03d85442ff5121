import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import {
  type BerylOptions,
  type ChannelDefinition,
  defineChannel,
  reject,
  type Socket,
} from '../../src/index.ts'
import { Gates } from '../limits/stage.ts'
import { type Line, SessionStage, short } from '../support/session-stage.ts'

// The reply that `snapshot` gives: what waits behind it, and what is left where there is none.

const Any = Type.Unknown()

interface Hooks {
  readonly snapshot: (socket: Socket, recovered: boolean) => unknown
  readonly joined?: (socket: Socket) => void
}

function room(log: string[], { snapshot, joined }: Hooks): ChannelDefinition {
  return defineChannel('room:*', {
    schema: {
      join: { reply: Any, error: Type.Object({ reason: Type.String() }) },
      in: { push: { payload: Any, reply: Any } },
      out: { plain: Any, rewritten: Any },
    },
    join: () => ({ assigns: {} }),
    snapshot: (socket, { recovered }) => snapshot(socket as never, recovered) as never,
    joined(socket) {
      log.push('joined')
      joined?.(socket as never)
    },
    in: { push: () => ({}) },
    intercept: { rewritten: (payload) => payload },
    terminate(reason) {
      log.push(`terminate ${reason.kind}`)
    },
  }) as ChannelDefinition
}

const start = (channel: ChannelDefinition, options: BerylOptions = {}): Promise<SessionStage> =>
  SessionStage.start({ channels: [channel], ...options })

const told = (lines: readonly Line[]): string[] =>
  lines.map(([, , , event, payload]) =>
    event === 'phx_reply'
      ? JSON.stringify((payload as { response: unknown }).response)
      : `${event} ${JSON.stringify(payload)}`,
  )

test('W92 snapshot runs when the channel is subscribed, and its result is the reply to the join', async () => {
  const stage: SessionStage = await start(
    room([], { snapshot: (_, recovered) => ({ subscribers: stage.subscribers('room:1'), recovered }) }),
  )
  stage.adapter.isSlow = true
  const { says, wire } = stage.connect()
  says('1', '1', 'room:1', 'phx_join')
  await stage.settle()
  assert.deepEqual(wire.lines, [])
  stage.adapter.confirm()
  await stage.settle()
  assert.deepEqual(told(wire.lines), ['{"subscribers":1,"recovered":false}'])
})

test('W92 what is broadcast and pushed before the reply follows it in its order, before joined', async () => {
  const gates = new Gates()
  const snapshot = async (socket: Socket): Promise<unknown> => {
    socket.push('plain', 'pushed')
    await gates.wait()
    socket.broadcast('plain', 'by itself')
    return 'state'
  }
  const stage = await start(room([], { snapshot, joined: (socket) => socket.push('plain', 'welcome') }))
  const { says, wire } = stage.connect()
  says('1', '1', 'room:1', 'phx_join')
  says('1', '2', 'room:1', 'push')
  stage.endpoint.outbound.broadcast('room:1', 'plain', 1)
  stage.endpoint.outbound.broadcast('room:1', 'plain', 2)
  await stage.settle()
  assert.deepEqual(wire.lines, [])
  gates.open()
  await stage.settle()
  const heard = ['"state"', 'plain "pushed"', 'plain 1', 'plain 2', 'plain "by itself"', 'plain "welcome"']
  assert.deepEqual(told(wire.lines), [...heard, '{}'])
})

test('W92 nothing is missed and nothing comes twice, wherever in the join a change is made', async () => {
  for (let step = 0; step < 6; step++) {
    const rows: number[] = []
    const change = (n: number): void => {
      rows.push(n)
      stage.endpoint.outbound.broadcast('room:1', 'plain', n)
    }
    const read = async (): Promise<unknown> => {
      await Promise.resolve()
      const state = [...rows]
      await Promise.resolve()
      return state
    }
    const stage = await start(room([], { snapshot: read }))
    const { says, wire } = stage.connect()
    says('1', '1', 'room:1', 'phx_join')
    for (let turn = 0; turn < step; turn++) await Promise.resolve()
    change(step)
    await stage.settle()
    const [reply, ...events] = told(wire.lines)
    const known = new Set([
      ...JSON.parse(reply as string),
      ...events.map((event) => JSON.parse(event.slice(6))),
    ])
    assert.deepEqual([...known], [step], `the change after ${step} microtasks`)
  }
})

for (const [what, thrown, answer] of [
  ['throws', () => Promise.reject(new Error('no database')), '1 reply error join crashed'],
  ['rejects', () => reject({ reason: 'archived' }), '1 reply error archived'],
  ['gives what does not fit', () => reject({ why: 1 }), '1 reply error join crashed'],
] as const) {
  test(`W93 a snapshot that ${what} answers error, and nothing was joined`, async () => {
    const log: string[] = []
    const sockets: Socket[] = []
    const snapshot = (socket: Socket): unknown => {
      sockets.push(socket)
      void socket.signal
      socket.push('plain', 'never told')
      return thrown()
    }
    const stage = await start(room(log, { snapshot }))
    const ends: unknown[] = []
    stage.endpoint.telemetry.on('channel.end', (_, end) => void ends.push(end))
    const { says, session, wire } = stage.connect()
    says('1', '1', 'room:1', 'phx_join')
    await stage.settle()
    assert.deepEqual(wire.lines.map(short), [answer])
    assert.deepEqual([log, ends, session.channelCount, stage.subscribers('room:1')], [[], [], 0, 0])
    assert.equal(sockets[0]?.signal.aborted, true)
    sockets[0]?.push('plain', 'late')
    assert.equal(wire.lines.length, 1)
  })
}

test('W93 a snapshot that never settles is refused with join_timeout and not terminated', async () => {
  const log: string[] = []
  const stage = await start(room(log, { snapshot: () => new Promise(() => {}) }), {
    limits: { joinTimeoutMs: 3_000 },
  })
  const before = stage.clock.pending
  const { says, wire } = stage.connect()
  says('1', '1', 'room:1', 'phx_join')
  await stage.clock.advance(2_999)
  assert.deepEqual(wire.lines, [])
  await stage.clock.advance(1)
  assert.deepEqual(wire.lines.map(short), ['1 reply error join_timeout'])
  assert.deepEqual([log, stage.subscribers('room:1'), stage.clock.pending], [[], 0, before])
})

test('W93 a client that leaves, joins again or goes while its snapshot is read leaves nothing behind', async () => {
  const log: string[] = []
  const gates = new Gates()
  const snapshot = async (): Promise<unknown> => {
    await gates.wait()
    return 'state'
  }
  const stage = await start(room(log, { snapshot }))
  const leaving = stage.connect()
  leaving.says('1', '1', 'room:1', 'phx_join')
  leaving.says('1', '2', 'room:1', 'phx_leave')
  const going = stage.connect()
  going.says('1', '1', 'room:1', 'phx_join')
  await stage.settle()
  going.session.disconnected(1006)
  assert.deepEqual(leaving.wire.lines.map(short), ['2 reply ok', '1 close'])
  gates.open()
  await stage.settle()
  assert.deepEqual([log, stage.subscribers('room:1'), leaving.wire.lines.length], [[], 0, 2])
})

test('W94 more broadcasts than may wait for a snapshot answer overloaded', async () => {
  const log: string[] = []
  const gates = new Gates()
  const snapshot = async (): Promise<unknown> => {
    await gates.wait()
    return 'state'
  }
  const stage = await start(room(log, { snapshot }), { limits: { mailbox: 3 } })
  const [many, few] = [stage.connect(), stage.connect()]
  many.says('1', '1', 'room:1', 'phx_join')
  for (let n = 0; n < 4; n++) {
    if (n === 1) few.says('1', '1', 'room:1', 'phx_join')
    stage.endpoint.outbound.broadcast('room:1', 'plain', n)
  }
  await stage.settle()
  gates.open()
  await stage.settle()
  assert.deepEqual(many.wire.lines.map(short), ['1 reply error overloaded'])
  assert.deepEqual(told(few.wire.lines), ['"state"', 'plain 1', 'plain 2', 'plain 3'])
  assert.deepEqual([stage.reached, stage.subscribers('room:1'), log], [['limits.mailbox'], 1, ['joined']])
})

test('a channel that its snapshot stops is told ok, then closed, and terminated', async () => {
  const log: string[] = []
  const snapshot = (socket: Socket): unknown => {
    socket.stop()
    return 'state'
  }
  const stage = await start(room(log, { snapshot }))
  const { says, wire } = stage.connect()
  says('1', '1', 'room:1', 'phx_join')
  await stage.settle()
  assert.deepEqual(told(wire.lines), ['"state"', 'phx_close {}'])
  assert.deepEqual(log, ['terminate stopped'])
})

test('W89 a snapshot waits for room as a join does', async () => {
  const gates = new Gates()
  const snapshot = async (): Promise<unknown> => {
    await gates.wait()
    return 'state'
  }
  const stage = await start(room([], { snapshot }), { limits: { pendingHandlers: 2 } })
  const { says, session, wire } = stage.connect()
  for (const id of ['1', '2', '3', '4']) says(id, id, `room:${id}`, 'phx_join')
  await stage.settle()
  assert.equal(session.load.pendingCallbacks, 2)
  gates.open()
  await stage.settle()
  gates.open()
  await stage.settle()
  assert.equal(wire.lines.length, 4)
})
