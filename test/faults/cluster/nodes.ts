import { atLeast, atMost, exactly, noted, type Scenario } from '../scenario.ts'
import { Cluster, mark, missing, promised, quantile, type Scale, sum, took } from './stage.ts'
import { Witness } from './witness.ts'

const QUICK = { broadcastMs: 100, downMs: 2_000, handoffMs: 10_000 } as const
const UNLIMITED = { limits: { changesPerSecond: false } } as const

const KILLS: Readonly<Record<'small' | 'full', Scale>> = {
  small: { users: 12, rooms: 2, pauseMs: 20, beryl: { presence: QUICK } },
  full: { users: 300, rooms: 30, pauseMs: 5, beryl: { presence: UNLIMITED } },
}

/** One of three nodes dies, and its users come back on the two others. */
export const killedNode: Scenario = {
  name: 'kill -9 of one of three nodes',
  play: (size) =>
    Cluster.play(KILLS[size], async (cluster) => {
      const { nodes } = cluster
      const [doomed, others] = [cluster.at(0), cluster.users.filter(({ at }) => at !== 0)]
      const killedAt = performance.now()
      await nodes[0]?.kill()
      const survivors = nodes.slice(1)
      await took(() => doomed.every(({ joinedAt, isThere }) => isThere && joinedAt > killedAt))
      const rejoins = doomed.map(({ joinedAt }) => joinedAt - killedAt)
      await took(() => cluster.agree(survivors))
      const ghostsMs = performance.now() - killedAt
      await cluster.hush()
      const downMs = size === 'small' ? QUICK.downMs : 30_000
      return [
        exactly(
          'its users who are back elsewhere',
          doomed.length,
          doomed.filter((user) => user.isThere).length,
        ),
        atMost('kill to joined elsewhere, p99', promised(size, 2_000), quantile(rejoins, 0.99), ' ms'),
        noted('kill to joined elsewhere, p50', `${Math.round(quantile(rejoins, 0.5))} ms`),
        exactly(
          'connections of the others that ended',
          0,
          sum(others, ({ closes }) => closes.length),
        ),
        exactly('accepted of the others, not received by one of them', 0, missing(others, others)),
        atMost('kill to no ghost, lists equal', downMs + promised(size, 1_500), ghostsMs, ' ms'),
      ]
    }),
}

/** A node is taken for dead so long after its last word, which comes at the latest `quietMs` after the one before. */
const STOPS = {
  small: { stopMs: 4_000, downMs: QUICK.downMs, quietMs: 300 },
  full: { stopMs: 45_000, downMs: 30_000, quietMs: 4_500 },
} as const
/** Of timers that stood behind others. */
const SLACK_MS = 500

/** One of three nodes stands still for longer than a node may be silent, and goes on. */
export const stoppedNode: Scenario = {
  name: 'SIGSTOP of a node for longer than it may be silent, SIGCONT',
  play: (size) =>
    Cluster.play(KILLS[size], async (cluster) => {
      const { stopMs, downMs, quietMs } = STOPS[size]
      const [still, ...awake] = cluster.nodes
      const stoppedAt = performance.now()
      still?.freeze()
      await took(() => awake.every(({ declarations }) => declarations.length > 0))
      await took(() => performance.now() - stoppedAt >= stopMs)
      still?.thaw()
      const equalMs = await took(() => cluster.agree())
      const declared = (await cluster.statuses()).map(({ declaredDown }) => declaredDown)
      const downs = awake.flatMap(({ declarations }) => declarations.map((at) => at - stoppedAt))
      await cluster.spoken(2)
      await cluster.hush()
      return [
        noted('stopped for', `${stopMs} ms`),
        exactly(
          'nodes that took it for dead',
          2,
          declared.slice(1).reduce((sum, times) => sum + times, 0),
        ),
        atLeast('stop to taken for dead, the first', downMs - quietMs - SLACK_MS, Math.min(...downs), ' ms'),
        atMost('stop to taken for dead, the last', downMs + promised(size, 2_000), Math.max(...downs), ' ms'),
        exactly('nodes that it took for dead itself', 0, declared[0] ?? 0),
        atMost('goes on to all lists equal', promised(size, 5_000), equalMs, ' ms'),
        exactly(
          'connections that ended',
          0,
          sum(cluster.users, ({ closes }) => closes.length),
        ),
      ]
    }),
}

const ROLLS: Readonly<Record<'small' | 'full', Scale>> = {
  small: { users: 24, rooms: 2, pauseMs: 20, beryl: { presence: QUICK, drain: { batch: 4, pauseMs: 50 } } },
  full: { users: 3_000, rooms: 300, pauseMs: 5, beryl: { presence: UNLIMITED } },
}

/** Each node is told to end, and another takes its place, one after the other. */
export const rollingRestart: Scenario = {
  name: 'a rolling restart with drain',
  play: (size) =>
    Cluster.play(ROLLS[size], async (cluster) => {
      const { rooms, beryl } = ROLLS[size]
      const witness = await Witness.start(cluster.broker.url, rooms, beryl)
      try {
        await took(() => witness.rooms === rooms)
        const before = mark(cluster.users)
        const codes = await roll(cluster)
        await cluster.spoken(2)
        await cluster.hush()
        await took(() => witness.missing(cluster.users, before) === 0, 5_000)
        const closes = cluster.users.flatMap((user) => user.closes)
        return [
          exactly('nodes that ended with 0', 3, codes.filter((code) => code === 0).length),
          noted('connections closed', closes.length.toLocaleString('en')),
          exactly(
            'of them closed with another code than 1012',
            0,
            closes.filter((code) => code !== 1012).length,
          ),
          exactly('accepted, and lost', 0, witness.missing(cluster.users, before)),
          exactly(
            'users seen to leave, by clients',
            0,
            sum(cluster.users, ({ flaps }) => flaps),
          ),
          exactly('users seen to leave, by a node', 0, witness.flaps),
        ]
      } finally {
        await witness.end()
      }
    }),
}

async function roll(cluster: Cluster): Promise<(number | null)[]> {
  const codes: (number | null)[] = []
  for (const [n, node] of cluster.nodes.entries()) {
    codes.push(await node.drain())
    await took(() => cluster.users.every(({ isThere }) => isThere))
    cluster.nodes[n] = await cluster.startNode(node.port)
    await cluster.spoken(1)
  }
  return codes
}
