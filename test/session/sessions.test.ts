import { strict as assert } from 'node:assert'
import { beforeEach, describe, test } from 'node:test'
import Fastify from 'fastify'
import { Type } from 'typebox'
import { defineChannel } from '../../src/index.ts'
import { Endpoint } from '../../src/node/endpoint.ts'
import { resolveOptions } from '../../src/node/options.ts'
import { framePayload, splitFrames } from '../../src/protocol/frame.ts'
import { v2 } from '../../src/protocol/v2.ts'
import type { Session } from '../../src/session/session.ts'
import type { Sessions } from '../../src/session/sessions.ts'
import type { Wire } from '../../src/session/wire.ts'
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts'

const room = defineChannel('room:*', {
  schema: { in: { echo: { payload: Type.Unknown(), reply: Type.Unknown() } } },
  join: () => ({ assigns: {} }),
  in: { echo: (payload) => payload },
})

/** A connection that remembers what was done to it, in order. */
class WireLog implements Wire {
  readonly log: string[] = []
  readonly bufferedBytes = 0
  sentBytes = 0
  bytesRead = 0

  write(frames: Buffer): void {
    this.sentBytes += frames.length
    for (const frame of splitFrames(frames)) this.log.push(framePayload(frame).toString())
  }

  close(code: number, reason: string): void {
    this.log.push(`close ${code} ${reason}`.trim())
  }

  terminate(): void {
    this.log.push('terminate')
  }

  pause(): void {}

  resume(): void {}
}

describe('sessions', () => {
  let clock: FakeClock
  let endpoint: Endpoint
  let sessions: Sessions
  let closed: string[]

  beforeEach(async () => {
    clock = fakeClock()
    const heartbeat = { intervalMs: 8_000, timeoutMs: 16_000 }
    endpoint = new Endpoint(resolveOptions({ channels: [room], clock, heartbeat }))
    endpoint.host.attach(Fastify())
    await endpoint.startPubSub()
    sessions = endpoint.startSessions()
    closed = []
    endpoint.telemetry.on('connection.close', (_, { code, reason }) => closed.push(`${code} ${reason}`))
  })

  function connect(connectionTopic?: string): { session: Session; wire: WireLog } {
    const wire = new WireLog()
    const id = endpoint.makeConnectionId()
    const connection = { id, assigns: {} as never, ip: '::1', transport: 'test', connectedAt: 0 } as const
    const session = sessions.open(
      { connection, codec: v2, connectionTopic, expiresAt: undefined, renew: undefined },
      wire,
      endpoint.terms,
    )
    return { session, wire }
  }

  function says(session: Session, text: string): void {
    session.receive(Buffer.from(text), false)
  }

  test('W79 all are closed with 1012 when the coordinator crashes, for clients come back on that', () => {
    const { wire } = connect()
    sessions.kill()
    assert.deepEqual(wire.log, ['close 1012'])
    assert.deepEqual(closed, ['1012 restart'])
  })

  test('W79 who is let in by a coordinator that has ended is closed at once', () => {
    sessions.kill()
    assert.deepEqual(connect().wire.log, ['close 1012'])
  })

  test('W78 all are closed with 1012 when the server goes', () => {
    const { wire } = connect()
    sessions.shutdown('shutdown')
    assert.deepEqual(wire.log, ['close 1012'])
    assert.deepEqual(closed, ['1012 drain'])
  })

  test('W77 a disconnect closes those with that topic with 1001, and nobody else', () => {
    const [first, second, other, none] = [connect('user:1'), connect('user:1'), connect('user:2'), connect()]
    sessions.disconnect('user:1')
    sessions.disconnect('user:1')
    assert.deepEqual([first.wire.log, second.wire.log], [['close 1001'], ['close 1001']])
    assert.deepEqual([other.wire.log, none.wire.log], [[], []])
    assert.deepEqual(closed, ['1001 disconnect', '1001 disconnect'])
  })

  test('W77 what was answered before a disconnect leaves before the close', () => {
    const { session, wire } = connect('user:1')
    says(session, '["1","1","room:1","phx_join",{}]')
    says(session, '["1","2","room:1","echo",{"a":1}]')
    sessions.disconnect('user:1')
    assert.deepEqual(wire.log, [
      '["1","1","room:1","phx_reply",{"response":{},"status":"ok"}]',
      '["1","2","room:1","phx_reply",{"response":{"a":1},"status":"ok"}]',
      'close 1001',
    ])
  })

  test('W16 nothing is heard and nothing is said behind a close', async () => {
    const { session, wire } = connect()
    says(session, 'not json')
    says(session, '[null,"1","phoenix","heartbeat",{}]')
    await clock.settle()
    assert.deepEqual(wire.log, ['close 1007 not JSON'])
  })

  test('W75 the channels of a client that is gone have ended, and nothing of it is left', () => {
    const { session } = connect('user:1')
    says(session, '["1","1","room:1","phx_join",{}]')
    assert.equal(endpoint.pubsub?.subscriberCount('room:1'), 1)
    session.disconnected(1006)
    assert.equal(endpoint.pubsub?.topicCount, 0)
    assert.deepEqual([sessions.connectionCount, sessions.channelCount], [0, 0])
    assert.deepEqual(closed, ['1006 '])
  })

  test('W76 a client that sends no byte for the timeout is closed with 1001', async () => {
    const { wire } = connect()
    await clock.advance(15_000)
    assert.deepEqual(wire.log, [])
    await clock.advance(3_000)
    assert.deepEqual(wire.log, ['close 1001 idle timeout'])
  })

  test('W76 any byte of the client puts that off, what the server sends does not', async () => {
    const silent = connect()
    const alive = connect()
    says(silent.session, '["1","1","room:1","phx_join",{}]')
    for (let second = 0; second < 20; second++) {
      alive.wire.bytesRead++
      silent.session.send(v2.encodeBroadcast('room:1', 'tick', {}) as Buffer)
      await clock.advance(1_000)
    }
    assert.equal(silent.wire.log.at(-1), 'close 1001 idle timeout')
    assert.deepEqual(alive.wire.log, [])
  })

  test('W76 a check that ran late closes nobody: their bytes had no chance to be read', async () => {
    const looks: (() => void)[] = []
    const sweep = (): void => {
      for (const look of looks) look()
    }
    const blocked: FakeClock = {
      ...clock,
      setInterval(run) {
        looks.push(run)
        return { cancel() {} }
      },
    }
    endpoint = new Endpoint(
      resolveOptions({ clock: blocked, heartbeat: { timeoutMs: 16_000, intervalMs: 8_000 } }),
    )
    await endpoint.startPubSub()
    sessions = endpoint.startSessions()
    const { wire } = connect()
    await clock.advance(60_000)
    sweep()
    assert.deepEqual(wire.log, [])
    for (let at = 0; at < 16_000; at += 2_000) {
      await clock.advance(2_000)
      sweep()
    }
    assert.deepEqual(wire.log, ['close 1001 idle timeout'])
  })
})
