import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import {
  type BerylOptions,
  type ChannelDefinition,
  defineChannel,
  type Socket,
  stop,
} from '../../src/index.ts'
import { SessionStage, type StageClient, short } from '../support/session-stage.ts'
import { Gates } from './stage.ts'

// The timers of a socket: in the channel's turn, and gone with it.

const Any = Type.Unknown()

interface Stage {
  readonly stage: SessionStage
  readonly client: StageClient
  readonly socket: Socket
  readonly gates: Gates
  readonly log: string[]
  /** The timers of the clock before the channel was joined. */
  readonly before: number
}

async function joined(options: BerylOptions = {}): Promise<Stage> {
  const log: string[] = []
  const gates = new Gates()
  const sockets: Socket[] = []
  const room = defineChannel('room:*', {
    schema: { in: { wait: Any, go: Any }, out: { told: Any } },
    join: () => ({ assigns: {} }),
    joined: (socket) => void sockets.push(socket as never),
    in: {
      async wait() {
        await gates.wait()
        log.push('waited')
      },
      go: () => void log.push('went'),
    },
    terminate: ({ kind }) => void log.push(`terminate ${kind}`),
  }) as ChannelDefinition
  const stage = await SessionStage.start({ channels: [room], ...options })
  const before = stage.clock.pending
  const client = stage.connect()
  client.says('1', '1', 'room:1', 'phx_join')
  await stage.settle()
  return { stage, client, socket: sockets[0] as Socket, gates, log, before }
}

test('W100 a timer runs in the turn of its channel, behind what is at work and in its order', async () => {
  const { stage, client, socket, gates, log } = await joined()
  socket.setTimeout(() => void log.push('timer'), 100)
  client.says('1', '2', 'room:1', 'wait')
  client.says('1', '3', 'room:1', 'go')
  await stage.clock.advance(100)
  assert.deepEqual(log, [])
  gates.open()
  await stage.settle()
  assert.deepEqual(log, ['waited', 'went', 'timer'])
})

test('W100 a message waits for a timer whose callback is async', async () => {
  const { stage, client, socket, gates, log } = await joined()
  const callback = async (): Promise<void> => {
    await gates.wait()
    log.push('timer')
  }
  socket.setTimeout(callback, 0)
  await stage.clock.advance(0)
  client.says('1', '2', 'room:1', 'go')
  await stage.settle()
  assert.deepEqual(log, [])
  gates.open()
  await stage.settle()
  assert.deepEqual(log, ['timer', 'went'])
})

test('W100 an interval waits for its turn once at the most', async () => {
  const { stage, client, socket, gates, log } = await joined()
  socket.setInterval(() => void log.push('tick'), 10)
  await stage.clock.advance(30)
  assert.deepEqual(log, ['tick', 'tick', 'tick'])
  client.says('1', '2', 'room:1', 'wait')
  await stage.clock.advance(1_000)
  gates.open()
  await stage.settle()
  assert.deepEqual(log, ['tick', 'tick', 'tick', 'waited', 'tick'])
})

for (const [what, callback, kind] of [
  ['throws', () => assert.fail('thrown'), 'crashed'],
  ['rejects', () => Promise.reject(new Error('rejected')), 'crashed'],
  ['gives stop(…)', () => stop(), 'stopped'],
] as const)
  test(`W100 a timer that ${what} ends its channel, and no other`, async () => {
    const { stage, client, socket, log, before } = await joined()
    client.says('9', '9', 'room:other', 'phx_join')
    socket.setTimeout(callback as () => unknown, 5)
    socket.setInterval(() => {}, 5)
    await stage.clock.advance(5)
    assert.deepEqual(log, [`terminate ${kind}`])
    const last = kind === 'crashed' ? '1 error channel_crash' : '1 close'
    assert.equal(short(client.wire.lines.at(-1) as never), last)
    assert.deepEqual([client.session.channelCount, stage.clock.pending], [1, before])
  })

test('W101 timers are gone with their channel, also those that are due and those that are set afterwards', async () => {
  const { stage, client, socket, gates, log, before } = await joined()
  socket.setTimeout(() => void log.push('due'), 10)
  socket.setTimeout(() => void log.push('late'), 1_000)
  socket.setInterval(() => void log.push('tick'), 10)
  client.says('1', '2', 'room:1', 'wait')
  await stage.clock.advance(10)
  client.session.disconnected(1006)
  assert.equal(stage.clock.pending, before)
  socket.setTimeout(() => void log.push('afterwards'), 0)
  assert.equal(stage.clock.pending, before)
  gates.open()
  await stage.clock.advance(2_000)
  assert.deepEqual(log, ['terminate closed', 'waited'])
})

