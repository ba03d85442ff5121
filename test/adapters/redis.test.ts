import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createClient, createClientPool, createCluster, createSentinel } from '@redis/client'
import { createPublisher, type RedisOptions, redis } from 'fastify-beryl/redis'
import { connect } from 'fastify-beryl/testing'
import { freePort } from '../support/broker.ts'
import { need } from '../support/need.ts'
import { RedisServer } from '../support/redis.ts'
import { tls } from '../support/tls.ts'
import { until } from '../support/until.ts'
import { type ClusterNode, isUp, node, report, room } from './cluster.ts'
import { outages } from './outages.ts'

// A real redis-server, which each test starts, freezes and kills as it likes.

async function start(t: TestContext, ...config: string[]): Promise<RedisServer> {
  const server = await RedisServer.start(...config)
  t.after(() => server.end())
  return server
}

/** A Redis Cluster: each of its masters has a third of the slots. */
async function threeMasters(t: TestContext): Promise<RedisServer[]> {
  const masters: RedisServer[] = []
  const ports: number[] = []
  for (let n = 0; n < 3; n++) {
    ports.push(await freePort())
    masters.push(
      await start(t, 'cluster-enabled yes', `cluster-port ${ports[n]}`, 'cluster-node-timeout 2000'),
    )
  }
  const [first, ...others] = masters
  for (const [n, master] of masters.entries())
    await master.command(`CLUSTER ADDSLOTSRANGE ${n * 5_461} ${n === 2 ? 16_383 : n * 5_461 + 5_460}`)
  for (const [n, { port }] of others.entries())
    await first?.command(`CLUSTER MEET 127.0.0.1 ${port} ${ports[n + 1]}`)
  for (const master of masters) while (!(await isWhole(master)));
  return masters
}

async function isWhole(master: RedisServer): Promise<boolean> {
  const info = await master.command('CLUSTER INFO')
  return /cluster_state:ok/.test(info) && /cluster_known_nodes:3/.test(info)
}

async function twoNodes(t: TestContext, options: RedisOptions): Promise<[ClusterNode, ClusterNode]> {
  return [await node(t, redis(options)), await node(t, redis(options))]
}

