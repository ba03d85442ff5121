import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import Fastify from 'fastify'
import { beryl } from '../../src/index.ts'
import { Peer, upgradeHead } from '../support/peer.ts'
import { until } from '../support/until.ts'

test('an upgrade that is answered before any hook gives back its descriptor when its client goes', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const accepted = once(app.server, 'connection')
  const client = connect({ port, host: '127.0.0.1' })
  client.write(upgradeHead(port, '/socket/websocket%E9'))
  const [[served], [answer]] = await Promise.all([accepted, once(client, 'data')])
  assert.match(String(answer), /^HTTP\/1.1 400 /)
  const closed = once(served, 'close', { signal: AbortSignal.timeout(10_000) })
  client.destroy()
  await closed
})

test('with forceCloseConnections a half-sent upgrade does not hold up close, and clients still hear 1012', async (t) => {
  const app = Fastify({ forceCloseConnections: true })
  t.after(() => app.close())
  await app.register(beryl)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const peer = await Peer.open({ port })
  const accepted = once(app.server, 'connection')
  const half = connect({ port, host: '127.0.0.1' }).on('error', () => {})
  half.write(upgradeHead(port, '/socket/websocket').slice(0, 60))
  const [served] = await accepted
  await until('half of it has arrived', () => served.bytesRead === 60)
  await app.close()
  assert.equal(await peer.closed, 1012)
})
