import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import Fastify, { type FastifyInstance } from 'fastify'
import beryl, { type BerylOptions, Binary, defineChannel } from 'fastify-beryl'
import { redis } from 'fastify-beryl/redis'
import { type FakeClock, fakeClock, type MemoryNetwork, memoryNetwork } from 'fastify-beryl/testing'
import { Type } from 'typebox'
import { systemClock } from '../../src/ground/clock.ts'
import { encodeEnvelope } from '../../src/pubsub/envelope.ts'
import { readPostAnswer } from '../../src/transport/longpoll/pollers.ts'
import {
  decodeRelay,
  encodeRelay,
  pagesOf,
  type RelayMessage,
} from '../../src/transport/longpoll/relay-messages.ts'
import { need } from '../support/need.ts'
import { Poller } from '../support/poller.ts'
import { RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'

// Pollers without sticky sessions: each request of a client may come to any node.

const WINDOW_MS = 10_000
const GONE_MS = 15_000
const TIMEOUT_MS = 2_000
const secret = 'what all nodes of the tests sign with'
const Body = Type.Object({ body: Type.String() })

const room = defineChannel('room:*', {
  schema: {
    in: { say: { payload: Body, reply: Body }, bytes: { payload: Binary(), reply: Binary() } },
    out: { said: Body },
  },
  join: () => ({ assigns: {} }),
  in: {
    say: (payload, socket) => {
      socket.broadcast('said', payload)
      return payload
    },
    bytes: (bytes) => bytes.toReversed(),
  },
})

async function node(t: TestContext, options: BerylOptions): Promise<FastifyInstance> {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [room], longPoll: { secret }, ...options })
  await app.ready()
  return app
}

interface Nodes {
  readonly apps: readonly [FastifyInstance, FastifyInstance, FastifyInstance]
  readonly clock: FakeClock
  readonly network: MemoryNetwork
}

async function threeNodes(t: TestContext, options: BerylOptions = {}): Promise<Nodes> {
  const clock: FakeClock = { ...fakeClock(), setImmediate: systemClock.setImmediate }
  const network = memoryNetwork({ clock })
  const make = (): Promise<FastifyInstance> => node(t, { pubsub: network.adapter(), clock, ...options })
  return { apps: [await make(), await make(), await make()], clock, network }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve))
}

const say = (app: FastifyInstance, body: string): void =>
  app.channels.broadcast('room:1' as never, 'said' as never, { body } as never)
const said = (body: string): unknown[] => [null, null, 'room:1', 'said', { body }]
const push = (ref: string, body: string): unknown[] => ['1', ref, 'room:1', 'say', { body }]
const replied = (ref: string, response: object): unknown[] => [
  '1',
  ref,
  'room:1',
  'phx_reply',
  { response, status: 'ok' },
]

/** A client whose session is on the first node, and which has joined by the second. */
async function joined([first, second]: Nodes['apps']): Promise<Poller> {
  const poller = new Poller(first)
  assert.equal((await poller.poll()).status, 410)
  assert.equal(await poller.at(second).send(['1', '1', 'room:1', 'phx_join', {}]), 200)
  await turns()
  assert.deepEqual((await poller.poll()).messages, [replied('1', {})])
  return poller
}

test('W119 a poll and a POST may come to any node', async (t) => {
  const { apps } = await threeNodes(t)
  const poller = await joined(apps)
  const heard: unknown[] = []
  for (let round = 0; round < 9; round++) {
    const [here, there] = [apps[round % 3], apps[(round + 1) % 3]] as [FastifyInstance, FastifyInstance]
    const poll = poller.at(here).poll()
    await turns()
    if (round % 2 === 0) say(there, `${round}`)
    else assert.equal(await poller.at(there).send(push(`${round}`, `${round}`)), 200)
    heard.push(...(await poll).messages)
  }
  await turns()
  say(apps[0], 'end')
  await turns()
  heard.push(...(await poller.poll()).messages)
  const bodies = heard
    .filter((message) => (message as unknown[])[3] === 'said')
    .map((message) => (message as { body: string }[])[4]?.body)
  assert.deepEqual(bodies, ['0', '1', '2', '3', '4', '5', '6', '7', '8', 'end'])
  assert.deepEqual(
    apps.map(({ channels }) => channels.status().connections),
    [1, 0, 0],
  )
})

