import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { createClient } from '@redis/client'
import { createPublisher, redis } from 'fastify-beryl/redis'
import { connect } from 'fastify-beryl/testing'
import { PARTITIONS, partitionOf, SLOTS } from '../../src/adapters/redis-partitions.ts'
import { freePort } from '../support/broker.ts'
import { need } from '../support/need.ts'
import { RedisServer } from '../support/redis.ts'
import { tls } from '../support/tls.ts'
import { until } from '../support/until.ts'
import { node, room } from './cluster.ts'
import {
  addressOf,
  areHeard,
  listening,
  type Room,
  report,
  say,
  start,
  statusOf,
  TOPICS,
  topicsOn,
  topicWhere,
  twoNodes,
} from './sharded-stage.ts'

// A real Redis Cluster of three masters, which each test starts and kills as it likes.

suite('a Redis Cluster, sharded', need('redis-server'), () => {
  test('X27: topics of all partitions are heard, each by way of the master that has its slot, and so is the talk of nodes', async (t) => {
    const cluster = await start(t)
    const [here, there] = await twoNodes(t, { url: cluster.urls[0], sharded: true })
    const heard = listening(there, TOPICS)
    await (await connect(there.app)).join(room, 'room:last')
    await areHeard(here, heard, TOPICS, 1)
    const shares = report(there).links.map(({ topics }) => topics)
    assert.equal(shares.length, 3)
    assert.ok(
      shares.every((share) => share > PARTITIONS / 6),
      String(shares),
    )
    for (const { roundTripMs } of report(there).links) assert.equal(typeof roundTripMs, 'number')
    for (const master of cluster.masters) {
      const channels = await master.command('PUBSUB SHARDCHANNELS')
      assert.ok(channels.split('beryl:{p').length - 1 > PARTITIONS / 6)
    }
    await until('presence is told', () => Object.keys(here.app.presence.list('room:last')).length === 1)
  })

  test('X27: the slots of partitions are those that Redis tells, and each master of three has its share', async (t) => {
    const server = await RedisServer.start('cluster-enabled yes')
    t.after(() => server.end())
    for (const partition of [0, 1, 100, 255])
      assert.match(
        await server.command(`CLUSTER KEYSLOT beryl:{p${partition}}topic:room:1`),
        new RegExp(`^:${SLOTS[partition]}\\r`),
      )
    const shares = [0, 1, 2].map((n) => SLOTS.filter((slot) => Math.floor(slot / 5_462) === n).length)
    assert.ok(Math.min(...shares) > 70, String(shares))
  })

  test('X28: when a master is killed that has no replica, its topics alone are deaf, and all tells so; 1,000 topics are heard again', async (t) => {
    const cluster = await start(t)
    const [here, there] = await twoNodes(t, { url: cluster.urls, sharded: true })
    const topics = Array.from({ length: 1_000 }, (_, n): Room => `room:${n}`)
    const heard = listening(there, topics)
    await (await connect(there.app)).join(room, 'room:last')
    const victim = cluster.masters[1] as RedisServer
    const mute = await topicsOn(cluster, victim)
    const isMute = new Set(mute.map((topic) => partitionOf(`topic:${topic}`)))
    const lies = (wanted: boolean) =>
      topics.filter((topic) => isMute.has(partitionOf(`topic:${topic}`)) === wanted)
    const [deaf, well] = [lies(true), lies(false)]
    assert.ok(deaf.length > 200)
    await areHeard(here, heard, topics, 1)
    const statuses: string[] = []
    there.app.channels.onTelemetry('pubsub.status', (_, { status }) => void statuses.push(status))
    await victim.kill()
    await until('it is noticed', () => statusOf(here) === 'partial' && statusOf(there) === 'partial')
    assert.equal(there.app.channels.status().state, 'degraded')
    assert.deepEqual(
      report(there)
        .links.filter(({ status }) => status === 'down')
        .map(({ address }) => address),
      [addressOf(victim)],
    )
    await areHeard(here, heard, well, 2)
    const { dropped } = report(here)
    say(here, deaf, 3)
    assert.equal(report(here).dropped, dropped + deaf.length)
    // A join to a deaf topic is answered at once, one to another waits for its confirmation.
    const another = topicWhere((partition) => isMute.has(partition), 1_000)
    const client = await connect(there.app)
    const before = report(there).unconfirmed
    const late = await client.join(room, another)
    assert.equal(report(there).unconfirmed, before + 1)
    await client.join(
      room,
      topicWhere((partition) => !isMute.has(partition), 1_000),
    )
    assert.equal(report(there).unconfirmed, before + 1)
    assert.match(there.log.join(''), /pubsub is partial/)
    assert.match(there.log.join(''), new RegExp(`${addressOf(victim)}: `))
    assert.deepEqual(new Set(statuses), new Set(['partial']))
    await victim.start()
    const openedAt = performance.now()
    await until('all is up', () => statusOf(here) === 'up' && statusOf(there) === 'up')
    t.diagnostic(
      `${Math.round(performance.now() - openedAt)} ms until ${deaf.length} of 1,000 topics were heard again`,
    )
    assert.equal(there.app.channels.status().state, 'running')
    assert.ok(report(there).resubscribed >= deaf.length)
    await areHeard(here, heard, topics, 4)
    assert.deepEqual(heard(3), [], 'nothing of the outage')
    here.app.channels.broadcast(another, 'said', { n: 5 })
    await late.expectPush('said', { n: 5 })
  })

  test('X28: a master that falls silent is found out within 20 s, by the probe of its own connection, and repaired within 5 s after', async (t) => {
    const cluster = await start(t)
    const [here, there] = await twoNodes(t, { url: cluster.urls, sharded: true })
    const victim = cluster.masters[0] as RedisServer
    const heard = listening(there, TOPICS)
    await (await connect(there.app)).join(room, 'room:last')
    const mute = await topicsOn(cluster, victim)
    const well = TOPICS.filter((topic) => !mute.includes(topic))
    victim.freeze()
    t.after(() => victim.thaw())
    const frozenAt = performance.now()
    await until('it is noticed', () => statusOf(here) === 'partial' && statusOf(there) === 'partial')
    const foundMs = performance.now() - frozenAt
    await areHeard(here, heard, well, 1)
    victim.thaw()
    const thawedAt = performance.now()
    await until('all is up', () => statusOf(here) === 'up' && statusOf(there) === 'up')
    const repairedMs = performance.now() - thawedAt
    t.diagnostic(`found after ${Math.round(foundMs)} ms, repaired after ${Math.round(repairedMs)} ms`)
    assert.ok(foundMs < 20_000 && repairedMs < 5_000)
    await areHeard(here, heard, TOPICS, 2)
  })

  test('X29: when a replica takes over for a master that was killed, its topics follow, and the others have never been deaf', async (t) => {
    const cluster = await start(t)
    const victim = cluster.masters[2] as RedisServer
    const replica = await cluster.addReplica(victim)
    const [here, there] = await twoNodes(t, { url: cluster.urls, sharded: true })
    const [mute, heard] = [await topicsOn(cluster, victim), listening(there, TOPICS)]
    await (await connect(there.app)).join(room, 'room:last')
    await areHeard(here, heard, TOPICS, 1)
    await victim.kill()
    const killedAt = performance.now()
    await until('it is noticed', () => statusOf(here) === 'partial' && statusOf(there) === 'partial')
    const well = TOPICS.filter((topic) => !mute.includes(topic))
    await areHeard(here, heard, well, 2)
    await until('all is up', () => statusOf(here) === 'up' && statusOf(there) === 'up')
    t.diagnostic(
      `${Math.round(performance.now() - killedAt)} ms from the kill until ${mute.length} topics were heard by way of the replica (cluster-node-timeout 2000)`,
    )
    assert.ok(report(there).links.some(({ address }) => address === addressOf(replica)))
    assert.ok(!report(there).links.some(({ address }) => address === addressOf(victim)))
    await areHeard(here, heard, TOPICS, 3)
  })

  test('X31: a start for which one master is out of reach fails and names it, or begins degraded with startDegraded; of several urls one suffices', async (t) => {
    const cluster = await start(t)
    const [first, victim] = cluster.masters as [RedisServer, RedisServer]
    const { urls: url } = cluster
    await victim.kill()
    await assert.rejects(
      node(t, redis({ url, sharded: true, connectTimeoutMs: 1_000 })),
      new RegExp(`out of reach for 1000 ms \\(${addressOf(victim)}: connect ECONNREFUSED`),
    )
    const one = await node(t, redis({ url, sharded: true, connectTimeoutMs: 1_000, startDegraded: true }))
    await until('the others are in reach', () => statusOf(one) === 'partial')
    assert.equal(one.app.channels.status().state, 'degraded')
    await victim.start()
    await until('it is up', () => statusOf(one) === 'up')
    await first.kill()
    await until('it is noticed', () => statusOf(one) === 'partial')
    await first.start()
    await cluster.isWhole()
    await until('it is up again', () => statusOf(one) === 'up')
  })

  test('a Redis that is no cluster fails the start, which says what to do', async (t) => {
    const server = await RedisServer.start()
    t.after(() => server.end())
    await assert.rejects(
      node(t, redis({ url: server.url, sharded: true, connectTimeoutMs: 500 })),
      /out of reach for 500 ms \(ERR This instance has cluster support disabled\): .*leave sharded out/,
    )
  })

  test('a client with a password is taken to all masters, and needs no more rights than the page says; a publisher outside reaches all topics', async (t) => {
    const rights =
      '&beryl:* -@all +subscribe +unsubscribe +publish +ssubscribe +sunsubscribe +spublish +cluster|slots +cluster|nodes +ping +hello +client'
    const cluster = await start(t, `user app on >s3cr3t ${rights}`)
    const client = createClient({ url: cluster.urls[0] ?? '', username: 'app', password: 's3cr3t' })
    const one = await node(t, redis({ client, sharded: true }))
    const heard = listening(one, TOPICS)
    await (await connect(one.app)).join(room, 'room:last')
    const publisher = await createPublisher(redis({ client, sharded: true }))
    for (const topic of TOPICS) publisher.broadcast(topic, 'said', { n: 1 })
    await publisher.close()
    await until('all came', () => heard(1).length === TOPICS.length)
    assert.equal(client.isOpen, false)
    assert.doesNotMatch(JSON.stringify(one.app.channels.status()), /s3cr3t/)
  })

  test('X27: over TLS the masters are reached, and named, by the port and with the certificate of TLS', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'beryl-tls-'))
    t.after(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'cert.pem'), tls.cert)
    writeFileSync(join(folder, 'key.pem'), tls.key)
    const port = await freePort()
    const server = await RedisServer.start(
      'cluster-enabled yes',
      `tls-port ${port}`,
      // Without it the servers name each other by their ports without TLS.
      'tls-cluster yes',
      `tls-cert-file ${folder}/cert.pem`,
      `tls-key-file ${folder}/key.pem`,
      `tls-ca-cert-file ${folder}/cert.pem`,
      'tls-auth-clients no',
    )
    t.after(() => server.end())
    await server.command('CLUSTER ADDSLOTSRANGE 0 16383')
    while (!(await server.command('CLUSTER INFO')).includes('cluster_state:ok'));
    const url = `rediss://127.0.0.1:${port}`
    const client = createClient({ url, socket: { tls: true, ca: tls.cert } })
    const [here, there] = await twoNodes(t, { client, sharded: true })
    const heard = listening(there, TOPICS)
    // Behind the others on the same link.
    await (await connect(there.app)).join(room, 'room:last')
    await areHeard(here, heard, TOPICS, 1)
    assert.deepEqual(
      report(there).links.map(({ address }) => address),
      [`127.0.0.1:${port}`],
    )
    await assert.rejects(
      node(t, redis({ url, sharded: true, connectTimeoutMs: 300 })),
      /self-signed certificate/,
    )
  })
})
