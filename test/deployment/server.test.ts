import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'
import { resolveOptions } from '../../src/node/options.ts'
import { root } from '../docs/samples.ts'
import { tls } from '../support/tls.ts'
import { commandOfContainer, fileOfPage } from './page.ts'
import { Program } from './program.ts'
import { temporaryFolder } from './proxy.ts'
import { launch, type Server, startServer } from './server.ts'
import { visitor } from './visitor.ts'

// The words of docs/deployment.md on the process itself: readiness, the drain, exit codes, TLS.

/** A client that answers nothing, not even a close: the drain waits for it. */
async function deafClient(t: TestContext, { port }: Server): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`)
  t.after(() => socket.terminate())
  await once(socket, 'open')
  socket.pause()
  return socket
}

async function statusOf({ port }: Server, path: string): Promise<number | undefined> {
  const request = get({ host: '127.0.0.1', port, path, agent: false })
  const [response] = await once(request, 'response')
  response.resume()
  return response.statusCode
}

test('it is ready when it listens, not ready as soon as it drains, and a second SIGTERM ends it at once', async (t) => {
  const server = await startServer(t)
  assert.deepEqual([await statusOf(server, '/ready'), await statusOf(server, '/live')], [200, 200])
  await deafClient(t, server)
  const client = visitor()
  t.after(() => client.disconnect())
  await client.connect(`ws://127.0.0.1:${server.port}/socket`)
  await client.join('room:1')
  server.program.signal('SIGTERM')
  assert.equal(await client.next('close'), 1012)
  assert.equal(await statusOf(server, '/ready'), 503)
  server.program.signal('SIGTERM')
  assert.deepEqual(await server.program.exited, { code: null, signal: 'SIGTERM' })
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`it ends with 0 when it has drained after ${signal}`, async (t) => {
    const server = await startServer(t)
    server.program.signal(signal)
    assert.deepEqual(await server.program.exited, { code: 0, signal: null })
  })
}

test('it ends with 1 when it cannot start', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.after(() => other.close())
  const { port } = other.address() as AddressInfo
  const program = launch(t, { PORT: String(port) })
  assert.deepEqual(await program.exited, { code: 1, signal: null })
  assert.match(program.output, /EADDRINUSE/)
})

test('it ends with 1 when its tree gave up', async (t) => {
  const script = fileURLToPath(new URL('gives-up.ts', import.meta.url))
  const program = new Program(t, [process.execPath, '--import', 'tsx', script], { cwd: root })
  assert.deepEqual(await program.exited, { code: 1, signal: null })
  assert.match(program.output, /"msg":"beryl failed"/)
})

test('it starts where a process that was killed has left its unix socket', async (t) => {
  const path = join(temporaryFolder(), 'app.sock')
  const first = await startServer(t, { SOCKET: path })
  first.program.signal('SIGKILL')
  await first.program.exited
  await startServer(t, { SOCKET: path })
})

test('tls.ts speaks HTTP/2 to pages and HTTP/1.1 to WebSockets, on one port', async (t) => {
  const place = temporaryFolder()
  const files = { CERT: join(place, 'cert.pem'), KEY: join(place, 'key.pem') }
  writeFileSync(files.CERT, tls.cert)
  writeFileSync(files.KEY, tls.key)
  const server = await startServer(t, files, 'tls.ts')
  const session = connectHttp2(`https://127.0.0.1:${server.port}`, { ca: tls.cert })
  t.after(() => session.destroy())
  const request = session.request({ ':path': '/' })
  assert.deepEqual(JSON.parse(String((await request.toArray())[0])), { httpVersion: '2.0' })
  session.close()
  const client = visitor({ origin: `https://127.0.0.1:${server.port}` })
  t.after(() => client.disconnect())
  await client.connect(`wss://127.0.0.1:${server.port}/socket`)
  assert.equal((await client.join('room:1')).status, 'ok')
  server.program.signal('SIGTERM')
  assert.equal(await client.next('close'), 1012)
  assert.deepEqual(await server.program.exited, { code: 0, signal: null })
})

test('the Dockerfile starts node itself, and listens for other hosts', () => {
  const [program, file] = commandOfContainer()
  assert.equal(program, 'node')
  assert.equal(file, 'server.ts')
  assert.match(fileOfPage('Dockerfile'), /^ENV .*HOST=0\.0\.0\.0/m)
})

test('the pod has time for its drain, and its probes ask for what there is', async (t) => {
  const pod = fileOfPage('deployment.yaml')
  const number = (pattern: RegExp): number => Number(pattern.exec(pod)?.[1])
  const { drain } = resolveOptions({})
  const children = 5
  const needed = number(/command: \[sleep, '(\d+)'\]/) + drain.timeoutMs / 1000 + children
  assert.ok(number(/terminationGracePeriodSeconds: (\d+)/) > needed, `it needs ${needed} s`)
  const port = number(/containerPort: (\d+)/)
  assert.match(fileOfPage('Dockerfile'), new RegExp(`^EXPOSE ${port}$`, 'm'))
  const server = await startServer(t, { PROXY: '10.0.0.0/8' })
  for (const [, path = '', at] of pod.matchAll(/httpGet: \{ path: (\S+), port: (\d+) \}/g)) {
    assert.equal(await statusOf(server, path), 200)
    assert.equal(Number(at), port)
  }
})
