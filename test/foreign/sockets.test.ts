import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import Fastify from 'fastify'
import beryl, { Binary, type ChannelDefinition, defineChannel, reject } from 'fastify-beryl'
import { memoryNetwork } from 'fastify-beryl/testing'
import { Type } from 'typebox'
import { Peer } from '../support/peer.ts'
import { until } from '../support/until.ts'

// The end of the process once, over real sockets: messages that wait for a join whose answer takes a turn.

const LONG_REF = 'r'.repeat(300)

const Url = Type.Refine(Type.String(), (value) => new URL(value).protocol === 'https:')
const Later = Type.Refine(Type.Unknown(), (async () => Promise.reject(new Error('async check'))) as never)

const room = defineChannel('room:*', {
  schema: {
    join: { error: Binary() },
    in: {
      visit: { payload: Type.Object({ url: Url }), reply: Type.String() },
      later: { payload: Later, reply: Type.String() },
      bytes: { payload: Type.Unknown(), reply: Binary() },
      listen: { payload: Type.Unknown(), reply: Type.String() },
    },
  },
  join: async ({ topic }) => {
    if (topic === 'room:bytes') return reject(Buffer.from('no'))
    if (topic === 'room:getter') {
      return Object.defineProperty({}, 'then', {
        get() {
          throw new Error('then')
        },
      }) as never
    }
    return { assigns: {} }
  },
  in: {
    visit: () => 'visited',
    later: () => 'never',
    bytes: () => Buffer.from('yes'),
    listen(_, { signal }) {
      signal.addEventListener('abort', () => {
        throw new Error('listener')
      })
      return 'heard'
    },
  },
}) as ChannelDefinition

const strict = defineChannel('strict:*', {
  schema: { join: Type.Object({ url: Url }), in: {} },
  join: () => ({ assigns: {} }),
  in: {},
}) as ChannelDefinition

interface Reply {
  readonly status: string
  readonly response: { readonly reason?: string }
}

async function connect(t: TestContext) {
  const app = Fastify()
  await app.register(beryl, { channels: [room, strict], pubsub: memoryNetwork().adapter() })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.after(() => app.close())
  const peer = await Peer.open({ port: (app.server.address() as AddressInfo).port })
  const texts: [unknown, string, string, string, unknown][] = []
  peer.onMessage = (payload, isBinary) => {
    if (!isBinary) texts.push(JSON.parse(payload.toString()))
  }
  const answered = async (ref: string): Promise<Reply> => {
    const find = () => texts.find(([, of, , event]) => of === ref && event === 'phx_reply')
    await until(
      `an answer to ${ref.slice(0, 9)}: ${JSON.stringify(texts)}`,
      () => find() !== undefined,
      5_000,
    )
    return find()?.[4] as Reply
  }
  const tell = (...message: readonly unknown[]): void => peer.text(JSON.stringify(message))
  return { app, peer, tell, answered, texts }
}

test('a check that throws refuses the push that waited for its join, and nothing else', async (t) => {
  const { tell, answered } = await connect(t)
  tell('1', '1', 'room:1', 'phx_join', {})
  tell('1', '2', 'room:1', 'visit', { url: 'not a url' })
  tell('1', '3', 'room:1', 'later', {})
  tell('1', '4', 'room:1', 'visit', { url: 'https://example.com' })
  assert.equal((await answered('1')).status, 'ok')
  for (const ref of ['2', '3']) assert.equal((await answered(ref)).response.reason, 'invalid_payload')
  assert.deepEqual(await answered('4'), { status: 'ok', response: 'visited' })
})

test('a join whose payload has such a check is refused, and the connection lives', async (t) => {
  const { tell, answered } = await connect(t)
  tell('1', '1', 'strict:1', 'phx_join', { url: 'x' })
  assert.equal((await answered('1')).response.reason, 'invalid_payload')
  tell(null, '2', 'phoenix', 'heartbeat', {})
  assert.equal((await answered('2')).status, 'ok')
})

test('what fits into no frame is a join that crashed, or a channel that did, alone', async (t) => {
  const { tell, answered, texts } = await connect(t)
  tell('1', LONG_REF, 'room:bytes', 'phx_join', {})
  assert.equal((await answered(LONG_REF)).response.reason, 'join crashed')
  tell('2', '2', 'room:getter', 'phx_join', {})
  assert.equal((await answered('2')).response.reason, 'join crashed')
  tell('3', '3', 'room:1', 'phx_join', {})
  tell('4', '4', 'room:2', 'phx_join', {})
  tell('3', LONG_REF.slice(1), 'room:1', 'bytes', {})
  await until('the channel crashes', () =>
    texts.some(([, , topic, event]) => topic === 'room:1' && event === 'phx_error'),
  )
  tell('4', '5', 'room:2', 'visit', { url: 'https://example.com' })
  assert.deepEqual(await answered('5'), { status: 'ok', response: 'visited' })
})

test('a listener of the signal that throws harms nobody', async (t) => {
  const { app, peer, tell, answered } = await connect(t)
  const crashes: string[] = []
  app.channels.onTelemetry('channel.crash', (_, { event }) => void crashes.push(event))
  tell('1', '1', 'room:1', 'phx_join', {})
  tell('1', '2', 'room:1', 'listen', {})
  assert.equal((await answered('2')).response, 'heard')
  await peer.close()
  await until('the signal is reported', () => crashes.includes('signal'), 5_000)
})