test('W101 a timer that was cancelled does not run, also where it is due already', async () => {
  const { stage, client, socket, gates, log, before } = await joined()
  const [due, early] = [10, 1_000].map((ms) => socket.setTimeout(() => void log.push('timer'), ms))
  client.says('1', '2', 'room:1', 'wait')
  await stage.clock.advance(10)
  due?.cancel()
  early?.cancel()
  early?.cancel()
  gates.open()
  await stage.clock.advance(2_000)
  assert.deepEqual(log, ['waited'])
  assert.equal(stage.clock.pending, before)
})

test('W101 limits.timers at the limit: throws, and a timer that ran or was cancelled makes room', async () => {
  const { stage, socket } = await joined({ limits: { timers: 2 } })
  const set = () => socket.setTimeout(() => {}, 10)
  const first = set()
  set()
  const full = {
    code: 'BERYL_ERR_TIMER_LIMIT',
    message:
      "channel 'room:*': limits.timers: wanted at most 2 timers, got one more: cancel those that are over",
  }
  assert.throws(set, full)
  assert.deepEqual(stage.reached, ['limits.timers'])
  first.cancel()
  set()
  assert.throws(set, full)
  await stage.clock.advance(10)
  set()
  const off = await joined({ limits: { timers: false } })
  for (let n = 0; n < 1_000; n++) off.socket.setInterval(() => {}, 10)
})

test('what is no timer is refused, with what was wanted', async () => {
  const { socket } = await joined()
  for (const ms of [-1, Number.NaN, 2 ** 31, '5', undefined])
    assert.throws(() => socket.setTimeout(() => {}, ms as number), {
      code: 'BERYL_ERR_ARGUMENT',
      message: /^socket\.setTimeout: ms: wanted milliseconds from 0 to 2147483647, got/,
    })
  assert.throws(() => socket.setInterval(() => {}, 0), /socket\.setInterval: ms: wanted milliseconds from 1/)
  assert.throws(() => socket.setInterval('now' as never, 1), /callback: wanted a function, got "now"/)
})

test('W100 a timer that snapshot sets runs behind the reply and joined', async () => {
  const log: string[] = []
  const gates = new Gates()
  const room = defineChannel('room:*', {
    schema: { join: { reply: Any } },
    join: () => ({ assigns: {} }),
    async snapshot(socket) {
      socket.setTimeout(() => void log.push('timer'), 5)
      await gates.wait()
      return 'state'
    },
    joined: () => void log.push('joined'),
  }) as ChannelDefinition
  const stage = await SessionStage.start({ channels: [room] })
  const { says } = stage.connect()
  says('1', '1', 'room:1', 'phx_join')
  await stage.clock.advance(5)
  assert.deepEqual(log, [])
  gates.open()
  await stage.settle()
  assert.deepEqual(log, ['joined', 'timer'])
})

test('W101 timers that are cancelled while they wait for their turn count until it comes: a channel at work collects no more than the limit', async () => {
  const { stage, client, socket, gates, log } = await joined({ limits: { timers: 5 } })
  client.says('1', '2', 'room:1', 'wait')
  const debounce = async (): Promise<void> => {
    const timer = socket.setTimeout(() => void log.push('timer'), 1)
    await stage.clock.advance(1)
    timer.cancel()
  }
  for (let n = 0; n < 5; n++) await debounce()
  await assert.rejects(debounce(), { code: 'BERYL_ERR_TIMER_LIMIT' })
  assert.equal(client.session.load.waitingMessages, 5)
  gates.open()
  await stage.settle()
  for (let n = 0; n < 20; n++) await debounce()
  assert.equal(client.session.load.waitingMessages, 0)
  assert.ok(log.includes('timer'), 'they run where nothing is at work')
})

test('W101 an interval that cancels itself in its own turn makes room, also where that is async', async () => {
  const { stage, socket, gates } = await joined({ limits: { timers: 1 } })
  let ticks = 0
  for (const pause of [() => undefined, () => gates.wait()]) {
    const timer = socket.setInterval(() => {
      ticks++
      timer.cancel()
      return pause()
    }, 1)
    await stage.clock.advance(5)
  }
  socket.setTimeout(() => {}, 1)
  gates.open()
  await stage.clock.advance(5)
  socket.setTimeout(() => {}, 1)
  assert.equal(ticks, 2)
})
