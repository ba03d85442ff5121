import assert from 'node:assert/strict'
import { SLOTS } from '../../src/adapters/redis-partitions.ts'
import { freePort } from './broker.ts'
import { RedisServer } from './redis.ts'

interface Member {
  readonly server: RedisServer
  readonly id: string
  readonly busPort: number
}

const SLOT_COUNT = 16_384

/** A Redis Cluster of the test's own: each of its masters has a part of the slots. */
export class RedisCluster {
  readonly masters: readonly RedisServer[]
  readonly #members: Member[]

  private constructor(members: Member[]) {
    this.#members = members
    this.masters = members.map(({ server }) => server)
  }

  static async start(masters = 3, ...config: string[]): Promise<RedisCluster> {
    const members: Member[] = []
    for (let n = 0; n < masters; n++) members.push(await startMember(config))
    const cluster = new RedisCluster(members)
    const share = Math.ceil(SLOT_COUNT / masters)
    for (const [n, { server }] of members.entries())
      await server.command(`CLUSTER ADDSLOTSRANGE ${n * share} ${Math.min(SLOT_COUNT, (n + 1) * share) - 1}`)
    for (const member of members.slice(1)) await cluster.#meet(member)
    await cluster.isWhole()
    return cluster
  }

  get urls(): string[] {
    return this.masters.map(({ url }) => url)
  }

  /** Adds a replica to a master. Gives it when it has all that the master has. */
  async addReplica(master: RedisServer, ...config: string[]): Promise<RedisServer> {
    const member = await startMember(config)
    this.#members.push(member)
    await this.#meet(member)
    await this.isWhole()
    const { id } = this.#member(master)
    while (!/\+OK/.test(await member.server.command(`CLUSTER REPLICATE ${id}`)));
    while (!/master_link_status:up/.test(await member.server.command('INFO replication')));
    return member.server
  }

  /** Parts a replica from its master, which goes on: the replica gets nothing of what is written from now on. */
  async part(replica: RedisServer, master: RedisServer): Promise<void> {
    await master.command('ACL SETUSER default -psync -sync')
    await master.command('CLIENT KILL TYPE replica')
    while (!/master_link_status:down/.test(await replica.command('INFO replication')));
  }

  /** A replica takes the place of a master that lives, whatever it lacks. Resolves when that is its replica, and has what it has. */
  async takeOver(replica: RedisServer, master: RedisServer): Promise<void> {
    await replica.command('ACL SETUSER default +psync +sync')
    await replica.command('CLUSTER FAILOVER TAKEOVER')
    while (!/role:slave.*master_link_status:up/s.test(await master.command('INFO replication')));
    await this.isWhole()
  }

  /** Waits until all members know each other, and that every slot is served. */
  async isWhole(): Promise<void> {
    const known = new RegExp(`cluster_known_nodes:${this.#members.length}\\b`)
    for (const { server } of this.#members)
      for (let info = ''; !(known.test(info) && /cluster_state:ok/.test(info)); )
        info = await server.command('CLUSTER INFO')
  }

  /** The master that has a partition. */
  async ownerOf(partition: number): Promise<RedisServer> {
    const slot = SLOTS[partition] as number
    for (const { server, id } of this.#members) {
      const line = (await nodesAt(server)).find((each) => each.startsWith(id))
      const ranges = [...(line ?? '').matchAll(/ (\d+)(?:-(\d+))?(?= |$)/g)].slice(-20)
      const own =
        /\bmaster\b/.test(line ?? '') &&
        ranges.some(([, from, to = from]) => slot >= Number(from) && slot <= Number(to))
      if (own) return server
    }
    return assert.fail(`nobody has the partition ${partition}`)
  }

  /** Moves a partition, with its keys, as `redis-cli --cluster reshard` does. */
  async move(partition: number, from: RedisServer, to: RedisServer): Promise<void> {
    const slot = SLOTS[partition]
    const [source, target] = [this.#member(from), this.#member(to)]
    await to.command(`CLUSTER SETSLOT ${slot} IMPORTING ${source.id}`)
    await from.command(`CLUSTER SETSLOT ${slot} MIGRATING ${target.id}`)
    for (let keys = await keysIn(from, slot); keys.length > 0; keys = await keysIn(from, slot))
      await from.command(
        `MIGRATE 127.0.0.1 ${to.port} "" 0 5000 KEYS ${keys.map((key) => `"${key}"`).join(' ')}`,
      )
    await to.command(`CLUSTER SETSLOT ${slot} NODE ${target.id}`)
    await from.command(`CLUSTER SETSLOT ${slot} NODE ${target.id}`)
  }

  async flush(): Promise<void> {
    for (const master of this.masters) await master.command('FLUSHALL')
  }

  async kill(): Promise<void> {
    await Promise.all(this.#members.map(({ server }) => server.kill()))
  }

  /** All that were killed. */
  async restart(): Promise<void> {
    await Promise.all(this.#members.map(({ server }) => server.start()))
    await this.isWhole()
  }

  async end(): Promise<void> {
    await Promise.all(this.#members.map(({ server }) => server.end()))
  }

  #member(server: RedisServer): Member {
    return this.#members.find((each) => each.server === server) ?? assert.fail('no member')
  }

  async #meet({ server, busPort }: Member): Promise<void> {
    await this.masters[0]?.command(`CLUSTER MEET 127.0.0.1 ${server.port} ${busPort}`)
  }
}

async function startMember(config: readonly string[]): Promise<Member> {
  const busPort = await freePort()
  const server = await RedisServer.start(
    'cluster-enabled yes',
    `cluster-port ${busPort}`,
    'cluster-node-timeout 2000',
    'cluster-replica-validity-factor 0',
    'repl-diskless-sync-delay 0',
    ...config,
  )
  const [, id = ''] = /([0-9a-f]{40})/.exec(await server.command('CLUSTER MYID')) ?? []
  return { server, id, busPort }
}

async function nodesAt(server: RedisServer): Promise<string[]> {
  return (await server.command('CLUSTER NODES')).split('\n')
}

async function keysIn(server: RedisServer, slot: number | undefined): Promise<string[]> {
  const answer = await server.command(`CLUSTER GETKEYSINSLOT ${slot} 100`)
  return [...answer.matchAll(/\$\d+\r\n(.*)\r\n/g)].map(([, key = '']) => key)
}
