import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Agent } from '../clients/agent.ts'
import { need } from '../support/need.ts'
import { RedisServer } from '../support/redis.ts'
import { tls } from '../support/tls.ts'
import { type ProxyKind, RunningProxy, temporaryFolder } from './proxy.ts'
import { type Server, startServer } from './server.ts'
import { pollingVisitor, type Visit, visitor } from './visitor.ts'

type Changes = readonly (readonly [from: string, to: string])[]

/** The ways in which the proxies differ, each as the page says. */
export interface Traits {
  /** Cuts who is silent for three seconds. `undefined`: it cuts nobody. */
  readonly silence: Changes | undefined
  /** Ends what is open at a reload after three seconds. `undefined`: it ends it at once. */
  readonly patience: Changes | undefined
}

/** Every fact of the page about one proxy. */
export function testProxy(kind: ProxyKind, traits: Traits): void {
  const page = `the ${kind.file} of docs/deployment.md`
  test(page, { ...need(kind.tool), timeout: 300_000 }, async (t) => {
    const servers = await Promise.all([startServer(t), startServer(t)])
    const stage = new Stage(kind, servers)
    await t.test('clients join, over TLS, and pages come over HTTP/2', (t) => joins(t, stage))
    await t.test('the client has its own address, whatever it forges', (t) => addresses(t, stage))
    await t.test('a forged X-Forwarded-Host opens no door', (t) => hosts(t, stage))
    await t.test('over a unix socket addresses and doors are the same', (t) => unix(t, stage))
    if (traits.silence) await t.test('silence is cut, heartbeats are not', (t) => silence(t, stage, traits))
    else await t.test('silence is not cut', (t) => quiet(t, stage))
    if (traits.patience)
      await t.test('a reload leaves open sockets for a time', (t) => reload(t, stage, traits))
    else await t.test('a reload closes open sockets, which come back', (t) => restart(t, stage))
    await t.test('a drain sends clients to the other server', (t) => drain(t, stage))
    await t.test('clients that poll need no sticky sessions', need('redis-server'), (t) => polls(t, kind))
  })
}

class Stage {
  readonly kind: ProxyKind
  readonly servers: readonly Server[]

  constructor(kind: ProxyKind, servers: readonly Server[]) {
    this.kind = kind
    this.servers = servers
  }

  /** The changes that stand for all servers, or for one alone. */
  at(...servers: readonly Server[]): Changes {
    return this.kind.servers((servers.length === 0 ? this.servers : servers).map(({ port }) => port))
  }

  proxy(t: TestContext, changes: Changes = this.at()): Promise<RunningProxy> {
    return RunningProxy.start(t, this.kind, { changes })
  }
}

interface Joined {
  readonly ip: string
  readonly node: string
}

/** Comes and joins. */
async function come(
  t: TestContext,
  proxy: RunningProxy,
  visit: Visit = {},
  heartbeatIntervalMs = 30_000,
): Promise<Agent> {
  const client = visitor(visit)
  t.after(() => client.disconnect())
  await client.connect(proxy.url, { heartbeatIntervalMs })
  await client.join('room:1')
  return client
}

async function joined(client: Agent): Promise<Joined> {
  return (await client.next('room:1 joined')) as Joined
}

async function isRefused(t: TestContext, proxy: RunningProxy, visit: Visit): Promise<boolean> {
  const client = visitor(visit)
  t.after(() => client.disconnect())
  await client.connect(proxy.url)
  return Promise.race([client.next('error').then(() => true), client.next('open').then(() => false)])
}

async function joins(t: TestContext, stage: Stage): Promise<void> {
  const proxy = await stage.proxy(t)
  const client = await come(t, proxy, { origin: proxy.origin })
  assert.ok((await joined(client)).node)
  const session = connectHttp2(proxy.origin, { ca: tls.cert })
  t.after(() => session.destroy())
  const [headers] = await once(session.request({ ':path': '/ready' }), 'response')
  assert.equal(headers[':status'], 200)
}

async function addresses(t: TestContext, stage: Stage): Promise<void> {
  const proxy = await stage.proxy(t)
  await seesAddresses(t, proxy)
}

async function seesAddresses(t: TestContext, proxy: RunningProxy): Promise<void> {
  const plain = await come(t, proxy, { from: '127.0.0.2' })
  assert.equal((await joined(plain)).ip, '127.0.0.2')
  const headers = { 'x-forwarded-for': '9.9.9.9', forwarded: 'for=9.9.9.9', 'x-real-ip': '9.9.9.9' }
  const forger = await come(t, proxy, { from: '127.0.0.4', headers })
  assert.equal((await joined(forger)).ip, '127.0.0.4')
}

async function hosts(t: TestContext, stage: Stage): Promise<void> {
  await guardsHosts(t, await stage.proxy(t))
}

async function guardsHosts(t: TestContext, proxy: RunningProxy): Promise<void> {
  const evil = 'https://evil.example'
  assert.equal(await isRefused(t, proxy, { origin: proxy.origin }), false)
  assert.equal(await isRefused(t, proxy, { origin: evil }), true)
  assert.equal(
    await isRefused(t, proxy, { origin: evil, headers: { 'x-forwarded-host': 'evil.example' } }),
    true,
  )
}

