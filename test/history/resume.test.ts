import assert from 'node:assert/strict'
import { test } from 'node:test'
import { local } from '../../src/pubsub/local.ts'
import { fakeClock, memoryNetwork } from '../../src/testing/index.ts'
import { type Client, Node, type RoomHooks, room, told } from './lab.ts'

// The answers to a client that asks for positions: the lines of docs/semantics/history.md that concern one node, or two.

async function one(hooks: RoomHooks = {}, options: object = {}) {
  const clock = fakeClock()
  const pubsub = local({ clock, maxBytes: 1e8 })
  const node = await Node.start(clock, { pubsub, channels: [room(hooks)], ...options })
  const say = (payload: unknown): void => node.endpoint.outbound.broadcast('room:1', 'said', payload)
  /** The client goes, `meanwhile` happens, and it comes back. */
  const comeBack = async (before: Client, meanwhile: () => unknown, asked?: unknown): Promise<Client> => {
    await clock.settle()
    before.look().raw.session.disconnected(1006)
    await meanwhile()
    const after = before.moveTo(node.connect())
    after.join(asked ?? { epoch: after.epoch, offset: after.offset })
    await clock.settle()
    return after.look()
  }
  return { clock, node, say, comeBack }
}

interface Refusal {
  readonly status: string
  readonly response: { readonly reason: string; readonly errors: readonly { readonly path: string }[] }
}

const answerOf = ({ lines }: Client): Refusal => lines[0]?.[4] as Refusal

const outcomes = (node: Node): string[] => node.events.filter((event) => event !== 'read')

test('H5 H7 a join that asks is told its position, and entries come with their offsets', async () => {
  const { clock, node, say } = await one()
  const client = node.connect()
  say('before')
  client.join()
  say({ n: 1 })
  client.push('type', 'x')
  say({ n: 2 })
  await clock.settle()
  const [reply, ...rest] = told(client.lines)
  assert.match(
    reply as string,
    /^ok {"payload":{},"\$resume":{"epoch":"[\w~.,-]+","offset":1,"recovered":false}}$/,
  )
  assert.deepEqual(rest, ['said @2 {"n":1}', 'typing - "x"', 'said @3 {"n":2}'])
  assert.deepEqual(client.lines[1]?.slice(0, 3), [null, '@2', 'room:1'])
})

test('H7 version 1 has the offset in the place of the ref', async () => {
  const { clock, node, say } = await one()
  const client = node.connect('1')
  const frames: unknown[] = []
  client.raw.wire.write = (bytes) =>
    void frames.push(JSON.parse(bytes.toString('utf8', bytes[1] === 126 ? 4 : 2)))
  const asked = { topic: 'room:1', event: 'phx_join', ref: '1', payload: { $resume: true } }
  client.raw.session.receive(Buffer.from(JSON.stringify(asked)), false)
  await clock.settle()
  say(1)
  await clock.settle()
  assert.deepEqual(frames.at(-1), { event: 'said', payload: 1, ref: '@1', topic: 'room:1' })
})

test('H4 without the key nothing differs from Phoenix', async () => {
  const { clock, node, say } = await one()
  const plain = node.connect()
  plain.joinPlainly()
  say(1)
  await clock.settle()
  assert.deepEqual(told(plain.lines), ['ok {"payload":{}}', 'said - 1'])
})

test('H4 the key never reaches the application, and what is no question is refused', async () => {
  const { clock, node } = await one()
  const wrong = [null, false, 1, 'x', [], {}, { epoch: 'e' }, { offset: 1 }, { epoch: 'e', offset: -1 }]
  const wronger = [
    { epoch: 'e', offset: 0.5 },
    { epoch: 'e', offset: 2 ** 53 },
    { epoch: 'e', offset: '1' },
    { epoch: 1, offset: 1 },
    { epoch: 'x'.repeat(513), offset: 1 },
    { epoch: 'ü'.repeat(257), offset: 1 },
    { epoch: 'e', offset: 1, more: 1 },
  ]
  for (const asked of [...wrong, ...wronger]) {
    const client = node.connect()
    client.join(asked)
    await clock.settle()
    const payload = answerOf(client)
    assert.deepEqual(
      [payload.status, payload.response.reason, payload.response.errors[0]?.path],
      ['error', 'invalid_payload', '/$resume'],
    )
  }
  assert.deepEqual(node.crashes, [])
})

