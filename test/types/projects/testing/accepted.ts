import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import beryl, { Binary, defineChannel } from 'fastify-beryl'
import { berylMetrics } from 'fastify-beryl/metrics'
import { connect } from 'fastify-beryl/testing'
import { Type } from 'typebox'
import { expectSame } from '../same.ts'

// The testing kit knows a channel by its definition, by the registry, or not at all.

export const room = defineChannel('room:*', {
  schema: {
    join: { payload: Type.Object({ name: Type.String() }), reply: Type.Object({ members: Type.Integer() }) },
    in: {
      say: {
        payload: Type.Object({ body: Type.String() }),
        reply: Type.Object({ id: Type.String() }),
        error: Type.Object({ reason: Type.Literal('empty') }),
      },
      ping: Type.Object({}),
      blob: { payload: Binary(), reply: Binary() },
    },
    out: { said: Type.Object({ body: Type.String(), tags: Type.Array(Type.String()) }), image: Binary() },
    presence: Type.Object({ status: Type.String() }),
  },
  join: () => ({ assigns: {}, reply: { members: 1 } }),
  in: { say: () => ({ id: '1' }), ping() {}, blob: (bytes) => bytes },
})

export const news = defineChannel('news', { schema: {}, join: () => ({ assigns: {} }) })

declare module 'fastify-beryl' {
  interface RegisteredChannels {
    room: typeof room
    news: typeof news
  }
}

export async function byDefinition(app: FastifyInstance): Promise<void> {
  const client = await connect(app)
  const channel = await client.join(room, 'room:1', { name: 'ada' })
  expectSame<typeof channel.reply, { members: number }>()
  const reply = await channel.push('say', { body: 'hi' }).expectReply('ok', { id: /^\d$/ })
  expectSame<typeof reply, { id: string }>()
  const error = await channel.push('say', { body: '' }).expectReply('error', { reason: 'empty' })
  expectSame<typeof error, { reason: 'empty' } | { reason: string }>()
  channel.push('ping')
  const bytes = await channel.push('blob', new Uint8Array(1)).expectReply()
  expectSame<typeof bytes, Buffer>()
  const said = await channel.expectPush('said', { body: (body) => body.length > 1, tags: ['a', /b/] })
  expectSame<typeof said, { body: string; tags: string[] }>()
  const image = await channel.expectBroadcast('image', Buffer.of(1))
  expectSame<typeof image, Buffer>()
  await channel.refutePush('presence_diff')
  const { status } = await channel.expectPresence('ada', { status: 'away' })
  expectSame<typeof status, string>()
  await client.join(news, 'news')
}

export async function byRegistry(app: FastifyInstance): Promise<void> {
  const client = await connect(app)
  const channel = await client.join('room:1', { anything: 'a test may send what is wrong' })
  const reply = await channel.push('say', { body: 'hi' }).expectReply()
  expectSame<typeof reply, { id: string }>()
}

/** A logger that knows more than Fastify asks for, as pino's own does. */
interface OwnLogger extends FastifyBaseLogger {
  flush(): void
  child(...args: Parameters<FastifyBaseLogger['child']>): OwnLogger
}

/** The kit takes, and the plugin is registered with, whatever `Fastify(…)` gives. */
export async function anyInstance(logger: OwnLogger): Promise<void> {
  const logged = Fastify({ loggerInstance: logger })
  logged.log.flush()
  await logged.register(beryl, { channels: [room] })
  await logged.register(berylMetrics, { path: '/metrics' })
  await connect(logged)
  const typed = Fastify().withTypeProvider<{
    input: unknown
    output: unknown
    schema: unknown
    validator: unknown
    serializer: unknown
  }>()
  await typed.register(beryl)
  await connect(typed)
  const http2 = Fastify({ http2: true, https: { allowHTTP1: true } })
  await http2.register(beryl)
  await connect(http2)
  const tls = Fastify({ https: {} })
  await tls.register(beryl)
  await connect(tls)
}

export async function untyped(app: FastifyInstance): Promise<void> {
  const client = await connect(app)
  const channel = client.channel('elsewhere')
  await channel.push('anything', 1).expectReply('queued', { a: 1 })
  await channel.expectPush('anything', { a: 1 })
  await client.expectMessage({ topic: 'elsewhere', ref: '1', payload: { response: {} } })
}
