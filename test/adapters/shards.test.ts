import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerAdapter } from '../../src/adapters/broker-adapter.ts'
import { Elsewhere } from '../../src/adapters/driver.ts'
import type { Layout, ShardedDriver } from '../../src/adapters/sharded-driver.ts'
import { fakeClock } from '../../src/testing/index.ts'
import { FakeEngine } from './lab.ts'

// An engine of two servers by hand, by a clock that stands still: topics that begin with `a` are in partition 0, with `b` in 1.

function layout(...owners: (readonly [address: string, epoch: number])[]): Layout {
  return owners.map(([address, epoch]) => ({ address, epoch }))
}

function stage() {
  const clock = fakeClock()
  const engines = { A: new FakeEngine(), B: new FakeEngine(), C: new FakeEngine() }
  const engine = { view: layout(['A', 1], ['B', 2]), isAway: false, surveys: 0, lookups: 0 }
  const driver: ShardedDriver = {
    name: 'fake',
    address: 'nowhere',
    maxMessageBytes: 1_000,
    partitionOf(topic) {
      engine.lookups++
      return { a: 0, b: 1 }[topic[0] ?? '']
    },
    at: (address) => engines[address as keyof typeof engines],
    scout: () => ({
      async survey() {
        engine.surveys++
        if (engine.isAway) throw new Error('nobody answers')
        return engine.view
      },
      giveUp() {},
      close() {},
    }),
  }
  const options = { prefix: 'beryl:', connectTimeoutMs: 5_000, startDegraded: false }
  const adapter = new BrokerAdapter(driver, options, clock, () => 0)
  const statuses: string[] = []
  const start = async (): Promise<void> => {
    const starting = adapter.start(
      'node',
      () => {},
      (status) => void statuses.push(status),
    )
    await clock.settle()
    await starting
  }
  return { ...engines, clock, engine, adapter, statuses, start }
}

/** The topics that were asked for at a server, command by command. */
const asked = (engine: FakeEngine): string[][] => engine.sent('subscribe').map((topics) => [...topics])

test('X27: a topic is asked for at the owner of its partition, and is published there', async () => {
  const { A, B, adapter, clock, statuses, start } = stage()
  await start()
  const both = Promise.all([adapter.subscribe('a1'), adapter.subscribe('b1')])
  await clock.advance(0)
  await both
  adapter.publish('a1', Buffer.from('one'))
  adapter.publish('b2', Buffer.from('two'))
  assert.deepEqual([asked(A), asked(B)], [[['a1']], [['b1']]])
  assert.deepEqual([A.link.published, B.link.published], [[['a1', 'one']], [['b2', 'two']]])
  assert.deepEqual(statuses, ['up'])
  await adapter.stop()
  assert.equal(clock.pending, 0)
})

test('X28: a server that is lost makes it partial: its topics are deaf, and nobody waits for them; the talk of nodes moves to another', async () => {
  const { A, B, adapter, clock, statuses, start } = stage()
  await start()
  const all = Promise.all(['a1', 'b1', 'control'].map((topic) => adapter.subscribe(topic)))
  await clock.advance(0)
  await all
  assert.deepEqual(asked(A), [['a1', 'control']])
  A.isAway = true
  A.link.events.lost(new Error('gone'))
  await clock.advance(0)
  // Once more when the talk of nodes is heard again.
  assert.deepEqual(statuses, ['up', 'partial', 'partial'])
  assert.deepEqual(
    ['a1', 'b1', 'control'].map((topic) => adapter.isDeaf(topic)),
    [true, false, false],
  )
  assert.deepEqual(asked(B), [['b1'], ['control']])
  assert.deepEqual(
    adapter.links?.map(({ address, status, topics }) => [address, status, topics]),
    [
      ['A', 'down', 1],
      ['B', 'up', 2],
    ],
  )
  adapter.publish('a1', Buffer.from('lost'))
  assert.equal(adapter.counts.dropped, 1)
  A.isAway = false
  await clock.advance(2_000)
  assert.deepEqual(statuses, ['up', 'partial', 'partial', 'up'])
  assert.equal(adapter.counts.resubscribed, 2)
  await adapter.stop()
})