test('W119 an empty poll, and the second of two, are answered over another node, too', async (t) => {
  const { apps, clock } = await threeNodes(t)
  const poller = await joined(apps)
  const first = poller.at(apps[1]).get()
  await turns()
  const second = poller.at(apps[2]).poll()
  assert.equal((await first).json<{ status: number }>().status, 204)
  await turns()
  await clock.advance(WINDOW_MS)
  assert.equal((await second).status, 204)
})

test('W119 the same limits hold over another node', async (t) => {
  const { apps } = await threeNodes(t, { limits: { payloadBytes: 1_000 } })
  const poller = (await joined(apps)).at(apps[2])
  const answer = async (body: string): Promise<unknown[]> => {
    const { statusCode, body: text } = await poller.post(body)
    return [statusCode, JSON.parse(text)]
  }
  const heartbeat = '[null,"7","phoenix","heartbeat",{}]'
  assert.deepEqual(await answer(''), [400, { status: 400 }])
  assert.deepEqual(await answer('!!!'), [400, { status: 400 }])
  assert.deepEqual(await answer(`["1","2","room:1","say",{"body":"${'x'.repeat(1_000)}"}]`), [
    413,
    { status: 413 },
  ])
  assert.deepEqual(await answer('x'.repeat(100_001)), [413, { status: 413 }])
  const many = Array.from({ length: 101 }, () => heartbeat).join('\n')
  assert.deepEqual(await answer(many), [413, { status: 413, taken: 100 }])
  assert.deepEqual(await answer('["1"'), [400, { status: 400 }])
  assert.equal((await poller.poll()).messages.length, 100)
  assert.equal((await poller.poll()).status, 410)
})

test('W119 long bodies and long answers pass in pages', async (t) => {
  const { apps } = await threeNodes(t, { limits: { messages: false, bytesPerSecond: false } })
  const poller = (await joined(apps)).at(apps[1])
  const texts = Array.from({ length: 30 }, (_, index) => `${index}${'ü'.repeat(20_000)}`)
  assert.equal(await poller.send(...texts.map((text, index) => push(`${index}`, text))), 200)
  await turns()
  const { messages } = await poller.poll()
  const replies = messages.filter((message) => (message as unknown[])[3] === 'phx_reply')
  assert.deepEqual(
    replies.map((message) => (message as { response: { body: string } }[])[4]?.response.body),
    texts,
  )
  const frame = Buffer.concat([
    Buffer.from([0, 1, 1, 6, 5]),
    Buffer.from('12room:1bytes'),
    Buffer.from([1, 2, 255]),
  ])
  assert.equal((await poller.post(frame.toString('base64'))).json<{ status: number }>().status, 200)
  await turns()
  const [binary] = (await poller.poll()).messages
  assert.deepEqual([...Buffer.from(binary as string, 'base64').subarray(-3)], [255, 2, 1])
})

test('W119 a node that is gone is told by 410, and the client begins anew where it asked', async (t) => {
  const { apps, clock } = await threeNodes(t)
  const poller = await joined(apps)
  await apps[0].close()
  const post = poller.at(apps[1]).post('[null,"1","phoenix","heartbeat",{}]')
  const poll = poller.at(apps[2]).poll()
  await turns()
  await clock.advance(TIMEOUT_MS)
  assert.deepEqual((await post).json(), { status: 410 })
  assert.deepEqual([(await poll).status, typeof (await poll).token], [410, 'string'])
  assert.equal(apps[2].channels.status().connections, 1)
})

test('W120 an answer that is lost between two nodes is given again', async (t) => {
  const { apps, clock, network } = await threeNodes(t)
  const poller = await joined(apps)
  const { token } = poller
  const poll = poller.at(apps[1]).poll()
  await turns()
  network.cut()
  apps[0].channels.localBroadcast('room:1' as never, 'said' as never, { body: 'into the void' } as never)
  await turns()
  await clock.advance(WINDOW_MS + TIMEOUT_MS)
  network.heal()
  const lost = await poll
  assert.deepEqual([lost.status, lost.token], [204, token])
  assert.deepEqual((await poller.at(apps[2]).poll()).messages, [said('into the void')])
})

