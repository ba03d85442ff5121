import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type RedisOptions, redis } from 'fastify-beryl/redis'
import { PARTITIONS, partitionOf } from '../../src/adapters/redis-partitions.ts'
import type { RedisServer } from '../support/redis.ts'
import { RedisCluster } from '../support/redis-cluster.ts'
import { until } from '../support/until.ts'
import { type ClusterNode, node } from './cluster.ts'

// Nodes on a real Redis Cluster of three masters, and topics of all partitions.

export async function start(t: TestContext, ...config: string[]): Promise<RedisCluster> {
  const cluster = await RedisCluster.start(3, ...config)
  t.after(() => cluster.end())
  return cluster
}

export async function twoNodes(t: TestContext, options: RedisOptions): Promise<[ClusterNode, ClusterNode]> {
  return [await node(t, redis(options)), await node(t, redis(options))]
}

export function report({ app }: ClusterNode) {
  const { pubsub } = app.channels.status()
  assert.ok(pubsub?.links !== undefined)
  return { ...pubsub, links: pubsub.links }
}

export const statusOf = (each: ClusterNode): string => report(each).status
export const addressOf = ({ port }: RedisServer): string => `127.0.0.1:${port}`

export type Room = `room:${string}`

export function topicWhere(isIt: (partition: number | undefined) => boolean, from = 0): Room {
  for (let n = from; ; n++) if (isIt(partitionOf(`topic:room:${n}`))) return `room:${n}`
}

/** A topic of each partition. */
export const TOPICS: readonly Room[] = Array.from({ length: PARTITIONS }, (_, wanted) =>
  topicWhere((partition) => partition === wanted),
)

/** The topics, of one for each partition, that lie on a server. */
export async function topicsOn(cluster: RedisCluster, server: RedisServer): Promise<Room[]> {
  const on = await Promise.all(
    TOPICS.map(async (_, partition) => (await cluster.ownerOf(partition)) === server),
  )
  return TOPICS.filter((_, partition) => on[partition])
}

/** Hears what comes to a node on topics, and tells which of them heard a number. */
export function listening({ app }: ClusterNode, topics: readonly string[]) {
  const heard = new Map<number, string[]>()
  for (const topic of topics)
    app.channels.subscribe(topic, ({ payload }) => {
      const { n } = payload as { n: number }
      heard.set(n, [...(heard.get(n) ?? []), topic])
    })
  return (n: number): string[] => heard.get(n) ?? []
}

export function say({ app }: ClusterNode, topics: readonly string[], n: number): void {
  for (const topic of topics) app.channels.broadcast(topic, 'said', { n })
}

export async function areHeard(
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
