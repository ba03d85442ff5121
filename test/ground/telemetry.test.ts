import assert from 'node:assert/strict'
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { test } from 'node:test'
import { Telemetry } from '../../src/ground/telemetry.ts'

test('an event reaches its listeners, until they are taken off', () => {
  const telemetry = new Telemetry()
  const heard: unknown[] = []
  const off = telemetry.on('pubsub.ignored', ({ envelopes }, { reason }) => heard.push([envelopes, reason]))
  telemetry.emit('pubsub.ignored', { envelopes: 1 }, { reason: 'seen before' })
  telemetry.emit('connection.error', {}, { connectionId: 'a', error: undefined })
  off()
  telemetry.emit('pubsub.ignored', { envelopes: 2 }, { reason: 'seen before' })
  assert.deepEqual(heard, [[1, 'seen before']])
})

test('the same event is published on the diagnostics channel of its name', () => {
  const heard: unknown[] = []
  const listener = (message: unknown): void => void heard.push(message)
  subscribe('fastify-beryl:pubsub.ignored', listener)
  try {
    new Telemetry().emit('pubsub.ignored', { envelopes: 1 }, { reason: 'seen before' })
  } finally {
    unsubscribe('fastify-beryl:pubsub.ignored', listener)
  }
  assert.deepEqual(heard, [{ measurements: { envelopes: 1 }, metadata: { reason: 'seen before' } }])
})

test('a probe knows whether anybody listens, of either kind', () => {
  const telemetry = new Telemetry()
  const probe = telemetry.probe('message.handled')
  assert.equal(telemetry.probe('message.handled'), probe)
  assert.equal(probe.isHeard, false)
  const off = telemetry.on('message.handled', () => {})
  assert.equal(probe.isHeard, true)
  off()
  assert.equal(probe.isHeard, false)
  const listener = (): void => {}
  const diagnostics = channel('fastify-beryl:message.handled')
  diagnostics.subscribe(listener)
  assert.equal(probe.isHeard, true)
  diagnostics.unsubscribe(listener)
  assert.equal(probe.isHeard, false)
})

test('a listener that throws is taken off and reported, and the others are called', () => {
  const telemetry = new Telemetry()
  const error = new Error('broken')
  const heard: string[] = []
  const failed: unknown[] = []
  telemetry.on('telemetry.failed', (_, metadata) => failed.push(metadata))
  telemetry.on('pubsub.ignored', () => {
    heard.push('broken')
    throw error
  })
  telemetry.on('pubsub.ignored', () => heard.push('whole'))
  for (let n = 0; n < 2; n++) telemetry.emit('pubsub.ignored', { envelopes: 1 }, { reason: '' })
  assert.deepEqual(heard, ['broken', 'whole', 'whole'])
  assert.deepEqual(failed, [{ name: 'pubsub.ignored', error }])
})

test('a listener of failed listeners that throws is taken off too', () => {
  const telemetry = new Telemetry()
  const fail = (): void => {
    throw new Error('broken')
  }
  telemetry.on('telemetry.failed', fail)
  telemetry.on('pubsub.ignored', fail)
  telemetry.emit('pubsub.ignored', { envelopes: 1 }, { reason: '' })
  assert.equal(telemetry.probe('telemetry.failed').isHeard, false)
  assert.equal(telemetry.probe('pubsub.ignored').isHeard, false)
})
