import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { connect as connectNats } from '@nats-io/transport-node'
import { createPublisher, type NatsOptions, nats } from 'fastify-beryl/nats'
import { connect } from 'fastify-beryl/testing'
import { NatsLink } from '../../src/adapters/nats-link.ts'
import { NatsServer } from '../support/nats.ts'
import { need } from '../support/need.ts'
import { tls } from '../support/tls.ts'
import { until } from '../support/until.ts'
import { type ClusterNode, hears, isUp, node, report, room } from './cluster.ts'
import { outages } from './outages.ts'

// A real nats-server, which each test starts, freezes and kills as it likes.

async function start(t: TestContext, ...config: string[]): Promise<NatsServer> {
  const server = await NatsServer.start(...config)
  t.after(() => server.end())
  return server
}

async function twoNodes(t: TestContext, options: NatsOptions): Promise<[ClusterNode, ClusterNode]> {
  return [await node(t, nats(options)), await node(t, nats(options))]
}

suite('nats', need('nats-server'), () => {
  outages({ start, adapter: (servers) => nats({ servers }) })

  test('X7: a probe that comes back tells that all was taken which was published before it', async (t) => {
    const server = await start(t)
    const connection = await connectNats({ servers: server.url })
    const events = { arrived() {}, dropped() {}, full() {}, lost() {} }
    const link = new NatsLink({ connection, isOwn: true, prefix: 'beryl.', events })
    t.after(() => link.close())
    link.publish('room:1', Buffer.alloc(100))
    link.publish('room:1', Buffer.alloc(300_000))
    assert.equal(link.pendingBytes, 300_100)
    const probed = link.probe()
    link.publish('room:1', Buffer.alloc(10))
    await probed
    assert.equal(link.pendingBytes, 10)
    await link.probe()
    assert.equal(link.pendingBytes, 0)
  })

  test('X15: a connection of the application is used, followed through an outage, and left open', async (t) => {
    const server = await start(t)
    const make = () =>
      connectNats({
        servers: server.url,
        maxReconnectAttempts: -1,
        reconnectTimeWait: 50,
        reconnectJitter: 0,
      })
    const [one, two] = [await make(), await make()]
    t.after(() => Promise.all([one.close(), two.close()]))
    const [here, there] = [await node(t, nats({ connection: one })), await node(t, nats({ connection: two }))]
    await hears(here, there)
    for (let round = 0; round < 3; round++) {
      await server.kill()
      await until('both are degraded', () => !isUp(here) && !isUp(there))
      here.app.channels.broadcast('room:hears', 'said', { n: 99 })
      await server.start()
      await until('both are up', () => isUp(here) && isUp(there))
      await hears(here, there)
    }
    await here.app.close()
    assert.equal(one.isClosed(), false)
    await one.flush()
    await two.close()
    await until('it is degraded', () => !isUp(there))
    const tells = (): boolean => /closed/.test(there.log.join(''))
    await until('the log tells why', tells)
    await assert.rejects(
      node(t, nats({ connection: two, connectTimeoutMs: 2_000 })),
      /nats at .*: out of reach for 2000 ms \(the connection that was given is closed for good: make it with maxReconnectAttempts: -1\)/,
    )
  })

  test('X3: a topic that the server forbids refuses its join alone, and is counted; what it forbids to publish is counted as dropped', async (t) => {
    const subject = (topic: string): string => `beryl.${Buffer.from(topic).toString('base64url')}`
    const permissions = `publish: { deny: "${subject('topic:room:mute')}" }, subscribe: { deny: "${subject('topic:room:shut')}" }`
    const server = await start(
      t,
      `authorization { users: [ { user: app, password: "s3cr3t", permissions: { ${permissions} } } ] }`,
    )
    const one = await node(t, nats({ servers: `nats://app:s3cr3t@127.0.0.1:${server.port}` }))
    const client = await connect(one.app)
    const joins = [client.join(room, 'room:open'), client.join(room, 'room:shut')]
    await joins[0]
    await assert.rejects(joins[1] as Promise<unknown>, /join crashed/)
    assert.equal(report(one).refused, 1)
    one.app.channels.broadcast('room:mute', 'said', { n: 1 })
    await until('it was counted', () => report(one).dropped === 1)
    assert.equal(isUp(one), true)
  })

  test('credentials are in no line of the log and in no error, whatever fails; a user without a password is a token', async (t) => {
    const server = await start(t, 'authorization { token: "hunter2hunter2" }')
    const secret = /hunter2|s3cr3t/
    const wrong = nats({ servers: `nats://me:s3cr3t@127.0.0.1:${server.port}`, connectTimeoutMs: 2_000 })
    await assert.rejects(node(t, wrong), (error: Error & { cause?: Error }) => {
      const told = JSON.stringify([error.message, error.stack, error.cause?.message, error.cause])
      assert.match(told, /out of reach for 2000 ms/)
      assert.match(told, /Authorization Violation/i)
      assert.doesNotMatch(told, secret)
      return true
    })
    for (const servers of ['redis://:s3cr3t@host', 'http://u:s3cr3t@host', 'nats://s3cr3t@'])
      assert.throws(
        () => nats({ servers }),
        (error: Error) => {
          assert.match(
            error.message,
            /option 'nats.servers': wanted an address such as nats:\/\/127.0.0.1:4222/,
          )
          assert.doesNotMatch(JSON.stringify([error.message, error.stack, error]), secret)
          return true
        },
      )
    const one = await node(t, nats({ servers: `nats://hunter2hunter2@127.0.0.1:${server.port}` }))
    await server.kill()
    await until('it is degraded', () => !isUp(one))
    assert.match(one.log.join(''), /pubsub is down/)
    assert.doesNotMatch(one.log.join(''), secret)
    assert.doesNotMatch(JSON.stringify(one.app.channels.status()), secret)
  })

  test('TLS: a certificate that is known is spoken to, one that is not fails the start, which says why', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'beryl-tls-'))
    t.after(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'cert.pem'), tls.cert)
    writeFileSync(join(folder, 'key.pem'), tls.key)
    const server = await start(t, `tls { cert_file: "${folder}/cert.pem", key_file: "${folder}/key.pem" }`)
    const servers = `tls://localhost:${server.port}`
    const make = () => connectNats({ servers, tls: { ca: tls.cert }, maxReconnectAttempts: -1 })
    const [one, two] = [await make(), await make()]
    t.after(() => Promise.all([one.close(), two.close()]))
    await hears(await node(t, nats({ connection: one })), await node(t, nats({ connection: two })))
    await assert.rejects(
      node(t, nats({ servers, connectTimeoutMs: 2_000 })),
      /out of reach for 2000 ms \(self-signed certificate\)/,
    )
    const plain = await start(t)
    await assert.rejects(
      node(t, nats({ servers: `tls://127.0.0.1:${plain.port}`, connectTimeoutMs: 2_000 })),
      /server does not support 'tls'/,
    )
  })

  test('applications with different prefixes on one server do not hear each other', async (t) => {
    const server = await start(t)
    const [servers, prefix] = [server.url, 'other.']
    const [here, there] = [await node(t, nats({ servers })), await node(t, nats({ servers, prefix }))]
    const neighbour = await node(t, nats({ servers, prefix }))
    const [a, b] = [await connect(there.app), await connect(neighbour.app)]
    const [atThere, atNeighbour] = [await a.join(room, 'room:1'), await b.join(room, 'room:1')]
    here.app.channels.broadcast('room:1', 'said', { n: 1 })
    there.app.channels.broadcast('room:1', 'said', { n: 2 })
    await atNeighbour.expectPush('said', { n: 2 })
    await atThere.refutePush('said', { n: 1 })
  })

  test('X13: where the server is set to carry less, that is the limit', async (t) => {
    const server = await start(t, 'max_payload: 4096')
    const [here, there] = await twoNodes(t, { servers: server.url })
    const channel = await (await connect(there.app)).join(room, 'room:1')
    assert.throws(() => here.app.channels.broadcast('room:1', 'file', Buffer.alloc(5_000)), {
      code: 'BERYL_ERR_MESSAGE_TOO_LONG',
      message: /pubsub.maxMessageBytes.*4096/,
    })
    here.app.channels.broadcast('room:1', 'file', Buffer.alloc(3_000))
    await channel.expectPush('file')
  })

  test('X14: a publisher sends over NATS from outside', async (t) => {
    const server = await start(t)
    const one = await node(t, nats({ servers: server.url }))
    const channel = await (await connect(one.app)).join(room, 'room:1')
    const publisher = await createPublisher(nats({ servers: server.url }))
    publisher.broadcast('room:1', 'said', { n: 1 })
    await publisher.close()
    await channel.expectPush('said', { n: 1 })
  })

  test('the subject of a topic is the prefix and the base64url of its name', async (t) => {
    const server = await start(t)
    const one = await node(t, nats({ servers: server.url }))
    const outside = await connectNats({ servers: server.url })
    t.after(() => outside.close())
    const subjects: string[] = []
    outside.subscribe('beryl.>', { callback: (_, { subject }) => void subjects.push(subject) })
    await outside.flush()
    one.app.channels.broadcast('room:1', 'said', { n: 1 })
    const subject = `beryl.${Buffer.from('topic:room:1').toString('base64url')}`
    await until('it came', () => subjects.includes(subject))
  })

  test('what comes over the server and is no envelope, or of a newer version, is ignored and counted', async (t) => {
    const server = await start(t)
    const one = await node(t, nats({ servers: server.url }))
    const ignored: string[] = []
    one.app.channels.onTelemetry('pubsub.ignored', (_, { reason }) => void ignored.push(reason))
    const outside = await connectNats({ servers: server.url })
    t.after(() => outside.close())
    const control = `beryl.${Buffer.from('control').toString('base64url')}`
    for (const bytes of [Buffer.from('hello'), Buffer.of(31, 0, 0), Buffer.of(2, 99), Buffer.of()])
      outside.publish(control, bytes)
    await until('all were counted', () => ignored.length === 4)
    assert.deepEqual(ignored, ['not understood', 'of a newer version', 'not understood', 'not understood'])
  })

  test('X9: a start without a server fails with a sentence, also where something else listens there; startDegraded begins without', async (t) => {
    const server = await start(t)
    await server.kill()
    const { url } = server
    const away = node(t, nats({ servers: [url, url], connectTimeoutMs: 200 }))
    await assert.rejects(away, /nats at 127\.0\.0\.1:\d+, .*: out of reach for 200 ms \(connection refused\)/)
    const other = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1')
    await once(other, 'listening')
    t.after(() => {
      other.closeAllConnections()
      other.close()
    })
    const { port } = other.address() as { port: number }
    const wrong = node(t, nats({ servers: `127.0.0.1:${port}`, connectTimeoutMs: 200 }))
    await assert.rejects(wrong, /out of reach for 200 ms/)
    const one = await node(t, nats({ servers: url, connectTimeoutMs: 200, startDegraded: true }))
    assert.equal(one.app.channels.status().state, 'degraded')
    await hears(one, one)
    await server.start()
    await until('it is up', () => isUp(one))
  })

  test('options that cannot be are refused with field, wanted and got', () => {
    const refusals: [unknown, RegExp][] = [
      [{}, /option 'nats.servers': wanted an address such as nats:.*, got undefined/],
      [{ servers: 7 }, /option 'nats.servers'/],
      [{ servers: [] }, /option 'nats.servers'/],
      [
        { servers: 'nats://me:100%@x' },
        /option 'nats.servers': wanted credentials in which a % is written as %25/,
      ],
      [{ server: 'x' }, /option 'nats.server': wanted one of/],
      [
        { servers: 'x', connection: {} },
        /option 'nats.connection': wanted servers or connection, one of them/,
      ],
      [
        { connection: Promise.resolve() },
        /option 'nats.connection': wanted what connect\(\) .* gave, awaited/,
      ],
      [
        { servers: ['nats://a:b@x', 'nats://c:d@y'] },
        /wanted the same credentials and the same nats: or tls:/,
      ],
      [{ servers: 'x', prefix: '' }, /option 'nats.prefix': wanted 1 to 64 letters/],
      [{ servers: 'x', prefix: 'a..b.' }, /option 'nats.prefix': wanted no dot at the front/],
      [{ servers: 'x', connectTimeoutMs: 0 }, /option 'nats.connectTimeoutMs': wanted a whole number from 1/],
      [7, /option 'nats': wanted an object/],
    ]
    for (const [options, message] of refusals) assert.throws(() => nats(options as NatsOptions), { message })
  })
})
