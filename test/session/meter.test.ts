import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rate } from '../../src/ground/rate.ts'
import { Meter } from '../../src/session/meter.ts'

// The count of each topic outlives the channel, and is forgotten in time and in number.

const meterOf = (perSecond: number): Meter =>
  new Meter({
    messages: undefined,
    channelMessages: new Rate({ perSecond, burst: 1 }),
    bytes: undefined,
    joins: undefined,
    heartbeats: new Rate({ perSecond: 1 }),
  })

test('a channel that ended has its bucket kept until it is full again', () => {
  const meter = meterOf(1)
  assert.equal(meter.channelMessage(0, 'room:1'), 0)
  meter.forget('room:1', 10)
  assert.equal(meter.channelMessage(20, 'room:1'), 980)
  meter.forget('room:1', 1_000)
  assert.equal(meter.channelMessage(1_000, 'room:1'), 0)
})

test('who goes from topic to topic has no more than 1,024 counted: the oldest are forgotten', () => {
  const meter = meterOf(0.001)
  const count = 5_000
  for (let n = 0; n < count; n++) {
    assert.equal(meter.channelMessage(n, `room:${n}`), 0)
    meter.forget(`room:${n}`, n)
  }
  const kept = (n: number): boolean => meter.channelMessage(count, `room:${n}`) > 0
  assert.equal(kept(count - 1), true)
  assert.equal(kept(count - 1_024), true)
  assert.equal(kept(count - 1_025), false)
})
