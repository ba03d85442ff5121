import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { need } from '../support/need.ts'
import { nginx } from './proxies.ts'
import { RunningProxy } from './proxy.ts'
import { type Server, startServer } from './server.ts'
import { testProxy } from './suite.ts'
import { visitor } from './visitor.ts'

testProxy(nginx, {
  silence: [['proxy_read_timeout 75s', 'proxy_read_timeout 3s']],
  patience: [['worker_shutdown_timeout 10m', 'worker_shutdown_timeout 3s']],
})

/** Starts nginx without some lines of the page. */
async function without(
  t: TestContext,
  left: readonly RegExp[],
): Promise<{ proxy: RunningProxy; server: Server }> {
  const server = await startServer(t)
  const proxy = await RunningProxy.start(t, nginx, { changes: nginx.servers([server.port]), left })
  return { proxy, server }
}

const forged = { origin: 'https://evil.example', headers: { 'x-forwarded-host': 'evil.example' } }

test('without its line, nginx hands on a forged X-Forwarded-Host', need('nginx'), async (t) => {
  const { proxy } = await without(t, [/X-Forwarded-Host/])
  const client = visitor(forged)
  t.after(() => client.disconnect())
  await client.connect(proxy.url)
  assert.equal((await client.join('room:1')).status, 'ok')
})

test('without the lines of the upgrade there is none: the server answers 426', need('nginx'), async (t) => {
  const { proxy, server } = await without(t, [/http_version/, /header Upgrade/, /header Connection/])
  const client = visitor()
  t.after(() => client.disconnect())
  await client.connect(proxy.url)
  await client.next('error')
  await server.program.line(/"statusCode":426/)
})
