import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import '@fastify/jwt'
import Fastify, { type FastifyInstance } from 'fastify'
import { beryl } from 'fastify-beryl'
import { type ConnectOptions, ConnectRefused, connect } from 'fastify-beryl/testing'
import * as phoenix18 from 'phoenix'
// @ts-expect-error the alias has no types
import * as phoenix17 from 'phoenix-1.7'
// @ts-expect-error the package has no types
import phoenixChannels from 'phoenix-channels'
import { WebSocket } from 'ws'
import { until } from '../support/until.ts'
import { extractSamples, importSample, samplesOf } from './samples.ts'

// Every sample of docs/auth.md, with those who may and those who may not.

const { folder } = extractSamples('auth')

async function sample(t: TestContext, file: string): Promise<FastifyInstance> {
  const { app } = (await importSample(folder, file)) as { app: FastifyInstance }
  t.after(() => app.close())
  await app.ready()
  return app
}

async function whoIs(app: FastifyInstance, options: ConnectOptions): Promise<unknown> {
  const client = await connect(app, options)
  const channel = await client.join('me')
  return channel.push('who').expectReply('ok')
}

async function statusOf(app: FastifyInstance, options: ConnectOptions): Promise<number> {
  const outcome: unknown = await connect(app, options).catch((error: unknown) => error)
  assert.ok(outcome instanceof ConnectRefused, 'it was let in')
  return outcome.statusCode
}

function askMe(socket: WebSocket): Promise<unknown> {
  return new Promise((resolve) => {
    socket.on('message', (data) => {
      const [, ref, , , { response }] = JSON.parse(String(data))
      if (ref === '2') resolve(response)
    })
    socket.send('["1","1","me","phx_join",{}]')
    socket.send('["1","2","me","who",{}]')
  })
}

const ada = { userId: 'ada' }

test('a token in the params', async (t) => {
  const app = await sample(t, 'params.ts')
  assert.deepEqual(await whoIs(app, { params: { token: 'token-of-ada' } }), ada)
  assert.equal(await statusOf(app, { params: { token: 'wrong' } }), 403)
  assert.equal(await statusOf(app, {}), 403)
})

test('authToken', async (t) => {
  const app = await sample(t, 'auth-token.ts')
  assert.deepEqual(await whoIs(app, { authToken: 'token-of-ada' }), ada)
  assert.equal(await statusOf(app, { authToken: 'wrong' }), 403)
  assert.equal(await statusOf(app, { params: { token: 'token-of-ada' } }), 403)
})

test('a JWT as authToken, with its expiry', async (t) => {
  const app = await sample(t, 'jwt.ts')
  const sign = (expiresIn: string): string => app.jwt.sign({ sub: 'ada' }, { expiresIn })
  assert.deepEqual(await whoIs(app, { authToken: sign('1h') }), ada)
  assert.equal(await statusOf(app, { authToken: sign('-1s') }), 403)
  assert.equal(await statusOf(app, { authToken: `${sign('1h')}x` }), 403)
  assert.equal(await statusOf(app, {}), 403)
})

