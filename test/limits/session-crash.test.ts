import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { Endpoint } from '../../src/node/endpoint.ts'
import { resolveOptions } from '../../src/node/options.ts'
import { v2 } from '../../src/protocol/v2.ts'
import type { Wire } from '../../src/session/wire.ts'
import { fakeClock } from '../../src/testing/index.ts'
import { makeRoom } from './stage.ts'

class RecordingWire implements Wire {
  readonly bufferedBytes = 0
  readonly sentBytes = 0
  readonly bytesRead = 0
  readonly closed: number[] = []
  writes = 0
  write(): void {
    this.writes++
  }
  close(code: number): void {
    this.closed.push(code)
  }
  terminate(): void {}
  pause(): void {}
  resume(): void {}
}

test('a fault of the library while it handles a message ends that session with 1011, and no other', async () => {
  const clock = fakeClock()
  const endpoint = new Endpoint(resolveOptions({ channels: [makeRoom()], clock }))
  endpoint.host.attach(Fastify())
  await endpoint.startPubSub()
  const sessions = endpoint.startSessions()
  const open = (id: string) => {
    const connection = { id, assigns: {}, ip: '', transport: 'test', connectedAt: 0 } as const
    const wire = new RecordingWire()
    const admission = {
      connection,
      codec: v2,
      connectionTopic: undefined,
      expiresAt: undefined,
      renew: undefined,
    }
    return { session: sessions.open(admission, wire, endpoint.terms), wire }
  }
  const [victim, other] = [open('a'), open('b')]
  const crashes: unknown[] = []
  endpoint.telemetry.on('connection.crash', (_, metadata) => crashes.push(metadata))
  // Stands for a bug.
  const error = new Error('a bug')
  endpoint.router.match = () => {
    throw error
  }
  const send = ({ session }: typeof victim, frame: string) => session.receive(Buffer.from(frame), false)
  send(victim, '["1","1","room:1","phx_join",{}]')
  send(other, '[null,"1","phoenix","heartbeat",{}]')
  await clock.settle()
  assert.deepEqual(victim.wire.closed, [1011])
  assert.deepEqual([other.wire.closed, other.wire.writes], [[], 1])
  assert.deepEqual(crashes, [{ connectionId: 'a', error }])
  assert.equal(sessions.connectionCount, 1)
})