test('H6 a client that comes back gets what it missed, in order, before what comes later, once', async () => {
  const { node, say, comeBack } = await one()
  const before = node.connect()
  before.join()
  say('a')
  const after = await comeBack(before, () => {
    for (const text of ['b', 'c', 'd']) say(text)
  })
  assert.equal(after.recovered, true)
  assert.deepEqual(after.took, [
    [2, 'b'],
    [3, 'c'],
    [4, 'd'],
  ])
  assert.deepEqual(
    told(after.lines).map((line) => line.split(' ')[0]),
    ['ok', 'said', 'said', 'said', '$resume'],
  )
  assert.deepEqual(outcomes(node), ['recovered 3'])
})

test('H6 where an entry is gone nothing is sent again, and the client is told so', async () => {
  const { node, say, comeBack } = await one({ history: { size: 2 } })
  const before = node.connect()
  before.join()
  const after = await comeBack(before, () => {
    for (const text of ['a', 'b', 'c']) say(text)
  })
  assert.deepEqual([after.recovered, after.took, after.offset], [false, [], 3])
  assert.deepEqual(outcomes(node), ['trimmed 0'])
})

test('H2 H6 entries that aged out are gone, but who missed nothing resumes after a quiet night', async () => {
  const { clock, node, say, comeBack } = await one({ history: { ttlMs: 1_000 } })
  const before = node.connect()
  before.join()
  say('a')
  const rested = await comeBack(before, () => clock.advance(12 * 3_600_000))
  assert.equal(rested.recovered, true)
  const late = await comeBack(rested, async () => {
    say('b')
    await clock.advance(1_000)
  })
  assert.deepEqual([late.recovered, late.took], [false, []])
})

test('H2 H13 forgetHistory begins a new epoch: who follows joins again, and no old position is good', async () => {
  const ended: string[] = []
  const { clock, node, say } = await one({ ended: (reason) => void ended.push(reason) })
  const client = node.connect()
  client.join()
  say('secret')
  await clock.settle()
  await node.endpoint.outbound.forgetHistory('room:1')
  await clock.settle()
  assert.equal(told(client.lines).at(-1), 'phx_error 1 {"reason":"history_gap"}')
  assert.deepEqual(ended, ['history_gap'])
  client.join({ epoch: client.look().epoch, offset: 0 })
  await clock.settle()
  client.look()
  assert.deepEqual([client.recovered, client.offset], [false, 0])
  assert.deepEqual((await node.endpoint.outbound.history('room:1', {})).entries, [])
})

test('H9 H13 a made-up epoch, one of another topic, and a position below the floor are not recovered, and cost no read', async () => {
  const { clock, node, say, comeBack } = await one()
  for (const text of ['a', 'b', 'c']) say(text)
  const first = node.connect()
  first.join()
  say('d')
  await clock.settle()
  const { epoch = '' } = first.look()
  const reads = node.reads()
  const [raw, floor, connections, mac] = epoch.split('~') as [string, string, string, string]
  const forged = [
    'made-up',
    '',
    '~~~',
    `${raw}~0~${connections}~${mac}`,
    `${raw}~${floor}~somebody~${mac}`,
    `${raw}~${floor}~${connections}~${mac.slice(0, -2)}`,
    'x'.repeat(512),
  ]
  for (const wrong of forged) {
    const client = node.connect()
    client.join({ epoch: wrong, offset: 3 })
    await clock.settle()
    assert.equal(client.look().recovered, false, wrong)
  }
  assert.deepEqual([...new Set(outcomes(node))], ['not_ours 0'])
  assert.equal(node.reads(), reads)
  const below = await comeBack(first, () => {}, { epoch, offset: 2 })
  assert.deepEqual([below.recovered, outcomes(node).at(-1)], [false, 'below_floor 0'])
  const ahead = node.connect()
  ahead.join({ epoch, offset: Number.MAX_SAFE_INTEGER })
  await clock.settle()
  assert.deepEqual([ahead.look().recovered, outcomes(node).at(-1)], [false, 'ahead 0'])
})