test('a JWT in the header, by the hook of the scope', async (t) => {
  const app = await sample(t, 'jwt-header.ts')
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const outcome = async (authorization: string): Promise<unknown> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`, {
      headers: { authorization },
    })
    socket.on('error', () => {})
    const refused = once(socket, 'unexpected-response').then(([, response]) => response.statusCode)
    const status = await Promise.race([refused, once(socket, 'open').then(() => 'open')])
    if (status === 'open') assert.deepEqual(await askMe(socket), ada)
    socket.terminate()
    return status
  }
  assert.equal(await outcome(`Bearer ${app.jwt.sign({ sub: 'ada' })}`), 'open')
  assert.equal(await outcome('Bearer wrong'), 401)
})

test('a cookie, for pages of the listed origin alone', async (t) => {
  const app = await sample(t, 'cookie.ts')
  const { cookies } = await app.inject({ method: 'POST', url: '/login' })
  assert.ok(cookies[0], 'a cookie is set')
  const cookie = `session=${cookies[0].value}`
  const origin = 'https://app.example.com'
  assert.deepEqual(await whoIs(app, { headers: { cookie, origin } }), ada)
  assert.equal(await statusOf(app, { headers: { cookie, origin: 'https://evil.example' } }), 403)
  assert.equal(await statusOf(app, { headers: { cookie: 'session=token-of-ada', origin } }), 403)
  assert.equal(await statusOf(app, { headers: { origin } }), 403)
})

test('logout closes all connections of the user, and they do not come back in', async (t) => {
  const app = await sample(t, 'logout.ts')
  const tokens = ['of-the-phone', 'of-the-laptop']
  const clients = await Promise.all(tokens.map((token) => connect(app, { params: { token } })))
  const { statusCode } = await app.inject({ method: 'POST', url: '/users/ada/logout' })
  assert.equal(statusCode, 204)
  for (const client of clients) await client.expectClosed(1001)
  for (const token of tokens) assert.equal(await statusOf(app, { params: { token } }), 403)
})

const libraries = {
  'phoenix 1.8': phoenix18.Socket,
  'phoenix 1.7': phoenix17.Socket as typeof phoenix18.Socket,
  'phoenix-channels 1.0': phoenixChannels.Socket as typeof phoenix18.Socket,
}

interface Renewing {
  renewing(socket: unknown, freshToken: () => Promise<string>): void
}

async function renewingClient(): Promise<Renewing> {
  const { code } = samplesOf('docs/auth.md').find(({ name }) => name === 'renewing.js') ?? { code: '' }
  const file = 'renewing.mjs'
  writeFileSync(join(folder, file), code)
  return (await importSample(folder, file)) as Renewing
}

test('W97 a client of each version of phoenix.js renews its token over the connection that it has', async (t) => {
  const app = await sample(t, 'renewal.ts')
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const { renewing } = await renewingClient()
  const renewals: string[] = []
  app.channels.onTelemetry('connection.renew', (_, { outcome }) => void renewals.push(outcome))
  const closes: number[] = []
  app.channels.onTelemetry('connection.close', (_, { code }) => void closes.push(code))
  for (const Socket of Object.values(libraries)) {
    const asked = renewals.length
    const socket = new Socket(`ws://127.0.0.1:${port}/socket`, {
      params: { token: app.jwt.sign({ sub: 'ada' }, { expiresIn: '20s' }) },
      transport: WebSocket,
    } as never)
    renewing(socket, async () => app.jwt.sign({ sub: 'ada' }, { expiresIn: '1h' }))
    const channel = socket.channel('me', {})
    const joined = new Promise((resolve) => void channel.join().receive('ok', resolve))
    socket.connect()
    await joined
    await until('the renewal is answered', () => renewals.length > asked)
    assert.equal(renewals.at(-1), 'ok')
    const who = new Promise((resolve) => void channel.push('who', {}).receive('ok', resolve))
    assert.deepEqual(await who, ada)
    assert.deepEqual(closes, [])
    clearInterval((socket as unknown as { heartbeatTimer: NodeJS.Timeout }).heartbeatTimer)
    socket.disconnect()
    await until('it is gone', () => app.channels.status().connections === 0)
    closes.length = 0
  }
  const sign = (sub: string): string => app.jwt.sign({ sub }, { expiresIn: '1h' })
  const client = await connect(app, { authToken: sign('ada') })
  assert.deepEqual(await client.renew('wrong').expectReply('error'), { reason: 'token' })
  assert.deepEqual(await client.renew(sign('bob')).expectReply('error'), { reason: 'other_identity' })
  assert.deepEqual(client.connection.assigns, ada)
})

test('a topic of somebody else is refused by its join', async (t) => {
  const { mail } = (await importSample(folder, 'topics.ts')) as { mail: never }
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, {
    channels: [mail],
    connect: ({ params }) => ({ assigns: { userId: String(params.token) } }),
  })
  const client = await connect(app, { params: { token: 'ada' } })
  await client.join('mail:ada')
  await assert.rejects(client.join('mail:bob'), { response: { reason: 'not yours' } })
})
