import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import Fastify from 'fastify'
import { beryl } from 'fastify-beryl'
import { WebSocket } from 'ws'
import { root } from '../docs/samples.ts'
import { tableOfPage } from './page.ts'
import { temporaryFolder } from './proxy.ts'

// The table of docs/deployment.md: each cell is what the server says.

type Trust = boolean | string | ((address: string, hop: number) => boolean)

const VALUES: Readonly<Record<string, unknown>> = {
  '`false`': false,
  '`true`': true,
  "`'127.0.0.1'`, the proxy's address": '127.0.0.1',
  '`1`, a number of proxies': 1,
  '`(_, hop) => hop === 0`': (_: string, hop: number) => hop === 0,
}

const page = readFileSync(join(root, 'docs/deployment.md'), 'utf8')
const rows = tableOfPage(page, '`trustProxy`')

test('docs/deployment.md has a row for each kind of trustProxy', () => {
  assert.deepEqual(
    rows.map(([value]) => value),
    Object.keys(VALUES),
  )
})

for (const [value = '', tcp = '', unix = '', past = '', host = ''] of rows) {
  const trust = VALUES[value] as Trust
  const forwarded = { 'x-forwarded-for': '9.9.9.9, 203.0.113.7' }
  test(`trustProxy ${value}, over TCP`, async (t) => {
    const port = await listen(t, trust, { port: 0, host: '127.0.0.1' })
    const url = `ws://127.0.0.1:${port}/socket/websocket`
    assert.equal(shown(await addressOf(url, { headers: forwarded })), tcp)
  })
  test(`trustProxy ${value}, over a unix socket`, async (t) => {
    const path = join(temporaryFolder(), 'app.sock')
    await listen(t, trust, { path })
    const url = `ws+unix:${path}:/socket/websocket`
    assert.equal(shown(await addressOf(url, { headers: forwarded })), unix)
  })
  test(`trustProxy ${value}, past the proxy`, async (t) => {
    const port = await listen(t, trust, { port: 0, host: '127.0.0.1' })
    const url = `ws://127.0.0.1:${port}/socket/websocket`
    const localAddress = '127.0.0.3'
    assert.equal(
      shown(await addressOf(url, { headers: { 'x-forwarded-for': '9.9.9.9' }, localAddress })),
      past,
    )
    const headers = { 'x-forwarded-host': 'evil.example' }
    const forged = await addressOf(url, { headers, localAddress, origin: 'https://evil.example' })
    assert.equal(forged === 'refused' ? 'is not believed' : 'is believed', host)
  })
}

for (const trust of ['127.0.0.0/30', '10.0.0.1, 127.0.0.1']) {
  test(`trustProxy may be a network, or a list: ${trust}`, async (t) => {
    const port = await listen(t, trust, { port: 0, host: '127.0.0.1' })
    const headers = { 'x-forwarded-for': '9.9.9.9, 203.0.113.7' }
    assert.equal(await addressOf(`ws://127.0.0.1:${port}/socket/websocket`, { headers }), '203.0.113.7')
  })
}

test('behind two proxies the addresses of both are trusted', async (t) => {
  const port = await listen(t, '127.0.0.1, 10.0.0.8', { port: 0, host: '127.0.0.1' })
  const headers = { 'x-forwarded-for': '9.9.9.9, 203.0.113.7, 10.0.0.8' }
  assert.equal(await addressOf(`ws://127.0.0.1:${port}/socket/websocket`, { headers }), '203.0.113.7')
})

async function listen(t: TestContext, trustProxy: Trust, where: object): Promise<number> {
  const app = Fastify({ trustProxy })
  t.after(() => app.close())
  await app.register(beryl)
  app.channels.onTelemetry('connection.open', (_, { ip }) => addresses.push(ip))
  await app.listen(where)
  return (app.server.address() as AddressInfo).port
}

/** Where the clients came from, as the servers say. */
const addresses: string[] = []

async function addressOf(url: string, options: object): Promise<string> {
  const socket = new WebSocket(`${url}?vsn=2.0.0`, options)
  const isOpen = await new Promise((resolve) => {
    socket.once('open', () => resolve(true)).once('error', () => resolve(false))
  })
  socket.terminate()
  return isOpen ? (addresses.pop() ?? 'nowhere') : 'refused'
}

function shown(address: string): string {
  return address === '' ? 'none' : `\`${address}\``
}
