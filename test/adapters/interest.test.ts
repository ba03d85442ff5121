import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stage } from './lab.ts'

test('X1: what is subscribed to in one turn leaves as one command for 512 topics each', async () => {
  const { engine, adapter, clock, start } = stage()
  await start()
  const topics = Array.from({ length: 1_100 }, (_, n) => `t${n}`)
  const waits = topics.map((topic) => adapter.subscribe(topic))
  assert.deepEqual(engine.sent('subscribe'), [])
  await clock.settle()
  await Promise.all(waits)
  assert.deepEqual(
    engine.sent('subscribe').map(({ length }) => length),
    [512, 512, 76],
  )
  assert.deepEqual(engine.sent('subscribe').flat(), topics)
  await adapter.stop()
})

test('X1: a hundred thousand topics of one turn are 196 commands, and so are they when they are left, and over a new link', async () => {
  const { engine, adapter, clock, start } = stage()
  await start()
  const topics = Array.from({ length: 100_000 }, (_, n) => `t${n}`)
  const waits = topics.map((topic) => adapter.subscribe(topic))
  await clock.settle()
  await Promise.all(waits)
  assert.equal(engine.sent('subscribe').length, 196)
  engine.link.events.lost(new Error('gone'))
  await clock.advance(1_000)
  assert.equal(adapter.status, 'up')
  assert.equal(engine.sent('subscribe').length, 196)
  assert.equal(adapter.counts.resubscribed, 100_000)
  for (const topic of topics) adapter.unsubscribe(topic)
  await clock.advance(3_000)
  assert.equal(engine.sent('unsubscribe').length, 196)
  assert.equal(adapter.topicCount, 0)
  await adapter.stop()
})

test('X2: a topic stays for two seconds after its last member, and who comes back in that time is no command', async () => {
  const { engine, adapter, clock, start } = stage()
  await start()
  void adapter.subscribe('a')
  await clock.settle()
  adapter.unsubscribe('a')
  await clock.advance(1_999)
  assert.equal(adapter.subscribe('a'), undefined, 'nothing to wait for')
  await clock.advance(5_000)
  assert.deepEqual(engine.sent('unsubscribe'), [])
  adapter.unsubscribe('a')
  await clock.advance(2_000)
  await clock.settle()
  assert.deepEqual(engine.sent('unsubscribe'), [['a']])
  assert.equal(adapter.topicCount, 0)
  await adapter.stop()
})

test('X2: topics that linger are left together when their time is over', async () => {
  const { engine, adapter, clock, start } = stage()
  await start()
  for (const topic of ['a', 'b', 'c']) void adapter.subscribe(topic)
  await clock.settle()
  adapter.unsubscribe('a')
  adapter.unsubscribe('b')
  await clock.advance(1_000)
  adapter.unsubscribe('c')
  await clock.advance(1_000)
  await clock.settle()
  assert.deepEqual(engine.sent('unsubscribe'), [['a', 'b']])
  await clock.advance(1_000)
  await clock.settle()
  assert.deepEqual(engine.sent('unsubscribe'), [['a', 'b'], ['c']])
  await adapter.stop()
})

test('X1: there is never more than one command for a topic under way, and the last word counts', async () => {
  const { engine, adapter, clock, start } = stage()
  await start()
  engine.isHolding = true
  const first = adapter.subscribe('a')
  await clock.settle()
  adapter.unsubscribe('a')
  const second = adapter.subscribe('a')
  await clock.settle()
  assert.deepEqual(engine.sent('subscribe'), [['a']])
  engine.link.commands[0]?.confirm()
  await Promise.all([first, second])
  adapter.unsubscribe('a')
  await clock.advance(2_000)
  await clock.settle()
  assert.deepEqual(engine.sent('unsubscribe'), [['a']])
  const third = adapter.subscribe('a')
  await clock.settle()
  assert.equal(engine.link.commands.length, 2, 'it waits for the end of the unsubscribe')
  engine.link.commands[1]?.confirm()
  await clock.settle()
  assert.deepEqual(engine.sent('subscribe'), [['a'], ['a']])
  engine.link.commands[2]?.confirm()
  await third
  await adapter.stop()
})

test('X3: one refused topic of a command is found, the others are heard, and it is asked for again over the next link', async () => {
  const { engine, adapter, clock, statuses, start } = stage()
  await start()
  engine.forbidden.add('b')
  const waits = ['a', 'b', 'c'].map((topic) => Promise.resolve(adapter.subscribe(topic)))
  const outcomes = Promise.allSettled(waits)
  await clock.settle()
  assert.deepEqual(
    (await outcomes).map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  assert.equal(adapter.counts.refused, 1)
  assert.equal(adapter.status, 'up')
  engine.forbidden.clear()
  engine.link.events.lost(new Error('gone'))
  await clock.advance(3_000)
  assert.deepEqual(statuses, ['up', 'down', 'up'])
  assert.deepEqual(engine.sent('subscribe'), [['a', 'b', 'c']])
  assert.equal(adapter.counts.resubscribed, 2)
  await adapter.stop()
})

test('X4: after a lost link everything that is still wanted is subscribed to again before the adapter is up', async () => {
  const { engine, adapter, clock, statuses, start } = stage()
  await start()
  for (const topic of ['a', 'b', 'c']) void adapter.subscribe(topic)
  await clock.settle()
  adapter.unsubscribe('c')
  engine.isHolding = true
  engine.link.events.lost(new Error('gone'))
  const while_down = adapter.subscribe('d')
  await clock.advance(3_000)
  assert.equal(adapter.status, 'down')
  assert.deepEqual(engine.sent('subscribe'), [['a', 'b', 'd']])
  engine.link.commands[0]?.confirm()
  await while_down
  await clock.settle()
  assert.deepEqual(statuses, ['up', 'down', 'up'])
  assert.deepEqual(adapter.counts.resubscribed, 2)
  await adapter.stop()
})

test('X5: a command that is not confirmed within five seconds ends the link', async () => {
  const { engine, adapter, clock, statuses, start } = stage()
  await start()
  engine.isHolding = true
  const waiting = adapter.subscribe('a')
  await clock.settle()
  engine.isHolding = false
  await clock.advance(5_000)
  await clock.advance(3_000)
  await waiting
  assert.deepEqual(statuses, ['up', 'down', 'up'])
  assert.equal(engine.links.length, 2)
  assert.equal(engine.links[0]?.isClosed, true)
  await adapter.stop()
})
