import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../src/ground/clock.ts'
import { local } from '../../src/pubsub/local.ts'
import type { LogLimits, LogListener, PubSubLog } from '../../src/pubsub/log.ts'
import { MemoryLog } from '../../src/pubsub/memory-log.ts'
import { fakeClock } from '../../src/testing/index.ts'
import { Node, room, told } from './lab.ts'

const TOPIC = 'topic:room:1'
const LIMITS = { size: 100, ttlMs: 1e9, id: undefined }

/** A log over a network, whose messages and answers come when the test says so. */
function farLog(clock: Clock) {
  const engine = new MemoryLog({ clock, maxBytes: 1e8 })
  let listener: LogListener | undefined
  const reads: (() => void)[] = []
  const far = { isSlow: false, reads: 0 }
  const log: PubSubLog = {
    listen: (one) => {
      listener = one
    },
    append: async (topic, text, options) => engine.append(topic, text, options),
    read: (topic: string, after: number, limits: LogLimits) =>
      new Promise((resolve) => {
        far.reads++
        const answer = (): void => resolve(engine.read(topic, after, limits))
        if (far.isSlow) reads.push(answer)
        else answer()
      }),
    forget: async (topic) => engine.forget(topic),
  }
  const text = (payload: unknown): string => `[1,0,"said",null]\n${JSON.stringify(payload)}`
  const writeText = (entry: string) => {
    const position = engine.append(TOPIC, entry, LIMITS)
    return () => listener?.entry(TOPIC, position, entry)
  }
  const write = (payload: unknown) => writeText(text(payload))
  const strange = (position = { epoch: 'other', offset: 9 }): void =>
    listener?.entry(TOPIC, position, text(9))
  const epoch = (): string => engine.read(TOPIC, 0, LIMITS).epoch
  return { pubsub: { ...local(), log }, write, writeText, strange, far, reads, epoch }
}

test('H6 a log that is forgotten while a snapshot is read is not taken for the one that the client knows', async () => {
  const clock = fakeClock()
  let go = (): void => {}
  let isSlow = false
  const snapshot = () => {
    if (!isSlow) return {}
    return new Promise((resolve) => {
      go = () => resolve({})
    })
  }
  const node = await Node.start(clock, {
    pubsub: local({ clock, maxBytes: 1e8 }),
    channels: [room({ snapshot })],
  })
  const { outbound } = node.endpoint
  const client = node.connect()
  client.join()
  for (let n = 1; n <= 5; n++) outbound.broadcast('room:1', 'said', `old ${n}`)
  await clock.settle()
  client.look().raw.session.disconnected(1006)
  isSlow = true
  const back = client.moveTo(node.connect())
  back.join()
  await clock.settle()
  await outbound.forgetHistory('room:1')
  for (let n = 1; n <= 20; n++) outbound.broadcast('room:1', 'said', `new ${n}`)
  isSlow = false
  go()
  await clock.settle()
  back.look().join()
  await clock.settle()
  assert.equal(back.look().recovered, false)
})

test('H8 a client without positions hears what came while the first page was on its way', async () => {
  const clock = fakeClock()
  const { pubsub, write, far, reads } = farLog(clock)
  const node = await Node.start(clock, { pubsub, channels: [room()] })
  for (let n = 1; n <= 3; n++) write(n)
  far.isSlow = true
  const plain = node.connect()
  plain.joinPlainly()
  await clock.settle()
  write(4)()
  const late = write(5)
  far.isSlow = false
  reads[0]?.()
  await clock.settle()
  late()
  write(6)()
  await clock.advance(300)
  assert.deepEqual(told(plain.lines).slice(1), ['said - 4', 'said - 5', 'said - 6'])
  assert.equal(node.events.includes('gap 0'), false)
})

test('forgetHistory settles, also where the last client leaves before the next read of the log', async () => {
  const clock = fakeClock()
  const { pubsub, strange } = farLog(clock)
  const node = await Node.start(clock, { pubsub, channels: [room()] })
  const client = node.connect()
  client.join()
  await clock.settle()
  strange()
  let isDone = false
  void node.endpoint.outbound.forgetHistory('room:1').then(() => {
    isDone = true
  })
  await clock.settle()
  client.raw.session.disconnected(1006)
  await clock.advance(60_000)
  assert.equal(isDone, true)
})