test('X29: topics follow their partition to its next owner, with those who wait; an owner of nothing is left', async () => {
  const { A, C, adapter, clock, engine, start } = stage()
  await start()
  A.isHolding = true
  const waiting = adapter.subscribe('a1')
  await clock.advance(0)
  engine.view = layout(['C', 3], ['B', 2])
  await clock.advance(2_000)
  await waiting
  assert.deepEqual(asked(C), [['a1']])
  assert.equal(A.link.isClosed, true)
  assert.deepEqual(adapter.links?.map(({ address }) => address).toSorted(), ['B', 'C'])
  await adapter.stop()
})

test('X29: a survey that finds what the last one found looks at no topic', async () => {
  const { adapter, clock, engine, start } = stage()
  await start()
  const both = Promise.all([adapter.subscribe('a1'), adapter.subscribe('b1')])
  await clock.advance(0)
  await both
  const { surveys, lookups } = engine
  engine.view = layout(['A', 4], ['B', 2])
  await clock.advance(10_000)
  assert.ok(engine.surveys >= surveys + 5)
  assert.equal(engine.lookups, lookups)
  engine.view = layout(['A', 4], ['A', 5])
  await clock.advance(2_000)
  assert.ok(engine.lookups > lookups)
  await adapter.stop()
})

test('X30: a view that is older than the known one is passed over, unless the owner itself has sent us elsewhere', async () => {
  const { A, C, adapter, clock, engine, start } = stage()
  await start()
  engine.view = layout(['C', 3], ['B', 2])
  await clock.advance(2_000)
  engine.view = layout(['A', 1], ['B', 2])
  await clock.advance(10_000)
  const asking = adapter.subscribe('a1')
  await clock.advance(0)
  await asking
  assert.deepEqual(asked(C), [['a1']])
  C.link.events.elsewhere?.()
  await clock.advance(1_000)
  assert.deepEqual(asked(A), [['a1']])
  await adapter.stop()
})

test('X30: a topic that its server ends, or does not take, is asked for again after each look, and it is partial until it is heard', async () => {
  const { A, adapter, clock, statuses, start } = stage()
  await start()
  const first = adapter.subscribe('a1')
  await clock.advance(0)
  await first
  A.isHolding = true
  A.link.events.elsewhere?.('a1')
  assert.deepEqual(statuses, ['up', 'partial'])
  assert.equal(adapter.isDeaf('a1'), true)
  await clock.advance(50)
  const second = A.link.commands.at(-1)
  assert.deepEqual(second?.topics, ['a1'])
  second?.fail(new Elsewhere('MOVED', ['a1']))
  await clock.advance(250)
  assert.equal(adapter.status, 'partial')
  A.isHolding = false
  A.link.commands.at(-1)?.confirm()
  await clock.advance(0)
  assert.deepEqual(statuses, ['up', 'partial', 'up'])
  assert.equal(adapter.counts.resubscribed, 1)
  await adapter.stop()
})

test('X30: who is sent elsewhere again and again looks as soon as who was once', async () => {
  const { A, C, adapter, clock, engine, start } = stage()
  await start()
  engine.view = layout(['C', 3], ['B', 2])
  for (let n = 0; n < 20; n++) {
    A.link.events.elsewhere?.()
    await clock.advance(5)
  }
  assert.equal(C.links.length, 1)
  await adapter.stop()
})

test('X30: of the topics of a command only those are elsewhere that are named; who leaves one of them is not asked for', async () => {
  const { A, adapter, clock, start } = stage()
  await start()
  A.isHolding = true
  const [one, two] = ['a1', 'a2', 'a3'].map((topic) => adapter.subscribe(topic))
  await clock.advance(0)
  A.link.commands.at(-1)?.fail(new Elsewhere('MOVED', ['a2', 'a3']))
  await clock.settle()
  await one
  adapter.unsubscribe('a3')
  await clock.advance(2_000)
  assert.deepEqual(A.link.commands.at(-1)?.topics, ['a2'])
  A.link.commands.at(-1)?.confirm()
  await two
  await adapter.stop()
})

test('X31: a start that no server answers, or not all, fails when its time is over, and names them', async () => {
  const { A, adapter, clock, engine, start } = stage()
  engine.isAway = true
  const nobody = start()
  nobody.catch(() => {})
  await clock.advance(5_000)
  await assert.rejects(nobody, /fake at nowhere: out of reach for 5000 ms \(nobody answers\)/)
  await adapter.stop()
  engine.isAway = false
  A.isAway = true
  const some = start()
  some.catch(() => {})
  await clock.advance(5_000)
  await assert.rejects(some, /fake at nowhere: out of reach for 5000 ms \(A: connection refused\)/)
  await adapter.stop()
  assert.equal(clock.pending, 0)
})