suite('redis', need('redis-server'), () => {
  outages({ start, adapter: (url) => redis({ url }) })

  test('X4: connections that the broker kills (CLIENT KILL TYPE pubsub) are made anew, and all topics heard again', async (t) => {
    const server = await start(t)
    const [here, there] = await twoNodes(t, { url: server.url })
    const atThere = await (await connect(there.app)).join(room, 'room:1')
    for (let round = 1; round <= 3; round++) {
      await server.command('CLIENT KILL TYPE pubsub')
      await until('it was noticed', () => report(there).resubscribed >= 3 * round)
      await until('both are up', () => isUp(here) && isUp(there))
      here.app.channels.broadcast('room:1', 'said', { n: round })
      await atThere.expectPush('said', { n: round })
    }
  })

  test('X4: a node that reads more slowly than the broker sends is cut off by it, and hears again', async (t) => {
    const server = await start(t, 'client-output-buffer-limit pubsub 256kb 128kb 1')
    const [here, there] = await twoNodes(t, { url: server.url })
    const ends: number[] = []
    there.app.channels.subscribe('room:1', ({ payload }) => {
      const busyUntil = performance.now() + 5
      while (performance.now() < busyUntil);
      ends.push((payload as { n: number }).n)
    })
    const filling = Buffer.alloc(256 * 1_024)
    for (let n = 0; n < 100; n++) here.app.channels.broadcast('room:1', 'file', filling)
    await until('it was cut off', () => report(there).resubscribed > 0)
    await until('both are up', () => isUp(here) && isUp(there))
    here.app.channels.broadcast('room:1', 'said', { n: 1 })
    await until('it hears again', () => ends.at(-1) === 1)
  })

  test('X3: a topic that the broker forbids refuses its join alone, and is counted; allowed, it is heard by the next who joins', async (t) => {
    const server = await start(
      t,
      'user default off',
      'user app on >secret ~* resetchannels &beryl:control &beryl:node:* &beryl:probe:* &beryl:topic:room:open* +@all',
    )
    const url = `redis://app:secret@127.0.0.1:${server.port}`
    const one = await node(t, redis({ url }))
    const client = await connect(one.app)
    await client.join(room, 'room:open:1')
    await assert.rejects(client.join(room, 'room:shut'), /join crashed/)
    await client.join(room, 'room:open:2')
    assert.equal(report(one).refused, 1)
    assert.equal(isUp(one), true)
    await server.command('AUTH app secret\r\nACL SETUSER app &beryl:topic:room:shut')
    const late = await client.join(room, 'room:shut')
    const two = await node(t, redis({ url }))
    two.app.channels.broadcast('room:shut', 'said', { n: 1 })
    await late.expectPush('said', { n: 1 })
  })

  test('credentials are in no line of the log and in no error, whatever fails', async (t) => {
    const server = await start(t, 'requirepass hunter2hunter2')
    const secret = /hunter2|s3cr3t/
    const wrong = redis({ url: `redis://:s3cr3t-s3cr3t@127.0.0.1:${server.port}`, connectTimeoutMs: 300 })
    await assert.rejects(node(t, wrong), (error: Error & { cause?: Error }) => {
      const told = JSON.stringify([error.message, error.stack, error.cause?.message, error.cause])
      assert.match(told, /BERYL_ERR_BROKER|out of reach for 300 ms/)
      assert.match(told, /WRONGPASS/)
      assert.doesNotMatch(told, secret)
      return true
    })
    for (const url of ['redis//:s3cr3t@host', 'http://u:s3cr3t@host', 's3cr3t'])
      assert.throws(
        () => redis({ url }),
        (error: Error) => {
          assert.match(error.message, /option 'redis.url': wanted a URL such as redis:\/\/127.0.0.1:6379/)
          assert.doesNotMatch(JSON.stringify([error.message, error.stack, error]), secret)
          return true
        },
      )
    const one = await node(t, redis({ url: `redis://:hunter2hunter2@127.0.0.1:${server.port}` }))
    await server.kill()
    await until('it is degraded', () => !isUp(one))
    assert.match(one.log.join(''), /pubsub is down/)
    assert.doesNotMatch(one.log.join(''), secret)
    assert.doesNotMatch(JSON.stringify(one.app.channels.status()), secret)
  })

  test('TLS: rediss with a certificate that is known is spoken, with one that is not the start fails and says why', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'beryl-tls-'))
    t.after(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'cert.pem'), tls.cert)
    writeFileSync(join(folder, 'key.pem'), tls.key)
    const server = await start(
      t,
      'port 0',
      'tls-port PORT',
      `tls-cert-file ${folder}/cert.pem`,
      `tls-key-file ${folder}/key.pem`,
      `tls-ca-cert-file ${folder}/cert.pem`,
      'tls-auth-clients no',
    )
    const url = `rediss://127.0.0.1:${server.port}`
    const client = createClient({ url, socket: { tls: true, ca: tls.cert } })
    const [here, there] = [await node(t, redis({ client })), await node(t, redis({ client }))]
    assert.equal(client.isOpen, false, 'the client itself is left alone')
    const atThere = await (await connect(there.app)).join(room, 'room:1')
    here.app.channels.broadcast('room:1', 'said', { n: 1 })
    await atThere.expectPush('said', { n: 1 })
    await assert.rejects(node(t, redis({ url, connectTimeoutMs: 300 })), /self-signed certificate/)
  })

  test('applications with different prefixes on one broker do not hear each other', async (t) => {
    const server = await start(t)
    const [url, prefix] = [server.url, 'other:']
    const [here, there] = [await node(t, redis({ url })), await node(t, redis({ url, prefix }))]
    const neighbour = await node(t, redis({ url, prefix }))
    const [a, b] = [await connect(there.app), await connect(neighbour.app)]
    const [atThere, atNeighbour] = [await a.join(room, 'room:1'), await b.join(room, 'room:1')]
    here.app.channels.broadcast('room:1', 'said', { n: 1 })
    there.app.channels.broadcast('room:1', 'said', { n: 2 })
    await atNeighbour.expectPush('said', { n: 2 })
    await atThere.refutePush('said', { n: 1 })
    assert.equal(here.app.channels.subscriberCount('room:1'), 0)
  })

  test('what comes over the broker and is no envelope, or of a newer version, is ignored and counted', async (t) => {
    const server = await start(t)
    const one = await node(t, redis({ url: server.url }))
    const ignored: string[] = []
    one.app.channels.onTelemetry('pubsub.ignored', (_, { reason }) => void ignored.push(reason))
    const client = createClient({ url: server.url })
    await client.connect()
    for (const bytes of ['hello', Buffer.of(3, 0, 0), Buffer.of(2, 9), ''])
      await client.publish('beryl:control', bytes)
    await until('all were counted', () => ignored.length === 4)
    assert.deepEqual(ignored, ['not understood', 'of a newer version', 'not understood', 'not understood'])
    client.destroy()
  })

  test('a client that connects after the broker died is served, and a start without one fails with a sentence', async (t) => {
    const server = await start(t)
    await server.kill()
    const failing = node(t, redis({ url: server.url, connectTimeoutMs: 200 }))
    await assert.rejects(
      failing,
      /redis at redis:\/\/127\.0\.0\.1:\d+: out of reach for 200 ms \(connect ECONNREFUSED/,
    )
    const one = await node(t, redis({ url: server.url, connectTimeoutMs: 200, startDegraded: true }))
    assert.equal(one.app.channels.status().state, 'degraded')
    const atOne = await (await connect(one.app)).join(room, 'room:1')
    one.app.channels.broadcast('room:1', 'said', { n: 1 })
    await atOne.expectPush('said', { n: 1 })
    await server.start()
    await until('it is up', () => isUp(one))
    assert.equal(one.app.channels.status().state, 'running')
  })

  test('X25: a Redis Cluster carries messages by any of its nodes; when a master dies, only those are down who speak to it', async (t) => {
    const masters = await threeMasters(t)
    const [first, second, third] = await Promise.all(masters.map(({ url }) => node(t, redis({ url }))))
    assert.ok(first !== undefined && second !== undefined && third !== undefined)
    const at = await Promise.all(
      [second, third].map(async ({ app }) => (await connect(app)).join(room, 'room:1')),
    )
    first.app.channels.broadcast('room:1', 'said', { n: 1 })
    for (const channel of at) await channel.expectPush('said', { n: 1 })
    await masters[2]?.kill()
    await until('its node is down', () => !isUp(third))
    first.app.channels.broadcast('room:1', 'said', { n: 2 })
    await at[0]?.expectPush('said', { n: 2 })
    assert.deepEqual([first, second].map(isUp), [true, true])
    await masters[2]?.start()
    await until('it is up', () => isUp(third))
    let heard = 0
    third.app.channels.subscribe('room:1', () => heard++)
    await until('the masters have met again', () => {
      first.app.channels.broadcast('room:1', 'said', { n: 3 })
      return heard > 0
    })
    await at[1]?.expectPush('said', { n: 3 })
  })

  test('X8 a client that queues few commands is heard whole all the same', async (t) => {
    const server = await start(t)
    const client = createClient({ url: server.url, commandsQueueMaxLength: 20 })
    const [here, there] = [await node(t, redis({ client })), await node(t, redis({ client }))]
    const member = await (await connect(there.app)).join(room, 'room:1')
    for (let n = 0; n < 300; n++) here.app.channels.broadcast('room:1', 'said', { n })
    for (let n = 0; n < 300; n++) await member.expectPush('said', { n })
    assert.equal(report(here).dropped, 0)
  })

  test('an adapter that a node has started is refused to another, and to a publisher; the first goes on', async (t) => {
    const server = await start(t)
    const adapter = redis({ url: server.url })
    const first = await node(t, adapter)
    await assert.rejects(node(t, adapter), /the adapter of another node or publisher/)
    await assert.rejects(createPublisher(adapter), /the adapter of another node or publisher/)
    const other = await node(t, redis({ url: server.url }))
    const member = await (await connect(first.app)).join(room, 'room:1')
    other.app.channels.broadcast('room:1', 'said', { n: 1 })
    await member.expectPush('said', { n: 1 })
    await first.app.close()
    const next = await node(t, adapter)
    assert.ok(isUp(next))
  })

  test('X34 a node that is closed while Redis is away leaves no timer that holds up its process', async (t) => {
    const server = await start(t)
    const main = fileURLToPath(new URL('ending-main.ts', import.meta.url))
    const child = spawn(process.execPath, ['--import', 'tsx', main, server.url], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.after(() => child.kill('SIGKILL'))
    let said = ''
    child.stdout.on('data', (data) => {
      said += data
    })
    await until('it is up', () => said.includes('up\n'))
    await server.end()
    await once(child, 'exit')
    assert.match(said, /held up by/)
    assert.doesNotMatch(said, /Timeout/)
  })

  test('options that cannot be are refused with field, wanted and got', () => {
    const refusals: [unknown, RegExp][] = [
      [{}, /option 'redis.url': wanted a URL such as .*, or client, got undefined/],
      [{ url: 7 }, /option 'redis.url'/],
      [{ uri: 'redis://x' }, /option 'redis.uri': wanted one of/],
      [{ url: 'redis://x', sharded: 'yes' }, /option 'redis.sharded': wanted a boolean/],
      [{ url: ['redis://x', 'redis://y'] }, /option 'redis.url': wanted one URL, or several with sharded/],
      [{ url: [], sharded: true }, /option 'redis.url': wanted a URL such as/],
      [{ url: ['redis://x', 'http://y'], sharded: true }, /option 'redis.url': wanted a URL such as/],
      [
        { url: ['redis://:s3cr3t@x', 'redis://y'], sharded: true },
        /option 'redis.url': wanted the same credentials/,
      ],
      [{ url: 'redis://x', client: {} }, /option 'redis.client': wanted url or client, one of them/],
      [
        { client: { duplicate() {} } },
        /option 'redis.client': wanted a client that createClient\(\) .* made/,
      ],
      ...[
        createCluster({ rootNodes: [{}] }),
        createClientPool(),
        createSentinel({ name: 'x', sentinelRootNodes: [] }),
      ].map((client): [unknown, RegExp] => [{ client }, /option 'redis.client': wanted a client that/]),
      [{ url: 'redis://:100%@x' }, /option 'redis.url': wanted credentials in which a % is written as %25/],
      [{ url: 'redis://x', prefix: '' }, /option 'redis.prefix': wanted 1 to 64 letters/],
      [
        { url: 'redis://x', connectTimeoutMs: 0 },
        /option 'redis.connectTimeoutMs': wanted a whole number from 1/,
      ],
      [{ url: 'redis://x', startDegraded: 1 }, /option 'redis.startDegraded': wanted a boolean/],
      [7, /option 'redis': wanted an object/],
    ]
    for (const [options, message] of refusals)
      assert.throws(() => redis(options as RedisOptions), { message })
  })
})
