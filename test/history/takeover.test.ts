import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import beryl from 'fastify-beryl'
import { redis } from 'fastify-beryl/redis'
import * as phoenix from 'phoenix'
import { partitionOf, tagOf } from '../../src/adapters/redis-partitions.ts'
import type { PubSubLog } from '../../src/pubsub/log.ts'
import { need } from '../support/need.ts'
import type { RedisServer } from '../support/redis.ts'
import { RedisCluster } from '../support/redis-cluster.ts'
import { until } from '../support/until.ts'
import { client, room, upTo } from './guide-client.ts'

// A Redis Cluster, one of whose masters has a replica that takes over, under the logs of its topics.

type Topic = 'room:0'

const LIMITS = { size: 100, ttlMs: 60_000, id: undefined }

interface Stage {
  readonly cluster: RedisCluster
  readonly master: RedisServer
  readonly replica: RedisServer
  /** A topic of the master that has a replica, and one of another master. */
  readonly topic: Topic
  readonly other: Topic
}

async function stage(t: TestContext, ...config: string[]): Promise<Stage> {
  const cluster = await RedisCluster.start(3, ...config)
  t.after(() => cluster.end())
  const [master, another] = cluster.masters as [RedisServer, RedisServer]
  const replica = await cluster.addReplica(master)
  return {
    cluster,
    master,
    replica,
    topic: await topicOn(cluster, master),
    other: await topicOn(cluster, another),
  }
}

async function topicOn(cluster: RedisCluster, server: RedisServer): Promise<Topic> {
  for (let n = 0; ; n++) if ((await cluster.ownerOf(partitionFor(`room:${n}`))) === server) return named(n)
}

const named = (n: number): Topic => `room:${n}` as Topic
const partitionFor = (topic: string): number => partitionOf(`topic:${topic}`) as number

async function serve(t: TestContext, { cluster }: Stage): Promise<FastifyInstance> {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(beryl, { channels: [room], pubsub: redis({ url: cluster.urls, sharded: true }) })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return app
}

function follow(t: TestContext, app: FastifyInstance, topic: string) {
  let { port } = app.server.address() as AddressInfo
  const follower = client(t, () => `ws://127.0.0.1:${port}/socket`, phoenix.Socket, topic)
  const moveTo = (there: FastifyInstance): void => {
    port = (there.server.address() as AddressInfo).port
    follower.socket.connect()
  }
  return { ...follower, leave: () => follower.socket.disconnect(), moveTo }
}

/** Says numbers, each when the one before is in the log. */
function speaker(topic: Topic) {
  let [said, tries] = [0, 0]
  const say = async (app: FastifyInstance, count = 1): Promise<void> => {
    for (let n = 0; n < count; n++) {
      said++
      await again(() => {
        tries++
        // The names of the program's own channels are not known here.
        return app.channels.publish(topic as never, 'said' as never, { n: said } as never, { id: `${said}` })
      })
    }
  }
  return { say, count: () => said, failures: () => tries - said }
}

/** As a job does it that has to be done: with the same id, until the log has it. */
async function again<T>(work: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await work()
    } catch (error) {
      assert.match(String(error), /BERYL_ERR_HISTORY_(UNAVAILABLE|UNKNOWN)/)
      await setTimeout(20)
    }
}

const past = (app: FastifyInstance, topic: Topic, since?: { epoch: string; offset: number }) =>
  again(() => app.channels.history(topic as never, { since }))

/** Resolves when the replica has all that the master has. */
async function replicated({ master, topic }: Stage): Promise<void> {
  const key = tagOf(partitionFor(topic))
  assert.match(await master.command(`SET ${key} 1\r\nWAIT 1 10000`), /\+OK\r\n:1\r\n/)
}

/** Says numbers in a topic that has nothing to do with it, until it is asked to end. */
function chatter(app: FastifyInstance, topic: Topic) {
  const { say, count, failures } = speaker(topic)
  let isOver = false
  const done = (async () => {
    while (!isOver) await say(app)
  })()
  const end = async (): Promise<void> => {
    isOver = true
    await done
  }
  return { end, count, failures }
}

const statusOf = (app: FastifyInstance): string | undefined => app.channels.status().pubsub?.status

const isAt = (app: FastifyInstance, { port }: RedisServer): boolean => {
  const { links = [] } = app.channels.status().pubsub ?? {}
  return statusOf(app) === 'up' && links.some(({ address }) => address === `127.0.0.1:${port}`)
}

async function logOf(t: TestContext, { cluster }: Stage): Promise<PubSubLog> {
  const adapter = redis({ url: cluster.urls, sharded: true })
  assert.ok(adapter.log !== undefined)
  adapter.log.listen({ entry() {}, hears: () => true, full() {} })
  await adapter.start(
    'node',
    () => {},
    () => {},
  )
  t.after(() => adapter.stop())
  return adapter.log
}