test('W120 a client that goes while it polls elsewhere is missed as any other', async (t) => {
  const { apps, clock } = await threeNodes(t)
  const poller = await joined(apps)
  await apps[1].listen({ port: 0, host: '127.0.0.1' })
  const { port } = apps[1].server.address() as { port: number }
  const abort = new AbortController()
  const broken = fetch(`http://127.0.0.1:${port}${poller.url}`, { signal: abort.signal }).catch(() => {})
  const [socket] = (await once(apps[1].server, 'connection')) as [Socket]
  await once(apps[1].server, 'request')
  await turns()
  abort.abort()
  await Promise.all([broken, once(socket, 'close')])
  await turns()
  say(apps[2], 'unheard')
  await turns()
  assert.deepEqual((await poller.at(apps[2]).poll()).messages, [said('unheard')])
  await clock.advance(GONE_MS)
  await until('it is gone', () => apps[0].channels.status().connections === 0)
})

test('W130 a client that asks again at the same node of others has one answer under way there, too', {
  timeout: 10_000,
}, async (t) => {
  const { apps } = await threeNodes(t, { backpressure: { maxBufferedBytes: false } })
  const [own, other] = apps
  const poller = (await joined(apps)).at(other)
  const body = 'x'.repeat(1_000_000)
  for (let n = 0; n < 32; n++)
    own.channels.localBroadcast('room:1' as never, 'said' as never, { body } as never)
  await turns()
  await other.listen({ port: 0, host: '127.0.0.1' })
  const { port } = other.server.address() as { port: number }
  const accepted = once(other.server, 'connection')
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  t.after(() => socket.destroy())
  socket.pause().write(`GET ${poller.url} HTTP/1.1\r\nhost: a\r\n\r\n`)
  const [served] = (await accepted) as [Socket]
  const cut = once(served, 'close')
  await until('it is answered', () => served.bytesWritten > 0)
  assert.equal((await poller.poll()).messages.length, 32)
  await cut
})

test('W120 a node that closes lets the clients of others ask elsewhere, and loses nothing of theirs', async (t) => {
  const { apps } = await threeNodes(t)
  const poller = await joined(apps)
  const poll = poller.at(apps[1]).poll()
  await turns()
  const closed = apps[1].close()
  assert.deepEqual([(await poll).status, (await poll).messages], [204, []])
  await closed
  say(apps[2], 'meanwhile')
  await turns()
  assert.deepEqual((await poller.at(apps[2]).poll()).messages, [said('meanwhile')])
})

test('W120 nodes without a common secret are refused, and know nothing of each other’s tokens', async (t) => {
  const network = memoryNetwork()
  await assert.rejects(
    async () => Fastify().register(beryl, { pubsub: network.adapter(), longPoll: true }),
    /longPoll\.secret.*all nodes/,
  )
  const one = await node(t, { pubsub: network.adapter() })
  const other = await node(t, { pubsub: network.adapter(), longPoll: { secret: 'x'.repeat(32) } })
  const poller = new Poller(one)
  await poller.poll()
  assert.deepEqual((await poller.at(other).post('[]')).json(), { status: 410 })
})

