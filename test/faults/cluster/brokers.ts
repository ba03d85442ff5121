import { atLeast, atMost, exactly, type Finding, noted, type Scenario, type Size } from '../scenario.ts'
import { Cluster, mark, missing, type Part, promised, type Scale, sum, took } from './stage.ts'
import type { User } from './user.ts'

const SCALES: Readonly<Record<Size, Scale & { readonly topics: number }>> = {
  small: { users: 12, rooms: 2, pauseMs: 20, topics: 1_000, beryl: { presence: { broadcastMs: 100 } } },
  full: { users: 300, rooms: 30, pauseMs: 5, topics: 10_000, beryl: {} },
}

/** The broker dies under traffic, and comes again. */
export const killedBroker: Scenario = {
  name: 'the broker is killed and started again',
  play: (size) =>
    Cluster.play(SCALES[size], async (cluster) => {
      const { topics } = SCALES[size]
      const { broker, nodes } = cluster
      await nodes[0]?.hear(topics)
      await cluster.spoken(1)
      await broker.kill()
      const outage = await playOutage(cluster, size)
      await broker.start()
      const upMs = await took(() => cluster.areAll('up'))
      const heard = (await nodes[0]?.status())?.resubscribed ?? 0
      return [
        ...outage.findings(),
        atMost(`port open to all up, ${topics} topics on one node heard`, promised(size, 5_000), upMs, ' ms'),
        atLeast('topics subscribed to again by that node', topics, heard),
        ...(await afterwards(cluster, outage)),
      ]
    }),
}

/** The broker keeps its connections, and says nothing. */
export const silentBroker: Scenario = {
  name: 'the broker is silent (SIGSTOP)',
  play: (size) =>
    Cluster.play(SCALES[size], async (cluster) => {
      const { broker, nodes } = cluster
      broker.freeze()
      const outage = await playOutage(cluster, size)
      // Long enough for some attempts, which the kernel takes and nobody answers.
      const [turns, since] = [nodes.map((node) => node.turns.length), performance.now()]
      await took(() => performance.now() - since > 3_000)
      const ups = nodes.filter((node, n) => node.turns.length > (turns[n] ?? 0)).length
      broker.thaw()
      const upMs = await took(() => cluster.areAll('up'))
      return [
        ...outage.findings(),
        exactly('nodes that were up meanwhile', 0, ups),
        atMost('heard again to all up', promised(size, 5_000), upMs, ' ms'),
        ...(await afterwards(cluster, outage)),
      ]
    }),
}

const TIMES = 5

/** The broker ends the connections over which the nodes hear, again and again. */
export const killedConnections: Scenario = {
  name: 'CLIENT KILL TYPE pubsub',
  play: (size) =>
    Cluster.play(SCALES[size], async (cluster) => {
      const repairs: number[] = []
      for (let time = 0; time < TIMES; time++) {
        const before = cluster.nodes.map(({ turns }) => turns.length)
        await cluster.broker.command('CLIENT KILL TYPE pubsub')
        const isBack = (): boolean =>
          cluster.nodes.every(({ turns }, n) => turns.length >= (before[n] ?? 0) + 2 && turns.at(-1) === 'up')
        repairs.push(await took(isBack))
      }
      return [
        atMost(`killed to all up, slowest of ${TIMES}`, promised(size, 5_000), Math.max(...repairs), ' ms'),
        ...(await heardAgain(cluster)),
      ]
    }),
}

interface Outage {
  /** Said while all nodes were down. */
  readonly from: Part
  to: Part
  readonly late: readonly User[]
  findings(): Finding[]
}

/** From the first moment until all nodes know, have gone on by themselves, and have let somebody in. */
async function playOutage(cluster: Cluster, size: Size): Promise<Outage> {
  const foundMs = await took(async () => await cluster.areAll('down'))
  const early = [...cluster.users]
  const from = mark(early)
  const at = early.map((user) => user.at)
  await cluster.spoken(3, early)
  const joinedFrom = performance.now()
  const late = cluster.nodes.map((_, n) => cluster.newUser(n))
  const joinMs = await took(() => late.every(({ isThere }) => isThere))
  const to = mark(early)
  const lost = cluster.nodes.map((_, n) => {
    const members = early.filter((_, u) => at[u] === n)
    return () => missing(members, members, from, to)
  })
  const isLost = (): number => lost.reduce((total, count) => total + count(), 0)
  await took(() => isLost() === 0, 2_000)
  const locallyLost = isLost()
  const joins = late.filter(({ joinedAt }) => joinedAt > joinedFrom).length
  return {
    from,
    to,
    late,
    findings: () => [
      atMost('to all nodes degraded', promised(size, 20_000), foundMs, ' ms'),
      exactly('said meanwhile, not received on its own node', 0, locallyLost),
      exactly('joins answered meanwhile', cluster.nodes.length, joins),
      atMost('the slowest of them', promised(size, 2_500), joinMs, ' ms'),
    ],
  }
}

/** Nothing of the outage came to other nodes, and what is said now does. */
async function afterwards(cluster: Cluster, { from, to }: Outage): Promise<Finding[]> {
  const again = await heardAgain(cluster)
  const stale = sum([...from.keys()], (speaker) => {
    const part = speaker.accepted.filter((n) => n >= (from.get(speaker) ?? 0) && n < (to.get(speaker) ?? 0))
    const elsewhere = cluster.users.filter(({ at, room }) => at !== speaker.at && room === speaker.room)
    return sum(elsewhere, (listener) => part.filter((n) => listener.hasReceived(speaker, n)).length)
  })
  return [exactly('received of the outage on other nodes, too late', 0, stale), ...again]
}

async function heardAgain(cluster: Cluster): Promise<Finding[]> {
  const { users, nodes } = cluster
  const from = mark(users)
  await cluster.spoken(3)
  await cluster.hush()
  const equalMs = await took(() => cluster.agree())
  return [
    exactly('accepted afterwards, not received by a member', 0, missing(users, users, from)),
    noted('lists of all nodes equal after', `${Math.round(equalMs)} ms`),
    exactly('nodes that live', 3, nodes.filter(({ hasEnded }) => !hasEnded).length),
    exactly(
      'connections that ended',
      0,
      sum(users, ({ closes }) => closes.length),
    ),
  ]
}
