import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { createClient } from '@redis/client'
import type { PubSubAdapter } from 'fastify-beryl'
import { createPublisher, type RedisOptions, redis } from 'fastify-beryl/redis'
import { connect } from 'fastify-beryl/testing'
import { PARTITIONS, partitionOf, SLOTS } from '../../src/adapters/redis-partitions.ts'
import { need } from '../support/need.ts'
import { RedisServer } from '../support/redis.ts'
import { RedisCluster } from '../support/redis-cluster.ts'
import { until } from '../support/until.ts'
import { type ClusterNode, node, room } from './cluster.ts'

// A real Redis Cluster of three masters, which each test starts, kills and reshards as it likes.

async function start(t: TestContext, ...config: string[]): Promise<RedisCluster> {
  const cluster = await RedisCluster.start(3, ...config)
  t.after(() => cluster.end())
  return cluster
}

async function twoNodes(t: TestContext, options: RedisOptions): Promise<[ClusterNode, ClusterNode]> {
  return [await node(t, redis(options)), await node(t, redis(options))]
}

function report({ app }: ClusterNode) {
  const { pubsub } = app.channels.status()
  assert.ok(pubsub?.links !== undefined)
  return { ...pubsub, links: pubsub.links }
}

const statusOf = (each: ClusterNode): string => report(each).status
const addressOf = ({ port }: RedisServer): string => `127.0.0.1:${port}`

type Room = `room:${string}`

function topicWhere(isIt: (partition: number | undefined) => boolean, from = 0): Room {
  for (let n = from; ; n++) if (isIt(partitionOf(`topic:room:${n}`))) return `room:${n}`
}

/** A topic of each partition. */
const TOPICS: readonly Room[] = Array.from({ length: PARTITIONS }, (_, wanted) =>
  topicWhere((partition) => partition === wanted),
)

/** The topics, of one for each partition, that lie on a server. */
async function topicsOn(cluster: RedisCluster, server: RedisServer): Promise<Room[]> {
  const on = await Promise.all(
    TOPICS.map(async (_, partition) => (await cluster.ownerOf(partition)) === server),
  )
  return TOPICS.filter((_, partition) => on[partition])
}

/** Hears what comes to a node on topics, and tells which of them heard a number. */
function listening({ app }: ClusterNode, topics: readonly string[]) {
  const heard = new Map<number, string[]>()
  for (const topic of topics)
    app.channels.subscribe(topic, ({ payload }) => {
      const { n } = payload as { n: number }
      heard.set(n, [...(heard.get(n) ?? []), topic])
    })
  return (n: number): string[] => heard.get(n) ?? []
}

function say({ app }: ClusterNode, topics: readonly string[], n: number): void {
  for (const topic of topics) app.channels.broadcast(topic, 'said', { n })
}

async function areHeard(
  here: ClusterNode,
  heard: (n: number) => string[],
  topics: readonly string[],
  n: number,
) {
  say(here, topics, n)
  await until(
    () => `${n} on ${topics.length} topics; not on ${topics.filter((topic) => !heard(n).includes(topic))}`,
    () => heard(n).length >= topics.length,
  )
  assert.deepEqual(heard(n).toSorted(), [...topics].toSorted(), 'each once')
}

/** Tries again where a log is not available, as a history does. */
async function again<T>(work: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await work()
    } catch (error) {
      assert.match(String(error), /BERYL_ERR_HISTORY_UNAVAILABLE|CLUSTERDOWN|MOVED|out of reach/)
      await setTimeout(20)
    }
}

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

  test('X30: a slot that moves to another master takes its topics along, there and back; no others are deaf', async (t) => {
    const cluster = await start(t)
    const [here, there] = await twoNodes(t, { url: cluster.urls[1], sharded: true })
    const heard = listening(there, TOPICS)
    await (await connect(there.app)).join(room, 'room:last')
    const [from, to] = cluster.masters as [RedisServer, RedisServer]
    const partition = TOPICS.indexOf((await topicsOn(cluster, from))[0] as Room)
    const topic = TOPICS[partition] as string
    const others = TOPICS.filter((each) => each !== topic)
    let n = 0
    await areHeard(here, heard, TOPICS, ++n)
    for (const [source, target] of [
      [from, to],
      [to, from],
      [from, to],
    ] as const) {
      await cluster.move(partition, source, target)
      const movedAt = performance.now()
      await areHeard(here, heard, others, ++n)
      const { dropped } = report(here)
      const first = n + 1
      const numbers = () => Array.from({ length: n - first + 1 }, (_, k) => first + k)
      // A broadcast each few milliseconds, so that the time is that of the move.
      for (; !numbers().some((k) => heard(k).length > 0); await setTimeout(5)) say(here, [topic], ++n)
      const last = n
      await until('the last has come', () => heard(last).length > 0)
      const came = numbers().map((k) => heard(k).length)
      assert.deepEqual(came, came.toSorted(), 'each at most once, and none is missing after the first')
      assert.ok(report(here).dropped > dropped, 'what came too late for the old owner is counted')
      t.diagnostic(`${Math.round(performance.now() - movedAt)} ms until a topic was heard at its new owner`)
      await until('all is up', () => statusOf(here) === 'up' && statusOf(there) === 'up')
      await areHeard(here, heard, TOPICS, ++n)
      assert.match(
        await target.command('PUBSUB SHARDCHANNELS'),
        new RegExp(`\\{p${partition}\\}topic:${topic}`),
      )
    }
  })

  test('X32: logs lie with the topics, on all masters; a slot that moves takes them along, with another epoch', async (t) => {
    const cluster = await start(t)
    const [here, there] = [
      redis({ url: cluster.urls, sharded: true }),
      redis({ url: cluster.urls, sharded: true }),
    ]
    const entries: string[] = []
    for (const adapter of [here, there]) {
      adapter.log?.listen({ entry: (topic) => void entries.push(topic), hears: () => true, full() {} })
      await adapter.start(
        'node',
        () => {},
        () => {},
      )
      t.after(() => adapter.stop())
    }
    const limits = { size: 5, ttlMs: 60_000, id: undefined }
    const append = (adapter: PubSubAdapter, topic: string) => async () =>
      adapter.log?.append(topic, 'text', limits)
    await Promise.all(TOPICS.map((topic) => there.subscribe(topic)))
    for (const topic of TOPICS) assert.equal((await append(here, topic)())?.offset, 1)
    await until('all entries came', () => entries.length === TOPICS.length)
    for (const master of cluster.masters) assert.ok(!/^:0\r/.test(await master.command('DBSIZE')))
    const [from, to] = cluster.masters as [RedisServer, RedisServer]
    const [topic = ''] = await topicsOn(cluster, from)
    const { epoch } = (await here.log?.read(topic, 0, limits)) ?? {}
    await cluster.move(partitionOf(topic) as number, from, to)
    const moved = await again(append(here, topic))
    assert.equal(moved?.offset, 2)
    const page = await again(async () => there.log?.read(topic, 0, limits))
    assert.deepEqual(page?.entries, ['text', 'text'])
    assert.deepEqual(page?.previous, [{ epoch, offset: 1 }])
    assert.deepEqual(await again(append(there, topic)), { epoch: page?.epoch, offset: 3 })
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
})