test('H13 `resume: false` begins a new floor', async () => {
  let resume = true
  const { node, say, comeBack } = await one({ resume: () => resume })
  const before = node.connect()
  before.join()
  const old = (await comeBack(before, () => say('a'))).epoch
  resume = false
  const banned = await comeBack(before, () => say('b'))
  assert.deepEqual([banned.recovered, banned.took, outcomes(node).at(-1)], [false, [], 'refused 0'])
  resume = true
  const again = await comeBack(banned, () => say('c'))
  assert.deepEqual(again.took, [[3, 'c']])
  const below = await comeBack(again, () => {}, { epoch: again.epoch, offset: 1 })
  assert.equal(below.recovered, false)
  assert.notEqual(old, below.epoch)
})

test('H9 what a connection excluded stays excluded for those that come after it', async () => {
  const { clock, node, say, comeBack } = await one()
  let client = node.connect()
  client.join()
  client.push('sayToOthers', 'mine')
  for (let times = 0; times < 2; times++) client = await comeBack(client, () => say(`for all ${times}`))
  assert.deepEqual(
    client.took.map(([, payload]) => payload),
    ['for all 1'],
  )
  const other = node.connect()
  other.join({ epoch: client.epoch, offset: 0 })
  await clock.settle()
  assert.deepEqual(
    other.look().took.map(([, payload]) => payload),
    ['for all 0', 'for all 1'],
  )
})

