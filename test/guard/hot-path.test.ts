import assert from 'node:assert/strict'
import { syncBuiltinESMExports } from 'node:module'
import { type TestContext, test } from 'node:test'
import zlib from 'node:zlib'
import { systemClock } from '../../src/ground/clock.ts'
import { type Frame, framePayload, splitFrames } from '../../src/protocol/frame.ts'
import { v1 } from '../../src/protocol/v1.ts'
import { v2 } from '../../src/protocol/v2.ts'
import { Deflater } from '../../src/transport/websocket/deflater.ts'
import { until } from '../support/until.ts'
import { type Client, frameOf, Stage } from './stage.ts'

// The cost of one operation, counted, not timed: promises, timers, encodes and writes. A change that makes the hot path
// dearer fails here, on any machine.

const writesOf = (clients: readonly Client[]): number[] => clients.map(({ wire }) => wire.writes.length)

test('a push to a sync handler and its reply cost no promise, no timer, one encode and one write', async () => {
  const stage = await new Stage().start()
  const [client] = (await stage.join(1)) as [Client]
  const frame = frameOf('echo', { n: 1 })
  const cost = await stage.cost(() => client.session.receive(frame, false))
  assert.deepEqual(cost, { promises: 0, timers: 0, immediates: 1, encodes: 1, joins: 0 })
  assert.deepEqual(writesOf([client]), [1])
})

test('16 pushes of one turn and their replies leave in one write', async () => {
  const stage = await new Stage().start()
  const [client] = (await stage.join(1)) as [Client]
  const frame = frameOf('echo', { n: 1 })
  const cost = await stage.cost(() => {
    for (let push = 0; push < 16; push++) client.session.receive(frame, false)
  })
  assert.deepEqual(cost, { promises: 0, timers: 0, immediates: 1, encodes: 16, joins: 1 })
  assert.deepEqual(writesOf([client]), [1])
})

test('a heartbeat costs no promise and no timer', async () => {
  const stage = await new Stage().start()
  const { session } = stage.connect()
  const frame = Buffer.from('[null,"1","phoenix","heartbeat",{}]')
  const cost = await stage.cost(() => session.receive(frame, false))
  assert.deepEqual(cost, { promises: 0, timers: 0, immediates: 1, encodes: 1, joins: 0 })
})

test('a broadcast to 1,000 subscribers is encoded once; each gets the same bytes in one write', async () => {
  const stage = await new Stage().start()
  const clients = await stage.join(1_000)
  const cost = await stage.cost(() => stage.endpoint.outbound.broadcast('room:1', 'shouted', { n: 1 }))
  assert.deepEqual(cost, { promises: 0, timers: 0, immediates: 1, encodes: 1, joins: 0 })
  assert.ok(
    clients.every(({ wire }) => wire.writes.length === 1 && wire.writes[0] === clients[0]?.wire.writes[0]),
  )
})

test('16 broadcasts of one turn are encoded 16 times, joined once, and written once to each of 1,000', async () => {
  const stage = await new Stage().start()
  const clients = await stage.join(1_000)
  const cost = await stage.cost(() => {
    for (let n = 0; n < 16; n++) stage.endpoint.outbound.broadcast('room:1', 'shouted', { n })
  })
  assert.deepEqual(cost, { promises: 0, timers: 0, immediates: 1, encodes: 16, joins: 1 })
  assert.ok(
    clients.every(({ wire }) => wire.writes.length === 1 && wire.writes[0] === clients[0]?.wire.writes[0]),
  )
})

test('subscribers of both versions, mixed, cost one encode, and one join for each version', async () => {
  const stage = await new Stage().start()
  const clients: Client[] = []
  for (let pair = 0; pair < 50; pair++)
    clients.push(...(await stage.join(1, v1)), ...(await stage.join(1, v2)))
  const cost = await stage.cost(() => {
    for (let n = 0; n < 4; n++) stage.endpoint.outbound.broadcast('room:1', 'shouted', { n })
  })
  assert.deepEqual(cost, { promises: 0, timers: 0, immediates: 1, encodes: 4, joins: 2 })
  assert.equal(new Set(clients.map(({ wire }) => wire.writes[0])).size, 2)
})

