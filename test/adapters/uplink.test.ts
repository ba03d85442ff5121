import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backOffMs } from '../../src/adapters/back-off.ts'
import { MAX_PENDING_BYTES } from '../../src/adapters/broker-adapter.ts'
import { stage } from './lab.ts'

test('X6: the pauses between attempts double from 50 ms to 2 s, give or take 200 ms', () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6, 99].map((attempt) => backOffMs(attempt, 0.5)),
    [50, 100, 200, 400, 800, 1_600, 2_000, 2_000],
  )
  assert.deepEqual([backOffMs(0, 0), backOffMs(0, 1)], [0, 100])
  assert.deepEqual([backOffMs(9, 0), backOffMs(9, 1)], [1_800, 2_200])
})

test('X7: an engine that is silent for ten seconds is probed, and taken for deaf where the probe is not back in five', async () => {
  const { engine, adapter, clock, statuses, errors, start } = stage()
  await start()
  assert.equal(engine.probes, 1, 'it is up only when a probe has come back')
  assert.equal(typeof adapter.counts.roundTripMs, 'number')
  await clock.advance(9_000)
  engine.link.events.arrived('t', Buffer.from('x'))
  await clock.advance(10_000)
  assert.equal(engine.probes, 1)
  engine.isDeaf = true
  await clock.advance(2_000)
  assert.equal(engine.probes, 2)
  await clock.advance(6_000)
  assert.equal(adapter.status, 'down')
  assert.match(String(errors[0]), /fake at nowhere:1: a probe took longer than 5000 ms/)
  assert.deepEqual(statuses, ['up', 'down'])
  engine.isDeaf = false
  await clock.advance(8_000)
  assert.equal(adapter.status, 'up')
  await adapter.stop()
})

test('X7: an engine that does not take what is sent is probed after two seconds', async () => {
  const { engine, adapter, clock, statuses, start } = stage()
  await start()
  engine.isDeaf = true
  engine.link.pendingBytes = 1
  await clock.advance(2_000)
  assert.equal(engine.probes, 1)
  await clock.advance(1_000)
  assert.equal(engine.probes, 2)
  await clock.advance(5_000)
  assert.deepEqual(statuses, ['up', 'down'])
  await adapter.stop()
})

test('X7: an engine that takes connections and says nothing is never up', async () => {
  const { engine, adapter, clock, statuses, start } = stage()
  await start()
  engine.isSilent = true
  engine.link.events.lost(new Error('gone'))
  await clock.advance(60_000)
  assert.deepEqual(statuses, ['up', 'down'])
  engine.isSilent = false
  await clock.advance(8_000)
  assert.equal(adapter.status, 'up')
  await adapter.stop()
})

test('X8: messages are dropped and counted while it is down, or too far behind, and never sent later', async () => {
  const { engine, adapter, clock, start } = stage()
  await start()
  adapter.publish('t', Buffer.from('one'))
  engine.link.events.lost(new Error('gone'))
  adapter.publish('t', Buffer.from('two'))
  await clock.advance(3_000)
  adapter.publish('t', Buffer.from('three'))
  assert.deepEqual(engine.link.published, [['t', 'three']])
  engine.link.pendingBytes = MAX_PENDING_BYTES + 1
  adapter.publish('t', Buffer.from('four'))
  engine.link.events.dropped(3)
  assert.equal(adapter.counts.dropped, 5)
  await adapter.stop()
})

test('X9: a start without an engine fails when its time is over, and says what to do', async () => {
  const { engine, adapter, clock, start } = stage()
  engine.isAway = true
  const starting = start()
  starting.catch(() => {})
  await clock.advance(5_000)
  await assert.rejects(starting, {
    code: 'BERYL_ERR_BROKER',
    message:
      'fake at nowhere:1: out of reach for 5000 ms (connection refused): ' +
      'start it, correct the address or the credentials, or set startDegraded: true to begin without it',
  })
  await adapter.stop()
  const { attempts } = engine
  await clock.advance(60_000)
  assert.equal(engine.attempts, attempts)
  assert.equal(clock.pending, 0)
})

test('X9: startDegraded begins without the engine, which is joined when it comes', async () => {
  const { engine, adapter, clock, statuses, start } = stage({ startDegraded: true })
  engine.isAway = true
  const starting = start()
  await clock.advance(5_000)
  await starting
  assert.deepEqual(statuses, ['down'])
  const waiting = adapter.subscribe('a')
  engine.isAway = false
  await clock.advance(3_000)
  await waiting
  assert.deepEqual(statuses, ['down', 'up'])
  await adapter.stop()
})

test('X9: a restart while the engine is away begins degraded: the tree does not give up over it', async () => {
  const { engine, adapter, clock, statuses, start } = stage()
  await start()
  await adapter.stop()
  engine.isAway = true
  const again = start()
  await clock.advance(5_000)
  await again
  assert.deepEqual(statuses, ['up', 'down'])
  await adapter.stop()
})

test('X10: a stop ends a start that hangs, leaves no timer, and nothing is delivered after it', async () => {
  const { engine, adapter, clock, heard, start } = stage()
  engine.isSilent = true
  const starting = start()
  await clock.settle()
  await adapter.stop()
  await clock.settle()
  await starting
  engine.isSilent = false
  await start()
  const { link } = engine
  link.events.arrived('t', Buffer.from('before'))
  await adapter.stop()
  link.events.arrived('t', Buffer.from('after'))
  link.events.lost(new Error('late'))
  await clock.advance(60_000)
  assert.deepEqual(heard, ['t: before'])
  assert.equal(link.isClosed, true)
  assert.equal(clock.pending, 0)
})
