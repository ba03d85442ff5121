import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { WebSocket } from 'ws'
import { extractSamples, importSample } from './samples.ts'

/** As much of what clients hear as these tests look at. */
interface Payload {
  readonly text?: string
  readonly joins?: Record<string, { metas: { status: string }[] }>
  readonly leaves?: object
}

/** A client that keeps what it hears and can wait for it. */
async function connect(t: TestContext, app: FastifyInstance) {
  if (app.server.address() === null) await app.listen({ port: 0, host: '127.0.0.1' })
  t.after(() => app.close())
  const { port } = app.server.address() as AddressInfo
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`)
  const heard: [string | null, string | null, string, string, Payload][] = []
  socket.on('message', (data) => {
    heard.push(JSON.parse(String(data)))
    socket.emit('heard')
  })
  await once(socket, 'open')
  return {
    send: (...frame: unknown[]) => socket.send(JSON.stringify(frame)),
    async expect(event: string): Promise<(typeof heard)[0]> {
      for (;;) {
        const at = heard.findIndex((frame) => frame[3] === event)
        if (at >= 0) return heard.splice(at, 1)[0] as (typeof heard)[0]
        await once(socket, 'heard')
      }
    },
  }
}

test('the samples of docs/presence.md do what the guide says', async (t) => {
  const { folder } = extractSamples('presence')
  const { app, bot, log } = (await importSample(folder, 'server.ts')) as {
    app: FastifyInstance
    bot: AbortController
    log: string[]
  }
  const client = await connect(t, app)
  client.send('1', '1', 'room:lobby', 'phx_join', { name: 'ann' })
  await client.expect('phx_reply')
  // K2: with itself.
  assert.deepEqual(Object.keys((await client.expect('presence_state'))[4]).sort(), ['ann', 'bot'])
  client.send('1', '2', 'room:lobby', 'status', { status: 'away' })
  for (;;) {
    const [, , , , { joins, leaves }] = await client.expect('presence_diff')
    if (joins?.ann?.metas[0]?.status !== 'away') continue
    assert.deepEqual(Object.keys(leaves ?? {}), ['ann'])
    break
  }
  const { count, first } = (await app.inject('/rooms/lobby')).json()
  assert.deepEqual([count, first.sort()], [2, ['ann', 'bot']])
  bot.abort()
  const [, , , , { leaves }] = await client.expect('presence_diff')
  assert.deepEqual(Object.keys(leaves ?? {}), ['bot'])
  assert.deepEqual(log.slice(0, 2).sort(), ['ann is on room:lobby', 'bot is on room:lobby'])
  assert.equal(log.at(-1), 'bot was on room:lobby')
})

test('the samples of docs/groups.md do what the guide says', async (t) => {
  const { folder } = extractSamples('groups')
  const { app } = (await importSample(folder, 'announce.ts')) as { app: FastifyInstance }
  const client = await connect(t, app)
  for (const topic of ['room:1', 'room:2', 'room:3']) client.send('1', topic, topic, 'phx_join', {})
  for (let n = 0; n < 3; n++) await client.expect('phx_reply')
  const { statusCode } = await app.inject({ method: 'POST', url: '/announce', payload: { text: 'hello' } })
  assert.equal(statusCode, 202)
  const topics = []
  for (let n = 0; n < 2; n++) {
    const [, , topic, , payload] = await client.expect('announced')
    assert.deepEqual(payload, { text: 'hello' })
    topics.push(topic)
  }
  assert.deepEqual(topics.sort(), ['room:1', 'room:2'])
})