test('H8 an entry that this version cannot read is passed by, and ends nobody', async () => {
  const clock = fakeClock()
  const { pubsub, write, writeText } = farLog(clock)
  const node = await Node.start(clock, { pubsub, channels: [room()] })
  const client = node.connect()
  client.join()
  await clock.settle()
  write(1)()
  writeText('[2,0,"said",null]\n2')()
  write(3)()
  await clock.settle()
  assert.deepEqual(
    [...client.look().took],
    [
      [1, 1],
      [3, 3],
    ],
  )
  client.raw.session.disconnected(1006)
  write(4)()
  const back = client.moveTo(node.connect())
  back.join()
  await clock.settle()
  assert.deepEqual([back.look().recovered, back.took.at(-1)], [true, [4, 4]])
  assert.equal(node.events.includes('gap 0'), false)
})

for (const [what, forged] of [
  ['is cut in the middle', '[1,0,"said",null]\n{"n":'],
  ['is empty', ''],
  ['has no payload', '[1,0,"said",null]\n'],
  ['has two payloads', '[1,0,"said",null]\n1,2'],
  ['has an event of the protocol', '[1,0,"phx_close",null]\n{}'],
  ['has an event without a name', '[1,0,"",null]\n{}'],
  ['has an event that is too long', `[1,0,"${'x'.repeat(256)}",null]\n{}`],
] as const)
  test(`H8 an entry of somebody else that ${what} is passed by, live, over a reconnect and by history`, async () => {
    const clock = fakeClock()
    const { pubsub, write, writeText } = farLog(clock)
    const node = await Node.start(clock, { pubsub, channels: [room()] })
    const [client, plain] = [node.connect(), node.connect()]
    client.join()
    plain.joinPlainly()
    await clock.settle()
    write(1)()
    writeText(forged)()
    write(3)()
    await clock.settle()
    client.look().raw.session.disconnected(1006)
    write(4)()
    writeText(forged)()
    const back = client.moveTo(node.connect())
    back.join()
    write(6)()
    await clock.advance(300)
    assert.deepEqual(told(plain.lines).slice(1), ['said - 1', 'said - 3', 'said - 4', 'said - 6'])
    assert.deepEqual(
      [...client.took, ...back.look().took],
      [1, 3, 4, 6].map((n) => [n, n]),
    )
    assert.equal(back.recovered, true)
    const { entries } = await node.endpoint.outbound.history('room:1', {})
    assert.deepEqual(
      entries.map(({ offset, payload }) => [offset, payload]),
      [1, 3, 4, 6].map((n) => [n, n]),
    )
    assert.deepEqual([node.crashes, node.events.includes('gap 0')], [[], false])
  })

test('a client that goes while its join reads the log is counted with no outcome', async () => {
  const clock = fakeClock()
  const { pubsub, write, far, reads } = farLog(clock)
  const node = await Node.start(clock, { pubsub, channels: [room()] })
  const client = node.connect()
  client.join()
  await clock.settle()
  write(1)()
  await clock.settle()
  client.look().raw.session.disconnected(1006)
  far.isSlow = true
  const back = client.moveTo(node.connect())
  back.join()
  await clock.settle()
  back.raw.session.disconnected(1006)
  for (const answer of reads) answer()
  await clock.advance(300)
  assert.deepEqual(
    node.events.filter((event) => event !== 'read'),
    [],
  )
})

test('H8 an entry of the log that clients must not see is passed by, as from the other nodes, and hides no other', async () => {
  const clock = fakeClock()
  const { pubsub, write, writeText } = farLog(clock)
  const node = await Node.start(clock, { pubsub, channels: [room()] })
  const [client, plain] = [node.connect(), node.connect()]
  client.join()
  plain.joinPlainly()
  await clock.settle()
  const deep = `${'['.repeat(501)}${']'.repeat(501)}`
  const payloads = ['', '{', '1 2', '1],["@9"', deep].map((payload) => `[1,0,"said",null]\n${payload}`)
  const names = [
    '',
    'x'.repeat(256),
    '\ud800',
    'phx_close',
    'phx_reply',
    'presence_diff',
    'heartbeat',
    '$resume',
  ]
  const events = names.map((event) => `${JSON.stringify([1, 0, event, null])}\n1`)
  for (const entry of [...payloads, ...events]) writeText(entry)()
  write('last')()
  await clock.settle()
  const offset = payloads.length + events.length + 1
  assert.deepEqual([...client.look().took], [[offset, 'last']])
  assert.deepEqual(told(plain.lines).slice(1), ['said - "last"'])
  const { entries } = await node.endpoint.outbound.history('room:1', {})
  assert.deepEqual(
    entries.map((entry) => [entry.offset, entry.payload]),
    [[offset, 'last']],
  )
  client.raw.session.disconnected(1006)
  const back = client.moveTo(node.connect())
  back.join()
  await clock.settle()
  assert.equal(back.look().recovered, true)
  assert.equal(node.events.includes('gap 0'), false)
})