suite('logs in a Redis Cluster, one of whose replicas takes over', need('redis-server'), () => {
  test('H19 a replica that has all goes on: nobody joins again, who was away misses nothing, and the logs of other masters go on meanwhile', async (t) => {
    const all = await stage(t, 'cluster-require-full-coverage no')
    const { master, replica, topic, other } = all
    const [here, there] = [await serve(t, all), await serve(t, all)]
    const { say } = speaker(topic)
    const [present, away, bystander] = [
      follow(t, there, topic),
      follow(t, here, topic),
      follow(t, there, other),
    ]
    const followers = [present, away, bystander]
    await until('the first joins', () => followers.every(({ joins }) => joins.length === 1))
    await say(here, 3)
    await until('they came', () => present.took.length === 3 && away.took.length === 3)
    away.leave()
    const before = await past(here, topic)
    const epochElsewhere = (await past(here, other)).epoch
    await replicated(all)
    const others = chatter(here, other)
    await master.kill()
    await until('it is noticed', () => statusOf(here) === 'partial')
    const atFirst = others.count()
    await say(here)
    const meanwhile = others.count() - atFirst
    await say(there)
    await until('both are at the replica', () => isAt(here, replica) && isAt(there, replica))
    await others.end()
    away.moveTo(there)
    await until(
      () => `all came: ${present.took}; ${away.took}`,
      () => present.took.length >= 5 && away.took.length >= 5,
    )
    assert.deepEqual([present.took, away.took], [upTo(5), upTo(5)])
    assert.deepEqual([present.joins, away.joins], [[false], [false, true]])
    const after = await past(there, topic, before)
    assert.notEqual(after.epoch, before.epoch)
    assert.deepEqual([after.recovered, after.offset, after.entries.length], [true, 5, 2])
    await until('the bystander has all', () => bystander.took.length >= others.count())
    assert.ok(meanwhile > 10, `${meanwhile} entries on another master until the replica had one`)
    assert.deepEqual(bystander.took, upTo(others.count()))
    assert.deepEqual(bystander.joins, [false])
    assert.equal(others.failures(), 0)
    assert.equal((await past(there, other)).epoch, epochElsewhere)
  })

  test('H19 a replica that lacks the last entries goes on: who had them hears recovered: false, who had not misses nothing that is told', async (t) => {
    const all = await stage(t)
    const { cluster, master, replica, topic } = all
    const [here, there] = [await serve(t, all), await serve(t, all)]
    const { say } = speaker(topic)
    const [present, away, ahead] = [follow(t, there, topic), follow(t, here, topic), follow(t, here, topic)]
    const followers = [present, away, ahead]
    await until('the first joins', () => followers.every(({ joins }) => joins.length === 1))
    await say(here, 3)
    await until('they came', () => followers.every(({ took }) => took.length === 3))
    away.leave()
    await replicated(all)
    const before = await past(here, topic)
    await cluster.part(replica, master)
    await say(there, 3)
    await until('they came', () => present.took.length === 6 && ahead.took.length === 6)
    ahead.leave()
    await master.kill()
    // Nobody writes: the nodes find it out by themselves.
    await until('whoever is joined is told', () => present.joins.length === 2)
    await until('both are at the replica', () => isAt(here, replica) && isAt(there, replica))
    await say(here, 2)
    ahead.moveTo(there)
    away.moveTo(there)
    await until('they are back', () => ahead.joins.length === 2 && away.joins.length === 2)
    await say(there)
    await until(
      () => `the last came: ${followers.map(({ took }) => took).join('; ')}`,
      () => followers.every(({ took }) => took.at(-1) === 9),
    )
    assert.deepEqual([present.took, present.joins], [upTo(9), [false, false]])
    assert.deepEqual(
      [ahead.took, ahead.joins],
      [
        [...upTo(6), 9],
        [false, false],
      ],
    )
    assert.deepEqual(
      [away.took, away.joins],
      [
        [1, 2, 3, 7, 8, 9],
        [false, true],
      ],
    )
    const { epoch } = before
    const lost = await past(here, topic, { epoch, offset: 6 })
    assert.deepEqual([lost.recovered, lost.offset], [false, 6])
    const kept = await past(here, topic, { epoch, offset: 3 })
    assert.deepEqual(
      [kept.recovered, kept.entries.map(({ payload }) => payload)],
      [true, [7, 8, 9].map((n) => ({ n }))],
    )
  })

  test('H19 a server that was replaced by a replica with less, and takes over from it again, has another epoch', async (t) => {
    const all = await stage(t)
    const { cluster, master, replica, topic } = all
    const log = await logOf(t, all)
    const append = (text: string) => again(async () => log.append(`topic:${topic}`, text, LIMITS))
    const read = () => again(async () => log.read(`topic:${topic}`, 0, LIMITS))
    const { epoch } = await append('one')
    await replicated(all)
    await cluster.part(replica, master)
    await append('lost')
    // The log is not used meanwhile: nothing of it tells which servers had it.
    await cluster.takeOver(replica, master)
    await cluster.takeOver(master, replica)
    const next = await append('two')
    assert.deepEqual([next.offset, next.epoch === epoch], [2, false])
    const page = await read()
    assert.deepEqual([page.entries, page.previous], [['one', 'two'], [{ epoch, offset: 1 }]])
  })
})
