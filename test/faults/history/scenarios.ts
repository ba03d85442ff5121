import { Gate } from '../../support/gate.ts'
import { RedisServer } from '../../support/redis.ts'
import { took } from '../cluster/stage.ts'
import { atLeast, exactly, type Finding, type Scenario, type Size } from '../scenario.ts'
import type { Follower } from './follower.ts'
import { RedisSite } from './redis-site.ts'
import { type Scale, Stage } from './stage.ts'
import { WorkersSite } from './workers-site.ts'

const SCALES: Readonly<Record<Size, Scale>> = {
  small: { clients: 12, topics: 2, writes: 3, pauseMs: 30, calm: 10, cutMs: 100 },
  full: { clients: 120, topics: 6, writes: 5, pauseMs: 50, calm: 60, cutMs: 25 },
}
/** Each is played so often. */
const TIMES: Readonly<Record<Size, number>> = { small: 1, full: 3 }

/** A master lets its replica wait for others otherwise. */
const AT_ONCE = 'repl-diskless-sync-delay 0'
const WITH_DISK = ['appendonly yes', 'appendfsync always'] as const

type OverRedis = Stage<RedisSite>

function marksOf(followers: readonly Follower[]): number {
  return followers.reduce((total, { segments }) => total + segments.length - 1, 0)
}

function never({ followers }: { readonly followers: readonly Follower[] }): Finding {
  return exactly('clients that were told recovered: false', 0, marksOf(followers))
}

async function again(size: Size, play: () => Promise<void>): Promise<void> {
  for (let time = 0; time < TIMES[size]; time++) await play()
}

/** Nodes die, and are replaced; connections are cut all the time. */
export const nodes: Scenario = {
  name: 'kill -9 of nodes and a rolling restart, connections that are cut',
  play: async (size) =>
    Stage.play(await RedisSite.start(), SCALES[size], async (stage: OverRedis) => {
      const { site } = stage
      stage.cutOnAndOn()
      await again(size, async () => {
        await stage.fault(async () => {
          await site.nodes[0]?.kill()
          await stage.written(2)
          await site.restart(0)
        })
        for (const index of site.nodes.keys())
          await stage.fault(async () => {
            await site.nodes[index]?.drain()
            await site.restart(index)
          })
      })
      stage.cutNoMore()
      return [never(stage)]
    }),
}

/** Redis stands still for a moment, and for longer than a node waits; then it dies, and has all on its disk. */
export const disk: Scenario = {
  name: 'Redis stands still (SIGSTOP), is killed, and comes back with its disk',
  play: async (size) =>
    Stage.play(await RedisSite.start(...WITH_DISK), SCALES[size], async (stage: OverRedis) => {
      const { site } = stage
      stage.cutOnAndOn()
      await again(size, async () => {
        for (const ms of [1_000, 9_000])
          await stage.fault(async () => {
            site.server.freeze()
            await took(() => false, ms)
            site.server.thaw()
            await site.areAll(true)
          })
        await stage.fault(async () => {
          await site.server.kill()
          await site.areAll(false)
          await site.server.start()
          await site.areAll(true)
        })
      })
      stage.cutNoMore()
      return [never(stage)]
    }),
}

/** Redis dies with all that it had, and then loses a part of it. */
export const empty: Scenario = {
  name: 'Redis is killed, and comes back empty; it evicts the states of logs, and not their entries',
  play: async (size) =>
    Stage.play(await RedisSite.start(), SCALES[size], async (stage: OverRedis) => {
      const { site, followers } = stage
      const losses = [
        async () => {
          await site.server.kill()
          await site.areAll(false)
          await site.server.start()
        },
        async () => {
          const metas = topicsOf(followers).map((topic) => `beryl:{log:topic:${topic}}:meta`)
          await site.server.command(`DEL ${metas.join(' ')}`)
        },
      ]
      await again(size, async () => {
        for (const lose of losses)
          await stage.fault(async () => {
            // Afterwards nobody can say what was in the log.
            await stage.balance()
            await stage.written(3)
            const before = followers.map(({ segments }) => segments.length)
            await lose()
            await took(() => followers.every(({ segments }, index) => segments.length > (before[index] ?? 0)))
          })
      })
      // Two that come back to another node find the log that all have now.
      await stage.fault(() => cutAll(followers.slice(0, 2)))
      return [
        exactly(
          'times that clients were told',
          followers.length * losses.length * TIMES[size],
          marksOf(followers),
        ),
      ]
    }),
}