/** Counts the calls of zlib while a test runs. */
function countDeflates(t: TestContext): { readonly count: number } {
  const inLoop = t.mock.method(zlib, 'deflateRawSync')
  const inThread = t.mock.method(zlib, 'deflateRaw')
  syncBuiltinESMExports()
  t.after(() => {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
  return {
    get count() {
      return inLoop.mock.callCount() + inThread.mock.callCount()
    },
  }
}

/** So many who agreed to compression, each with what it is written. */
async function compressedCrowd(size: number): Promise<{ stage: Stage; clients: Frame[][] }> {
  const stage = await new Stage().start()
  const deflater = new Deflater(1_024, stage.clock)
  const clients: Frame[][] = []
  for (let n = 0; n < size; n++) clients.push(await stage.joinCompressed(deflater))
  return { stage, clients }
}

const LARGE = 'a sentence that says the same. '.repeat(50)

test('W124 a broadcast to 1,000 who agreed to compression is compressed once; each gets the same bytes in one write', async (t) => {
  const deflates = countDeflates(t)
  const { stage, clients } = await compressedCrowd(1_000)
  const say = () => stage.endpoint.outbound.broadcast('room:1', 'shouted', { n: 1, LARGE })
  assert.deepEqual(await stage.cost(say), { promises: 0, timers: 0, immediates: 1, encodes: 1, joins: 0 })
  assert.equal(deflates.count, 1)
  assert.ok(clients.every((writes) => writes.length === 1 && writes[0] === clients[0]?.[0]))
  assert.ok((clients[0]?.[0]?.length ?? LARGE.length) < LARGE.length / 10)
})

test('W124 a large one is compressed once as well, in a thread; each gets the same bytes', async (t) => {
  const deflates = countDeflates(t)
  const { stage, clients } = await compressedCrowd(100)
  const large = LARGE.repeat(20)
  stage.endpoint.outbound.broadcast('room:1', 'shouted', { n: 1, large })
  await stage.clock.settle()
  stage.endpoint.outbound.broadcast('room:1', 'shouted', { n: 2 })
  await stage.clock.settle()
  await until('it is compressed', () => clients.every((writes) => writes.length > 0))
  assert.equal(deflates.count, 1)
  const [first] = clients as [Frame[]]
  assert.ok((first[0]?.length ?? large.length) < large.length / 10)
  for (const writes of clients) {
    assert.deepEqual(writes.length, 2)
    assert.ok(writes.every((bytes, n) => bytes === first[n]))
  }
})

test('W124 16 broadcasts of one turn are compressed 16 times, and joined once for all', async (t) => {
  const deflates = countDeflates(t)
  const stage = await new Stage().start()
  const deflater = new Deflater(1_024, systemClock)
  const clients: Frame[][] = []
  for (let n = 0; n < 50; n++) clients.push(await stage.joinCompressed(deflater))
  const cost = await stage.cost(() => {
    for (let n = 0; n < 16; n++) stage.endpoint.outbound.broadcast('room:1', 'shouted', { n, LARGE })
  })
  assert.deepEqual(cost, { promises: 0, timers: 0, immediates: 1, encodes: 16, joins: 1 })
  assert.equal(deflates.count, 16)
  assert.ok(clients.every((writes) => writes.length === 1 && writes[0] === clients[0]?.[0]))
})

test('W124 subscribers of both versions, with compression and without, cost one compression for each version', async (t) => {
  const deflates = countDeflates(t)
  const stage = await new Stage().start()
  const deflater = new Deflater(1_024, systemClock)
  const plain: Client[] = []
  const compressed: Frame[][] = []
  for (let n = 0; n < 20; n++) {
    plain.push(...(await stage.join(1, v1)), ...(await stage.join(1, v2)))
    compressed.push(await stage.joinCompressed(deflater, v1), await stage.joinCompressed(deflater, v2))
  }
  const cost = await stage.cost(() => {
    for (let n = 0; n < 4; n++) stage.endpoint.outbound.broadcast('room:1', 'shouted', { n, LARGE })
  })
  assert.deepEqual(cost, { promises: 0, timers: 0, immediates: 1, encodes: 4, joins: 4 })
  assert.equal(deflates.count, 8)
  assert.equal(new Set(compressed.map(([write]) => write)).size, 2)
  assert.equal(new Set(plain.map(({ wire }) => wire.writes[0])).size, 2)
})

test('a broadcast from a handler and its own frames leave in the turn of the push', async () => {
  const stage = await new Stage().start()
  const clients = await stage.join(10)
  const frame = frameOf('many', { times: 16 })
  const cost = await stage.cost(() => clients[0]?.session.receive(frame, false))
  assert.deepEqual(cost, { promises: 0, timers: 0, immediates: 1, encodes: 16, joins: 1 })
  assert.deepEqual(
    writesOf(clients),
    clients.map(() => 1),
  )
})

test('a join with a sync join callback costs no promise and no timer', async () => {
  const stage = await new Stage().start()
  const { session } = stage.connect()
  const frame = frameOf('phx_join', {})
  const cost = await stage.cost(() => session.receive(frame, false))
  assert.deepEqual(cost, { promises: 0, timers: 0, immediates: 1, encodes: 1, joins: 0 })
})

test('100,000 connections are watched by the timer that watched one; looking at all of them makes none', async () => {
  const stage = await new Stage().start()
  const before = stage.clock.pending
  const clients: Client[] = []
  for (let client = 0; client < 100_000; client++) clients.push(stage.connect())
  assert.equal(stage.clock.pending, before)
  const { timers, immediates, encodes } = await stage.cost(() => stage.clock.advance(10_000))
  assert.deepEqual({ timers, immediates, encodes }, { timers: 0, immediates: 0, encodes: 0 })
  assert.ok(clients.every(({ wire }) => wire.writes.length === 0))
})

test('a whole life, from connect over join, pushes and leave to the end, makes no timer', async () => {
  const stage = await new Stage().start()
  const before = stage.clock.pending
  const [join, push, leave] = [frameOf('phx_join', {}), frameOf('shout', { n: 1 }), frameOf('phx_leave', {})]
  const cost = await stage.cost(() => {
    const { session } = stage.connect()
    for (const frame of [join, push, leave]) session.receive(frame, false)
    session.disconnected(1000)
  })
  assert.equal(cost.timers, 0)
  assert.equal(cost.promises, 0)
  assert.equal(stage.clock.pending, before)
})

test('a broadcast among 20,000 topics writes to the subscribers of its own, and encodes once', async () => {
  const stage = await new Stage().start()
  const clients = await stage.join(10, v2, 'room:own')
  const other = stage.connect()
  for (let n = 0; n < 20_000; n++)
    other.session.receive(frameOf('phx_join', {}, { topic: `room:${n}` }), false)
  await stage.clock.settle()
  other.wire.writes.length = 0
  const cost = await stage.cost(() => stage.endpoint.outbound.broadcast('room:own', 'shouted', { n: 1 }))
  assert.deepEqual(cost, { promises: 0, timers: 0, immediates: 1, encodes: 1, joins: 0 })
  assert.deepEqual(writesOf([...clients, other]), [...clients.map(() => 1), 0])
})

test('1,000 presences that come in one turn are one diff, made of the texts that they have, one frame for each who was there', async () => {
  const stage = await new Stage().start()
  const there = await stage.join(10, v2, 'lounge:1')
  const frames = await stage.cost(() => {
    for (let n = 0; n < 1_000; n++)
      stage.endpoint.presence?.track(
        'lounge:1',
        `user:${n}`,
        { n },
        { owner: { id: 'bench', topic: 'lounge:1' } },
      )
  })
  assert.equal(frames.encodes, 1_000, 'a meta is written when it is tracked, and never again')
  assert.deepEqual(
    there.map(({ wire }) => wire.writes.flatMap((bytes) => [...splitFrames(bytes)]).length),
    there.map(() => 1),
  )
})

test('a large frame is copied for nobody: it is a write of its own, between those of what stands around it', async () => {
  const stage = await new Stage().start()
  const [client] = (await stage.join(1)) as [Client]
  const bodies = ['a', 'b', 'x'.repeat(40_000), 'c', 'd']
  const cost = await stage.cost(() => {
    for (const body of bodies) stage.endpoint.outbound.broadcast('room:1', 'shouted', { n: 1, body })
  })
  assert.equal(cost.joins, 2)
  assert.deepEqual(
    client.wire.writes.map((bytes) =>
      [...splitFrames(bytes)].map((frame) => JSON.parse(framePayload(frame).toString())[4].body.slice(0, 1)),
    ),
    [['a', 'b'], ['x'], ['c', 'd']],
  )
})

test('an async handler costs a fixed number of promises, whatever waits behind it', async () => {
  const stage = await new Stage().start()
  const [client] = (await stage.join(1)) as [Client]
  const slow = frameOf('slow', {})
  const echo = frameOf('echo', { n: 1 })
  const alone = await stage.cost(() => client.session.receive(slow, false))
  const followed = await stage.cost(() => {
    client.session.receive(slow, false)
    for (let push = 0; push < 16; push++) client.session.receive(echo, false)
  })
  assert.equal(followed.promises, alone.promises)
  assert.ok(alone.promises <= 6, `${alone.promises} promises`)
})