test('H17 a client is told its position once a second after entries that it does not get', async () => {
  const { clock, node } = await one()
  const client = node.connect()
  client.join()
  await clock.settle()
  for (let n = 0; n < 5; n++) client.push('sayToOthers', n)
  await clock.settle()
  assert.equal(client.lines.length, 1)
  await clock.advance(1_000)
  assert.equal(client.lines.length, 2)
  assert.match(told(client.lines)[1] as string, /^\$resume - {"epoch":"[^"]+","offset":5}$/)
  await clock.advance(5_000)
  assert.equal(client.lines.length, 2)
})

test('H5 snapshot is told whether the client has missed nothing; what comes meanwhile follows the reply', async () => {
  const told1: boolean[] = []
  let during: (() => void) | undefined
  const { clock, node, say, comeBack } = await one({
    snapshot: async (recovered) => {
      told1.push(recovered)
      during?.()
      await Promise.resolve()
      return { state: 1 }
    },
  })
  const client = node.connect()
  during = () => say('during')
  client.join()
  await clock.settle()
  assert.deepEqual(client.look().took, [[1, 'during']])
  assert.equal(client.began, 0)
  during = undefined
  await comeBack(client, () => say('later'))
  assert.deepEqual(told1, [false, true])
})

test('H15 intercept rewrites replays as it does live ones, keeps their order, and may drop them', async () => {
  const { clock, node, say, comeBack } = await one({
    intercept: async (payload) => {
      await Promise.resolve()
      return payload === 'drop' ? undefined : `<${payload}>`
    },
  })
  const client = node.connect()
  client.join()
  for (const text of ['a', 'drop', 'b']) say(text)
  await clock.settle()
  assert.deepEqual(client.look().took, [
    [1, '<a>'],
    [3, '<b>'],
  ])
  const after = await comeBack(client, () => {
    for (const text of ['c', 'drop', 'd']) say(text)
  })
  assert.deepEqual(after.took, [
    [4, '<c>'],
    [6, '<d>'],
  ])
})

test('H15 an intercept that throws on an entry crashes the channel each time it comes back', async () => {
  const { node, say, comeBack } = await one({
    intercept: (payload) => {
      if (payload === 'poison') throw new Error('poison')
      return payload
    },
  })
  const client = node.connect()
  client.join()
  let after = await comeBack(client, () => say('poison'))
  after = await comeBack(after, () => say('more'))
  assert.equal(told(after.lines).at(-1)?.split(' ')[0], 'phx_error')
  assert.deepEqual(after.took, [])
  assert.equal(node.crashes.length, 2)
})

test('H6 a replay waits while 64 KiB are on their way to the client', async () => {
  const { clock, node, say } = await one()
  const before = node.connect()
  before.join()
  const text = 'x'.repeat(10_000)
  await clock.settle()
  before.look().raw.session.disconnected(1006)
  for (let n = 0; n < 50; n++) say(text)
  const after = before.moveTo(node.connect())
  let buffered = 0
  Object.defineProperty(after.raw.wire, 'bufferedBytes', { get: () => buffered })
  buffered = 70_000
  after.join({ epoch: after.epoch, offset: after.offset })
  await clock.settle()
  assert.equal(after.lines.length, 1)
  buffered = 20_000
  await clock.advance(10)
  const sent = after.lines.length - 1
  assert.ok(sent > 2 && sent < 8, `${sent}`)
  buffered = 0
  await clock.advance(200)
  assert.equal(after.look().took.length, 50)
})

test('H6 H8 whoever is overtaken by the trim while it is told is ended, and hears that it has not all', async () => {
  const { clock, node, say } = await one({ history: { size: 3 } })
  const before = node.connect()
  before.join()
  await clock.settle()
  before.look().raw.session.disconnected(1006)
  say('a')
  const after = before.moveTo(node.connect())
  Object.defineProperty(after.raw.wire, 'bufferedBytes', { get: () => 70_000 })
  after.join({ epoch: after.epoch, offset: after.offset })
  await clock.settle()
  for (const text of ['b', 'c', 'd', 'e']) say(text)
  Object.defineProperty(after.raw.wire, 'bufferedBytes', { get: () => 0 })
  await clock.advance(20)
  assert.equal(told(after.lines).at(-1), 'phx_error 1 {"reason":"history_gap"}')
})

test('H3 H8 H10 on two nodes all entries come in order; what could not be appended is refused and reaches nobody', async () => {
  const clock = fakeClock()
  const network = memoryNetwork({ clock })
  const start = (): Promise<Node> => Node.start(clock, { pubsub: network.adapter(), channels: [room()] })
  const nodes = [await start(), await start()] as const
  const clients = nodes.map((node) => node.connect())
  for (const client of clients) client.join()
  await clock.settle()
  nodes[0].endpoint.outbound.broadcast('room:1', 'said', 1)
  nodes[1].endpoint.outbound.broadcast('room:1', 'said', 2)
  await clock.settle()
  network.cut()
  const outcome = nodes[0].endpoint.outbound.publish('room:1', 'said', 'cut', {}).then(
    () => 'published',
    ({ code }) => code,
  )
  nodes[1].endpoint.outbound.broadcast('room:1', 'said', 'cut too')
  const late = nodes[1].connect()
  late.join({ epoch: clients[0]?.look().epoch, offset: 7 })
  await clock.advance(5_000)
  assert.equal(await outcome, 'BERYL_ERR_HISTORY_UNAVAILABLE')
  assert.equal(answerOf(late).response.reason, 'history_unavailable')
  assert.deepEqual(outcomes(nodes[1]), ['unavailable 0', 'dropped'])
  network.heal()
  await clock.advance(12_000)
  const wanted = [
    [1, 1],
    [2, 2],
  ]
  for (const client of clients) assert.deepEqual(client.look().took, wanted)
})

test('H11 what waits for the log keeps its order, and is in it once; at most 1,000 wait', async () => {
  const clock = fakeClock()
  const network = memoryNetwork({ clock })
  const node = await Node.start(clock, {
    pubsub: network.adapter(),
    channels: [room({ history: { size: 2_000 } })],
  })
  const client = node.connect()
  client.join()
  await clock.settle()
  network.cut()
  for (let n = 0; n < 1_010; n++) node.endpoint.outbound.broadcast('room:1', 'said', n)
  await clock.settle()
  assert.equal(node.endpoint.history?.waiting, 1_000)
  assert.equal(outcomes(node).length, 10)
  network.heal()
  await clock.advance(1_000)
  assert.deepEqual(
    client.look().took.map(([, payload]) => payload),
    Array.from({ length: 1_000 }, (_, n) => n),
  )
  assert.equal(node.endpoint.history?.waiting, 0)
})

test('H14 a thousand clients that come back at once read the log of their topic twice at the most', async () => {
  const clock = fakeClock()
  const network = memoryNetwork({ clock })
  const start = (): Promise<Node> => Node.start(clock, { pubsub: network.adapter(), channels: [room()] })
  const [a, b] = [await start(), await start()]
  const first = a.connect()
  first.join()
  await clock.settle()
  for (let n = 0; n < 50; n++) a.endpoint.outbound.broadcast('room:1', 'said', n)
  await clock.settle()
  const { epoch } = first.look()
  const clients = Array.from({ length: 1_000 }, () => b.connect())
  for (const client of clients) client.join({ epoch, offset: 0 })
  await clock.advance(200)
  for (const client of clients) assert.equal(client.look().took.length, 50)
  assert.ok(b.reads() <= 2, `${b.reads()}`)
})
