import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import Fastify, { type FastifyServerOptions } from 'fastify'
import { Type } from 'typebox'
import { WebSocket } from 'ws'
import { beryl, type ChannelDefinition, defineChannel } from '../../src/index.ts'
import { upgradeHead } from '../support/peer.ts'
import { until } from '../support/until.ts'

const asked = { payload: Type.Object({}), reply: Type.Object({ ip: Type.String() }) }

const room = defineChannel('room:*', {
  schema: { in: { where: asked }, out: {} },
  join: () => ({ assigns: {} }),
  in: { where: (_payload, socket) => ({ ip: socket.connection.ip }) },
})

async function serve(
  t: TestContext,
  channel: ChannelDefinition,
  options: FastifyServerOptions = {},
  accepted: (socket: Socket) => void = () => {},
): Promise<string> {
  const app = Fastify(options)
  app.server.on('connection', accepted)
  t.after(() => app.close())
  await app.register(beryl, { channels: [channel] })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return `ws://127.0.0.1:${(app.server.address() as AddressInfo).port}/socket/websocket?vsn=2.0.0`
}

async function join(t: TestContext, url: string, headers = {}): Promise<WebSocket> {
  const client = new WebSocket(url, { headers })
  t.after(() => client.terminate())
  await once(client, 'open')
  assert.match(await ask(client, 'phx_join'), /"status":"ok"/)
  return client
}

async function ask(client: WebSocket, event: string): Promise<string> {
  client.send(JSON.stringify(['1', '1', 'room:1', event, {}]))
  const [answer] = await once(client, 'message')
  return String(answer)
}

test('W121 the address is asked for once, before the client is let in', async (t) => {
  let questions = 0
  const url = await serve(t, room, {}, (socket) => {
    const ip = socket.remoteAddress
    Object.defineProperty(socket, 'remoteAddress', {
      get() {
        questions++
        return ip
      },
    })
  })
  const client = await join(t, url)
  assert.match(await ask(client, 'where'), /"ip":"127\.0\.0\.1"/)
  await ask(client, 'where')
  assert.equal(questions, 1)
})

test('W121 a client that sends its join and cuts the connection at once does not hide its address', async (t) => {
  const seen: string[] = []
  const url = await serve(
    t,
    defineChannel('room:*', {
      schema: {},
      join({ connection }) {
        seen.push(connection.ip)
        return { assigns: {} }
      },
    }),
  )
  const port = Number(new URL(url).port)
  const client = connect({ port, host: '127.0.0.1' })
  client.write(upgradeHead(port, '/socket/websocket?vsn=2.0.0'))
  await once(client, 'data')
  const payload = Buffer.from(JSON.stringify(['1', '1', 'room:1', 'phx_join', {}]))
  // The mask is four zeros, which changes nothing.
  client.write(Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]))
  client.resetAndDestroy()
  await until('it is heard', () => seen.length > 0)
  assert.deepEqual(seen, ['127.0.0.1'])
})

test('W121 behind a proxy the address is the forwarded one, also when the request is long gone', async (t) => {
  const url = await serve(t, room, { trustProxy: true })
  const client = await join(t, url, { 'x-forwarded-for': '192.0.2.7' })
  assert.match(await ask(client, 'where'), /"ip":"192\.0\.2\.7"/)
})

test('W121 terminate knows the address of a client that was cut, though nobody looked before', async (t) => {
  const seen: string[] = []
  const url = await serve(
    t,
    defineChannel('room:*', {
      schema: { in: {}, out: {} },
      join: () => ({ assigns: {} }),
      in: {},
      terminate: (_reason, socket) => void seen.push(socket.connection.ip),
    }),
  )
  const client = await join(t, url)
  client.terminate()
  await until('a terminate', () => seen.length > 0)
  assert.deepEqual(seen, ['127.0.0.1'])
})

test('W121 an async handler that goes on when its client is gone knows the address', async (t) => {
  const seen: string[] = []
  let hasBegun = false
  const url = await serve(
    t,
    defineChannel('room:*', {
      schema: { in: { slow: asked }, out: {} },
      join: () => ({ assigns: {} }),
      in: {
        async slow(_payload, socket) {
          hasBegun = true
          await new Promise((resolve) => socket.signal.addEventListener('abort', resolve))
          const { ip } = socket.connection
          seen.push(ip)
          return { ip }
        },
      },
    }),
  )
  const client = await join(t, url)
  client.send(JSON.stringify(['1', '2', 'room:1', 'slow', {}]))
  await until('a handler at work', () => hasBegun)
  client.terminate()
  await until('a handler that goes on', () => seen.length > 0)
  assert.deepEqual(seen, ['127.0.0.1'])
})

test('W121 a listener of the signal of a channel knows the address of a client that was cut', async (t) => {
  const seen: string[] = []
  const url = await serve(
    t,
    defineChannel('room:*', {
      schema: {},
      join: () => ({ assigns: {} }),
      joined: (socket) => socket.signal.addEventListener('abort', () => void seen.push(socket.connection.ip)),
    }),
  )
  const client = await join(t, url)
  client.terminate()
  await until('a listener is told', () => seen.length > 0)
  assert.deepEqual(seen, ['127.0.0.1'])
})

test('W121 a listener of connection.open is told the address', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [room] })
  const seen: string[] = []
  app.channels.onTelemetry('connection.open', (_, { ip }) => void seen.push(ip))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  await join(t, `ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`)
  assert.deepEqual(seen, ['127.0.0.1'])
})