function topicsOf(followers: readonly Follower[]): string[] {
  return [...new Set(followers.map(({ topic }) => topic))]
}

function cutAll(followers: readonly Follower[]): void {
  for (const follower of followers) follower.cut(false)
}

/** A replica that does not have all takes the place of its master, for two of three nodes first: for a while all write. */
export const promotion: Scenario = {
  name: 'a replica that is behind is promoted, while one node goes on with its master',
  play: async (size) =>
    Stage.play(await RedisSite.start(AT_ONCE), SCALES[size], async (stage: OverRedis) => {
      const { site, followers, writers } = stage
      const away = followers.filter((follower, n) => n % 4 === 1 && !writers.includes(follower))
      const present = followers.filter((follower) => !away.includes(follower))
      const lag: number[] = []
      await again(size, () =>
        stage.fault(async () => {
          const { server } = site
          const { replica, line } = await replicaOf(server)
          await stage.written(3)
          // Clients that are away have nothing that the replica does not get.
          for (const follower of away) follower.leave()
          await stage.written(1)
          await server.command('SET waited 1\r\nWAIT 1 10000')
          line.hold()
          const before = written(followers)
          await stage.written(3)
          const [late, ...early] = site.gates
          for (const gate of early) gate.shut()
          await replica.command('REPLICAOF NO ONE')
          site.replaceWith(replica)
          for (const gate of early) gate.leadTo(replica.port)
          // One node goes on with the former master, the others with the new one.
          await stage.written(3)
          late?.shut()
          lag.push(written(followers) - before)
          await server.kill()
          late?.leadTo(replica.port)
          await site.areAll(true)
          await line.end()
          await stage.written(2)
          for (const follower of away) follower.comeBack()
        }),
      )
      return [
        atLeast('accepted while the master had what the replica had not', 1, Math.min(...lag)),
        exactly('of those who were away meanwhile, told recovered: false', 0, marksOf(away)),
        atLeast('of the others, told recovered: false', 1, marksOf(present)),
      ]
    }),
}

function written(followers: readonly Follower[]): number {
  return followers.reduce((total, { accepted }) => total + accepted.length, 0)
}

/** A worker dies, and all are replaced; then the primary dies, and with it the logs. */
export const workers: Scenario = {
  name: 'kill -9 of a worker of cluster(), a rolling restart, kill -9 of the primary',
  play: async (size) =>
    Stage.play(await WorkersSite.start(), SCALES[size], async (stage: Stage<WorkersSite>) => {
      const { site, followers } = stage
      stage.cutOnAndOn()
      await again(size, async () => {
        await stage.fault(async () => {
          // One of them is not cut just now.
          const { pid } = await Promise.any(followers.map((follower) => follower.look()))
          process.kill(pid, 'SIGKILL')
        })
        await stage.fault(() => site.roll())
      })
      stage.cutNoMore()
      await stage.balance()
      const told = never(stage)
      await stage.fault(() => site.restart())
      return [
        { ...told, what: `${told.what}, while the primary lived` },
        exactly('told when it had died', followers.length, marksOf(followers)),
      ]
    }),
}

/** Every fault that histories are played through, in the order of the report. */
export const historyFaults: readonly Scenario[] = [nodes, disk, empty, promotion, workers]

async function replicaOf(master: RedisServer) {
  const line = await Gate.before(master.port)
  const replica = await RedisServer.start(`replicaof 127.0.0.1 ${line.port}`, AT_ONCE)
  let info = ''
  await took(async () => {
    info = await replica.command('INFO replication')
    return info.includes('master_link_status:up')
  })
  return { replica, line }
}
