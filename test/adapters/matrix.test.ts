import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import beryl from 'fastify-beryl'
import { connect, type TestClient } from 'fastify-beryl/testing'
import { until } from '../support/until.ts'
import { room } from './cluster.ts'
import { ENGINES, type Engine } from './engines.ts'

// Each fact of one node holds of many, whatever carries their messages: engine × nodes × fact.

const NODES = [1, 2, 5]

/** Some nodes on one engine. */
class Cluster {
  readonly apps: FastifyInstance[] = []
  #topics = 0

  static async start(engine: Engine, count: number): Promise<Cluster> {
    const cluster = new Cluster()
    for (let n = 0; n < count; n++) {
      const app = Fastify()
      await app.register(beryl, {
        channels: [room],
        pubsub: engine.adapter(),
        presence: { broadcastMs: 20, handoffMs: 300 },
        connect: ({ params }) => ({ assigns: { user: String(params.user ?? '') } }),
        connectionTopic: (connection) => `user:${(connection.assigns as { user: string }).user}`,
        drain: { pauseMs: 1 },
      })
      await app.ready()
      cluster.apps.push(app)
    }
    return cluster
  }

  get first(): FastifyInstance {
    return this.apps[0] as FastifyInstance
  }

  get last(): FastifyInstance {
    return this.apps.at(-1) as FastifyInstance
  }

  /** A topic of a fact's own. */
  topic(): `room:${string}` {
    return `room:${this.#topics++}`
  }

  /** A client of each node on one topic. */
  async members(topic: `room:${string}`, user = '') {
    return Promise.all(
      this.apps.map(async (app) => {
        const client = await connect(app, { params: { user } })
        return { app, client, channel: await client.join(room, topic) }
      }),
    )
  }

  async end(): Promise<void> {
    await Promise.all(this.apps.map((app) => app.close()))
  }
}

type Members = Awaited<ReturnType<Cluster['members']>>

async function part(members: readonly { client: TestClient }[]): Promise<void> {
  await Promise.all(members.map(({ client }) => client.close()))
}

/** The next `said` of each, in order, and nothing else between. */
async function allHear(members: Members, ns: readonly number[]): Promise<void> {
  for (const { channel } of members) for (const n of ns) await channel.expectPush('said', { n })
}

