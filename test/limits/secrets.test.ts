import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { WebSocket } from 'ws'
import { type BerylOptions, beryl, reject } from '../../src/index.ts'
import { connect } from '../../src/testing/index.ts'
import { until } from '../support/until.ts'

// A secret that a client shows at the door must not be read in the log.

const TOKEN = 'hunter2'
const ENCODED = Buffer.from(TOKEN).toString('base64url')

async function serve(
  t: TestContext,
  options: BerylOptions,
): Promise<{ app: FastifyInstance; log: string[] }> {
  const log: string[] = []
  const app = Fastify({
    logger: { level: 'trace', stream: { write: (line: string) => void log.push(line) } },
  })
  t.after(() => app.close())
  await app.register(beryl, options)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, log }
}

const outcomes: readonly [string, BerylOptions][] = [
  ['let in', {}],
  ['rejected', { connect: () => reject() }],
  ['failed', { connect: () => Promise.reject(new Error('no database')) }],
  ['turned away', { limits: { connections: 1 } }],
]

for (const [outcome, options] of outcomes) {
  test(`no line of the log holds the token of a client that is ${outcome}`, async (t) => {
    const { app, log } = await serve(t, options)
    const { port } = app.server.address() as AddressInfo
    const url = `ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0&token=${TOKEN}`
    // Two of them: where one place is all there is, the second is turned away.
    for (let n = 0; n < 2; n++) {
      const socket = new WebSocket(url, ['phoenix', `base64url.bearer.phx.${ENCODED}`])
      t.after(() => socket.terminate())
      socket.on('error', () => {})
      await Promise.race([once(socket, 'open'), once(socket, 'unexpected-response')])
    }
    await connect(app, { params: { token: TOKEN }, authToken: TOKEN }).catch(() => {})
    await until('something is logged', () => log.length >= 3)
    const lines = log.join('')
    assert.match(lines, /\/socket\/websocket\?…/)
    for (const secret of [TOKEN, ENCODED]) assert.equal(lines.includes(secret), false, lines)
  })
}

test('an authToken that is no base64 is answered with 400 and not repeated', async (t) => {
  const { app, log } = await serve(t, {})
  const { statusCode, body } = await app.inject({
    url: '/socket/websocket?vsn=2.0.0',
    headers: { 'sec-websocket-protocol': 'phoenix, base64url.bearer.phx.hunter2!!' },
  })
  assert.equal(statusCode, 400)
  assert.equal((body + log.join('')).includes(TOKEN), false)
})
