import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { test } from 'node:test'
import Fastify from 'fastify'
import { beryl } from 'fastify-beryl'
import { Peer, upgradeHead } from '../support/peer.ts'

/** More than the operating system takes for one socket, both ways together. */
const PINGS = 150_000
/** A masked ping of 125 bytes. */
const PING = Buffer.concat([Buffer.from([0x89, 0x80 | 125, 0, 0, 0, 0]), Buffer.alloc(125, 'x')])
const PONGS_BYTES = 100 * PING.length

test('a client that pings without end and reads no pong is cut; what waits for it stays small', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const other = await Peer.open({ port })
  const accepted = once(app.server, 'connection')
  const client = connect({ port, host: '127.0.0.1' }).on('error', () => {})
  t.after(() => client.destroy())
  client.write(upgradeHead(port, '/socket/websocket?vsn=2.0.0'))
  await once(client, 'data')
  client.pause()
  const [served] = (await accepted) as [Socket]
  const closed = once(served, 'close')
  let waited = 0
  const flood = Buffer.concat(Array.from({ length: 100 }, () => PING))
  for (let sent = 0; sent < PINGS && client.writable; sent += 100) {
    if (!client.write(flood))
      await Promise.race([once(client, 'drain'), once(client, 'close')]).catch(() => {})
    waited = Math.max(waited, served.writableLength)
  }
  await closed
  assert.ok(waited <= PONGS_BYTES, `${waited} bytes of pongs waited`)
  assert.equal(other.isGone, false)
  assert.equal(app.channels.status().connections, 1)
})