test('H8 an entry that is not in the log is looked for once, and no more', async () => {
  const clock = fakeClock()
  const { pubsub, write, strange, far, epoch } = farLog(clock)
  const node = await Node.start(clock, { pubsub, channels: [room()] })
  const client = node.connect()
  client.join()
  await clock.settle()
  write(1)()
  await clock.settle()
  far.reads = 0
  strange({ epoch: epoch(), offset: 1_000 })
  await clock.advance(9_000)
  assert.equal(far.reads, 1)
  write(2)()
  await clock.settle()
  assert.deepEqual(
    [...client.look().took],
    [
      [1, 1],
      [2, 2],
    ],
  )
})

test('H17 a client whose intercept drops entries is told its position once a second', async () => {
  const clock = fakeClock()
  const channels = [room({ intercept: () => undefined })]
  const node = await Node.start(clock, { pubsub: local({ clock, maxBytes: 1e8 }), channels })
  const client = node.connect()
  client.join()
  await clock.settle()
  for (let n = 0; n < 50; n++) {
    node.endpoint.outbound.broadcast('room:1', 'said', n)
    await clock.settle()
  }
  await clock.advance(1_000)
  const positions = told(client.lines).filter((line) => line.startsWith('$resume'))
  assert.equal(positions.length, 1)
})

test('H12 a listener that hears one entry of a page leaves nothing behind', async () => {
  const clock = fakeClock()
  const { pubsub, write } = farLog(clock)
  const node = await Node.start(clock, { pubsub, channels: [room()], limits: { historyBytes: 100_000 } })
  const long = 'x'.repeat(5_000)
  for (let round = 0; round < 8; round++) {
    let calls = 0
    const off = node.endpoint.listen('room:1', () => {
      if (++calls === 2) off()
    })
    write(long)()
    for (let n = 0; n < 5; n++) write(long)
    write(long)()
    await clock.advance(300)
  }
  const plain = node.connect()
  plain.joinPlainly()
  await clock.advance(300)
  write(1)()
  await clock.settle()
  assert.deepEqual(told(plain.lines).slice(1), ['said - 1'])
  assert.deepEqual(node.crashes, [])
  assert.equal(node.events.includes('limits.historyBytes'), false)
})

test('H12 where the topics alone are more than the logs may have, room is not looked for with each use', () => {
  const clock = fakeClock()
  const log = new MemoryLog({ clock, maxBytes: 100_000 })
  let looks = 0
  log.listen({ entry() {}, hears: () => true, full: () => void looks++ })
  for (let n = 0; n < 1_000; n++) log.read(`topic ${n}`, 0, LIMITS)
  looks = 0
  for (let n = 0; n < 1_000; n++) log.read(`topic ${n}`, 0, LIMITS)
  assert.equal(looks, 0)
})

test('H1 where several entrances log a topic the larger size and the longer time count', async () => {
  const clock = fakeClock()
  const small = room({ history: { size: 2, ttlMs: 1_000 } })
  const node = await Node.start(clock, { pubsub: local({ clock, maxBytes: 1e8 }), channels: [small] })
  node.endpoint.routers.add(node.endpoint.makeRouter([room({ history: { size: 100, ttlMs: 300_000 } })]))
  for (let n = 0; n < 10; n++) node.endpoint.outbound.broadcast('room:1', 'said', n)
  await clock.advance(2_000)
  assert.equal((await node.endpoint.outbound.history('room:1', {})).entries.length, 10)
})