test('W120 nonsense of other nodes is no message', () => {
  const head = { id: 1, path: '/socket', token: 'x', bytes: 1, page: 0, pages: 1 }
  const good = encodeRelay({ ...head, kind: 'post', isNdjson: true, body: Buffer.from('body') })
  assert.equal(decodeRelay(good)?.kind, 'post')
  for (let at = 0; at < good.length; at++) {
    const spoilt = Uint8Array.from(good)
    spoilt[at] = 255
    decodeRelay(spoilt)
    decodeRelay(good.subarray(0, at))
  }
  for (const wrong of [
    {},
    { kind: 'poll' },
    { ...head, kind: 'what' },
    { ...head, kind: 'answer', page: 2 },
    { kind: 'held', id: -1 },
  ])
    assert.equal(decodeRelay(encodeRelay(wrong as never)), undefined)
  assert.deepEqual(
    pagesOf(Buffer.from('abcde'), 2).map((page) => Buffer.from(page).toString()),
    ['ab', 'cd', 'e'],
  )
  assert.deepEqual(readPostAnswer('{"status":413,"taken":100}'), { status: 413, taken: 100 })
  for (const wrong of ['', 'null', '{', '{}', '{"status":99}', '{"status":"200"}', '[200]'])
    assert.deepEqual(readPostAnswer(wrong), { status: 500 }, wrong)
  assert.deepEqual(readPostAnswer('{"status":200,"taken":"all"}'), { status: 200 })
})

test('W120 nonsense in the name of the other node, while a poll and a POST are under way, harms nobody and loses nothing', async (t) => {
  const { apps, network } = await threeNodes(t)
  const [own, other] = apps
  const poller = (await joined(apps)).at(other)
  let sequence = 0
  const forge = (to: FastifyInstance, from: FastifyInstance, payload: Uint8Array): void => {
    const [here, node] = [to, from].map(({ channels }) => channels.status().node) as [string, string]
    const envelope = { kind: 'lane', topic: 'longpoll', event: '', connectionId: undefined } as const
    network.inject(
      `node:${here}`,
      encodeEnvelope({ ...envelope, node, run: 1, sequence: ++sequence, payload }),
    )
  }
  const body = Buffer.from('nonsense')
  const claimed = { path: '/socket', token: '2.a.b.c.d.e', bytes: 2 ** 40 }
  const ids = Array.from({ length: 40 }, (_, id) => id)
  const nonsense: readonly RelayMessage[] = ids.flatMap((id): RelayMessage[] => [
    { kind: 'poll', id, ...claimed },
    { kind: 'post', id, ...claimed, isNdjson: true, page: 0, pages: 2 ** 40, body },
    { kind: 'cancel', id },
    { kind: 'held', id, ms: 2 ** 40 },
    { kind: 'answer', id, page: 2 ** 40 - 1, pages: 2 ** 40, body },
    { kind: 'answer', id, page: 0, pages: 1, body },
  ])
  const heard: unknown[] = []
  const asking = [poller.poll(), poller.send(push('2', 'mine'))] as const
  for (const message of nonsense)
    for (const [to, from] of [
      [own, other],
      [other, own],
    ] as const)
      for (const bytes of [encodeRelay(message), encodeRelay(message).subarray(0, -9), body])
        forge(to, from, bytes)
  heard.push(...(await asking[0].catch(() => ({ messages: [] }))).messages)
  await asking[1]
  say(own, 'last')
  // An answer that is none came in the place of the token: a client of Phoenix asks again with the one that it has.
  while (!heard.some((message) => isDeepStrictEqual(message, said('last'))))
    heard.push(...(await poller.poll()).messages)
  assert.deepEqual(heard, [said('mine'), replied('2', { body: 'mine' }), said('last')])
  assert.deepEqual(
    apps.map(({ channels }) => channels.status().connections),
    [1, 0, 0],
  )
})

test('W119 two nodes over Redis', need('redis-server'), async (t) => {
  const server = await RedisServer.start()
  t.after(() => server.end())
  const options = (): BerylOptions => ({ pubsub: redis({ url: server.url }) })
  const [one, other] = [await node(t, options()), await node(t, options())]
  const poller = new Poller(one)
  await poller.poll()
  assert.equal(await poller.at(other).send(['1', '1', 'room:1', 'phx_join', {}]), 200)
  assert.deepEqual((await poller.poll()).messages, [replied('1', {})])
  const poll = poller.poll()
  assert.equal(await poller.at(one).send(push('2', 'over Redis')), 200)
  const messages = [...(await poll).messages]
  if (messages.length < 2) messages.push(...(await poller.at(other).poll()).messages)
  assert.deepEqual(messages, [said('over Redis'), replied('2', { body: 'over Redis' })])
})
