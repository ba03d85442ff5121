import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InFlight } from '../../src/session/in-flight.ts'
import type { Wire } from '../../src/session/wire.ts'
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts'

const fault = new Error('a fault of the library')
const failing = (): never => {
  throw fault
}

function stage(): { inFlight: InFlight; clock: FakeClock; faults: unknown[] } {
  const faults: unknown[] = []
  const wire = { pause() {}, resume() {} } as Partial<Wire> as Wire
  const clock = fakeClock()
  const client = { wire, broke: (error: unknown) => void faults.push(error) }
  return { inFlight: new InFlight(client, 1, clock), clock, faults }
}

test('a fault behind the wake-up of a waiting topic ends the connection, not the process', async () => {
  const { inFlight, faults } = stage()
  inFlight.began()
  inFlight.wait({ proceed: failing, overdue() {} })
  inFlight.done()
  await Promise.resolve()
  assert.deepEqual(faults, [fault])
})

test('a fault behind the end of a pause ends the connection, not the process', async () => {
  const { inFlight, clock, faults } = stage()
  inFlight.began()
  inFlight.wait({ proceed() {}, overdue: failing })
  await clock.advance(1_000)
  assert.deepEqual(faults, [fault])
})