const FACTS: readonly [title: string, play: (cluster: Cluster) => Promise<void>][] = [
  [
    'broadcast reaches every member on every node once, in the order of each sender',
    async (cluster) => {
      const topic = cluster.topic()
      const members = await cluster.members(topic)
      for (const [sender, { app }] of members.entries()) {
        const ns = Array.from({ length: 20 }, (_, n) => sender * 100 + n)
        for (const n of ns) app.channels.broadcast(topic, 'said', { n })
        await allHear(members, ns)
      }
      for (const { channel } of members) await channel.refutePush('said')
      await part(members)
    },
  ],
  [
    'bytes come as bytes on every node',
    async (cluster) => {
      const topic = cluster.topic()
      const members = await cluster.members(topic)
      cluster.first.channels.broadcast(topic, 'file', Buffer.from([0, 255, 128]))
      for (const { channel } of members) await channel.expectPush('file', Buffer.from([0, 255, 128]))
      await part(members)
    },
  ],
  [
    'broadcastFrom passes by one connection, wherever that lives, and nobody else',
    async (cluster) => {
      const topic = cluster.topic()
      const members = await cluster.members(topic)
      for (const [index, excluded] of members.entries()) {
        cluster.first.channels.broadcastFrom(excluded.client.id, topic, 'said', { n: index })
        cluster.first.channels.broadcast(topic, 'said', { n: 1_000 })
        for (const { channel } of members.filter((member) => member !== excluded))
          await channel.expectPush('said', { n: index })
        await allHear(members, [1_000])
        excluded.channel.push('hush', { n: 2_000 + index })
        for (const { channel } of members.filter((member) => member !== excluded))
          await channel.expectPush('said', { n: 2_000 + index })
        await excluded.channel.refutePush('said')
      }
      await part(members)
    },
  ],
  [
    'a local broadcast stays on its node',
    async (cluster) => {
      const topic = cluster.topic()
      const members = await cluster.members(topic)
      cluster.last.channels.localBroadcast(topic, 'said', { n: 1 })
      cluster.last.channels.broadcast(topic, 'said', { n: 2 })
      await members.at(-1)?.channel.expectPush('said', { n: 1 })
      for (const { channel } of members.slice(0, -1)) {
        await channel.expectPush('said', { n: 2 })
        await channel.refutePush('said')
      }
      await part(members)
    },
  ],
  [
    'disconnect closes every connection of that name on every node, with 1001, and no other',
    async (cluster) => {
      const topic = cluster.topic()
      const going = await cluster.members(topic, 'going')
      const staying = await cluster.members(topic, 'staying')
      cluster.last.channels.disconnect('user:going')
      for (const { client } of going) await client.expectClosed(1001)
      cluster.first.channels.broadcast(topic, 'said', { n: 1 })
      await allHear(staying, [1])
      await part(staying)
    },
  ],
  [
    'push reaches its connection on whichever node it lives, and nobody else',
    async (cluster) => {
      const topic = cluster.topic()
      const members = await cluster.members(topic)
      for (const [n, { client }] of members.entries())
        cluster.first.channels.push(client.id, topic, 'said', { n })
      for (const [n, { channel }] of members.entries()) await channel.expectPush('said', { n })
      for (const { channel } of members) await channel.refutePush('said')
      await part(members)
    },
  ],
  [
    'info is handled by the channels that are meant, on whichever node they live, and by no other',
    async (cluster) => {
      const topic = cluster.topic()
      const members = await cluster.members(topic, 'one')
      const others = await cluster.members(topic, 'other')
      for (const [n, { client }] of members.entries())
        cluster.first.channels.info({ topic, connectionId: client.id }, 'mark', { n })
      cluster.last.channels.info({ topic, connectionTopic: 'user:one' }, 'mark', { n: 100 })
      cluster.last.channels.info({ topic }, 'mark', { n: 200 })
      // From one node to another there is an order for each topic of the engine, and the first two use others than the third.
      for (const [n, { channel }] of members.entries()) {
        const heard = new Set<number>()
        for (let count = 0; count < 3; count++) heard.add((await channel.expectPush('said')).n)
        assert.deepEqual(heard, new Set([n, 100, 200]))
      }
      for (const { channel } of others) {
        await channel.expectPush('said', { n: 200 })
        await channel.refutePush('said')
      }
      await part([...members, ...others])
    },
  ],
  [
    'leave ends the channels that are meant, on whichever node they live, and no other',
    async (cluster) => {
      const topic = cluster.topic()
      const going = await cluster.members(topic, 'going')
      const named = await cluster.members(topic, 'named')
      const staying = await cluster.members(topic, 'staying')
      for (const { client } of going) cluster.first.channels.leave({ topic, connectionId: client.id })
      cluster.last.channels.leave({ topic, connectionTopic: 'user:named' }, 'banned')
      for (const { channel } of [...going, ...named]) await channel.expectClose()
      cluster.first.channels.broadcast(topic, 'said', { n: 1 })
      await allHear(staying, [1])
      for (const { client } of [...going, ...named]) await client.heartbeat()
      await part([...going, ...named, ...staying])
    },
  ],
  [
    'a listener of the server hears what any node broadcasts, once',
    async (cluster) => {
      const topic = cluster.topic()
      const heard = cluster.apps.map((): unknown[] => [])
      const ends = cluster.apps.map((app, n) =>
        app.channels.subscribe(topic, ({ event, payload }) => {
          if (event === 'said') heard[n]?.push(payload)
        }),
      )
      // Their nodes hear the topic when a member of each is in.
      const members = await cluster.members(topic)
      for (const [n, { app }] of members.entries()) app.channels.broadcast(topic, 'said', { n })
      await until('all heard all', () => heard.every(({ length }) => length >= members.length))
      for (const { channel } of members) await channel.refutePush('file')
      assert.deepEqual(
        heard.map((payloads) => payloads.length),
        members.map(() => members.length),
      )
      for (const end of ends) end()
      await part(members)
    },
  ],
  [
    'everybody sees everybody in the presence, and sees who goes',
    async (cluster) => {
      const topic = cluster.topic()
      const members = await cluster.members(topic)
      for (const { channel } of members)
        for (const { client } of members) await channel.expectPresence(client.id)
      const [leaver, ...others] = members
      await leaver?.client.drop()
      for (const { channel } of others) await channel.expectAbsence(leaver?.client.id ?? '')
      await part(others)
    },
  ],
  [
    'a group that one node makes is there on all, and what any of them broadcasts to it is heard',
    async (cluster) => {
      const topics = [cluster.topic(), cluster.topic()]
      const name = `group of ${topics}`
      cluster.first.groups.create(name)
      for (const topic of topics) cluster.first.groups.add(name, topic)
      await until('all know it', () =>
        cluster.apps.every(({ groups }) => groups.has(name) && groups.topics(name).size === 2),
      )
      const members = (await Promise.all(topics.map((topic) => cluster.members(topic)))).flat()
      cluster.last.groups.broadcast(name, 'said', { n: 1 })
      await allHear(members, [1])
      await part(members)
    },
  ],
  [
    'a member that has its answer to the join misses nothing that any node broadcasts from then on',
    async (cluster) => {
      const [client, ...clients] = await Promise.all(cluster.apps.map((app) => connect(app)))
      for (let round = 0; round < 20; round++) {
        const topic = cluster.topic()
        const at = [client, ...clients][round % cluster.apps.length] as TestClient
        const channel = await at.join(room, topic)
        for (const [n, app] of cluster.apps.entries()) app.channels.broadcast(topic, 'said', { n })
        const heard = new Set<number>()
        for (const _ of cluster.apps) heard.add((await channel.expectPush('said')).n)
        assert.equal(heard.size, cluster.apps.length)
        await channel.leave()
      }
      for (const each of [client, ...clients]) await each?.close()
    },
  ],
]

for (const { name, needs, start } of ENGINES) {
  for (const count of NODES) {
    suite(`${name}, ${count} node${count === 1 ? '' : 's'}`, needs, () => {
      let engine: Engine
      let cluster: Cluster
      before(async () => {
        engine = await start()
        cluster = await Cluster.start(engine, count)
      })
      after(async () => {
        await cluster.end()
        await engine.end()
      })
      for (const [title, play] of FACTS) test(title, () => play(cluster))

      test('a node that drains tells its clients 1012; the others hear each other, and see those go who do not come back', async () => {
        const topic = cluster.topic()
        const [leaver, ...others] = await cluster.members(topic)
        for (const { channel } of others) await channel.expectPresence(leaver?.client.id ?? '')
        await cluster.apps.shift()?.close()
        await leaver?.client.expectClosed(1012)
        for (const { channel } of others) await channel.expectAbsence(leaver?.client.id ?? '')
        if (others.length > 0) cluster.last.channels.broadcast(topic, 'said', { n: 1 })
        await allHear(others, [1])
        await part(others)
      })
    })
  }
}
