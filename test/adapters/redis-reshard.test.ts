import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { PubSubAdapter } from 'fastify-beryl'
import { redis } from 'fastify-beryl/redis'
import { connect } from 'fastify-beryl/testing'
import { partitionOf } from '../../src/adapters/redis-partitions.ts'
import { need } from '../support/need.ts'
import type { RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { room } from './cluster.ts'
import {
  areHeard,
  listening,
  type Room,
  report,
  say,
  start,
  statusOf,
  TOPICS,
  topicsOn,
  twoNodes,
} from './sharded-stage.ts'

// Slots that move from one master of a Redis Cluster to another, under topics and under their logs.

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

suite('a Redis Cluster that is resharded', need('redis-server'), () => {
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
})