async function unix(t: TestContext, stage: Stage): Promise<void> {
  const path = join(temporaryFolder(), 'app.sock')
  await startServer(t, { SOCKET: path })
  const proxy = await stage.proxy(t, stage.kind.unix(path))
  await seesAddresses(t, proxy)
  await guardsHosts(t, proxy)
}

/** Passes when a client heard so many answers to its heartbeats before it was closed. */
async function staysOpen(client: Agent, closed: Promise<unknown>, beats: number): Promise<void> {
  const heard = async (): Promise<string> => {
    for (let beat = 0; beat < beats; beat++) await client.next('heartbeat')
    return 'open'
  }
  assert.equal(await Promise.race([heard(), closed]), 'open')
}

async function silence(t: TestContext, stage: Stage, { silence = [] }: Traits): Promise<void> {
  const proxy = await stage.proxy(t, [...stage.at(), ...silence])
  const beating = await come(t, proxy, {}, 1_000)
  const silent = await come(t, proxy, {}, 60_000)
  await joined(silent)
  const cut = silent.next('close')
  // Five seconds, and the proxy is patient for three.
  await staysOpen(beating, beating.next('close'), 5)
  assert.equal(await cut, 1006)
  await joined(silent)
}

async function quiet(t: TestContext, stage: Stage): Promise<void> {
  const proxy = await stage.proxy(t)
  const silent = await come(t, proxy, {}, 3_000)
  await joined(silent)
  await staysOpen(silent, silent.next('close'), 1)
}

async function reload(t: TestContext, stage: Stage, { patience = [] }: Traits): Promise<void> {
  const [a, b] = stage.servers
  assert.ok(a && b)
  const proxy = await stage.proxy(t, [...stage.at(a), ...patience])
  const early = await come(t, proxy)
  const first = await joined(early)
  const closed = early.next('close')
  await proxy.reload(t, [...stage.at(b), ...patience])
  const late = await come(t, proxy)
  const second = await joined(late)
  assert.notEqual(second.node, first.node)
  assert.equal(
    (await early.push('room:1', 'hello')).status,
    'error',
    'the server answers: it knows no such event',
  )
  assert.equal(await closed, 1006)
  assert.equal((await joined(early)).node, second.node)
}

async function restart(t: TestContext, stage: Stage): Promise<void> {
  const [a, b] = stage.servers
  assert.ok(a && b)
  const proxy = await stage.proxy(t, stage.at(a))
  const client = await come(t, proxy)
  const first = await joined(client)
  await proxy.reload(t, stage.at(b))
  // Caddy before 2.6.3 does not mask its close frame to the server. Where that one comes first, its 1002 is passed on.
  const code = await client.next('close')
  assert.ok(code === 1001 || code === 1002, `closed with ${code}`)
  assert.notEqual((await joined(client)).node, first.node)
}

async function drain(t: TestContext, stage: Stage): Promise<void> {
  const proxy = await stage.proxy(t)
  const client = await come(t, proxy)
  const before = await joined(client)
  const alone = await Promise.all(stage.servers.map(nodeOf))
  const leaving = stage.servers[alone.indexOf(before.node)]
  assert.ok(leaving, 'the client is on one of the two')
  leaving.program.signal('SIGTERM')
  assert.equal(await client.next('close'), 1012)
  assert.notEqual((await joined(client)).node, before.node)
  assert.deepEqual(await leaving.program.exited, { code: 0, signal: null })
}

/** Polls and POSTs come to both servers; when that of the session drains, the client joins at the other one. */
async function polls(t: TestContext, kind: ProxyKind): Promise<void> {
  const redis = await RedisServer.start()
  t.after(() => redis.end())
  const env = { REDIS: redis.url, SECRET: 's'.repeat(32) }
  const servers = await Promise.all([startServer(t, env), startServer(t, env)])
  const stage = new Stage(kind, servers)
  const proxy = await stage.proxy(t)
  const client = pollingVisitor(t)
  t.after(() => client.disconnect())
  await client.connect(proxy.url)
  await client.join('room:1')
  const before = await joined(client)
  assert.equal(before.ip, '127.0.0.2')
  for (let push = 0; push < 10; push++)
    assert.equal((await client.push('room:1', 'hello')).status, 'error', 'the server knows no such event')
  for (const { program } of servers) await program.line(/"url":"\/socket\/longpoll/)
  const alone = await Promise.all(servers.map(nodeOf))
  const leaving = servers[alone.indexOf(before.node)]
  assert.ok(leaving, 'its session is on one of the two')
  leaving.program.signal('SIGTERM')
  assert.notEqual((await joined(client)).node, before.node)
  assert.deepEqual(await leaving.program.exited, { code: 0, signal: null })
}

/** The name of a server's node, asked past the proxy. */
async function nodeOf({ port }: Server): Promise<string> {
  const client = visitor()
  await client.connect(`ws://127.0.0.1:${port}/socket`)
  await client.join('room:1')
  const { node } = await joined(client)
  await client.disconnect()
  return node
}
