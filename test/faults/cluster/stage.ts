import { setTimeout } from 'node:timers/promises'
import { RedisServer } from '../../support/redis.ts'
import { until } from '../../support/until.ts'
import { exactly, type Finding, noted, type Size } from '../scenario.ts'
import type { NodeConfig, NodeStatus } from './node.ts'
import { NodeProcess } from './node-process.ts'
import { User } from './user.ts'

export interface Scale {
  readonly users: number
  readonly rooms: number
  /** One of the users speaks after each such pause, in turn. */
  readonly pauseMs: number
  readonly beryl: NodeConfig['beryl']
}

const NODES = 3

/** Three nodes and a Redis, each a process of its own, and users who speak all the time. */
export class Cluster {
  readonly broker: RedisServer
  readonly nodes: NodeProcess[] = []
  readonly users: User[] = []
  readonly #scale: Scale
  #turn = 0
  #traffic: NodeJS.Timeout | undefined

  private constructor(broker: RedisServer, scale: Scale) {
    this.broker = broker
    this.#scale = scale
  }

  /** Plays against a cluster of its own, under traffic, and holds for each fault what holds for all. */
  static async play(scale: Scale, play: (cluster: Cluster) => Promise<Finding[]>): Promise<Finding[]> {
    const cluster = new Cluster(await RedisServer.start(), scale)
    try {
      await cluster.#begin()
      const findings = await play(cluster)
      return [...cluster.#totals(), ...findings, ...(await cluster.#always())]
    } finally {
      await cluster.#end()
    }
  }

  async startNode(port = 0): Promise<NodeProcess> {
    return NodeProcess.start({ brokerPort: this.broker.port, port, beryl: this.#scale.beryl })
  }

  /** Somebody more, who speaks like all others. */
  newUser(at: number): User {
    const ports = this.nodes.map(({ port }) => port)
    const n = this.users.length
    const user = new User(`user ${n}`, `room:${Math.floor(n / NODES) % this.#scale.rooms}`, ports, at)
    this.users.push(user)
    return user
  }

  at(node: number): User[] {
    return this.users.filter(({ at }) => at === node)
  }

  statuses(nodes: readonly NodeProcess[] = this.nodes): Promise<NodeStatus[]> {
    return Promise.all(nodes.map((node) => node.status(this.#scale.rooms)))
  }

  async areAll(status: 'up' | 'down'): Promise<boolean> {
    return (await this.statuses()).every(({ isUp }) => isUp === (status === 'up'))
  }

  /** Until all nodes show the same presences, one for each user. */
  async agree(nodes: readonly NodeProcess[] = this.nodes): Promise<boolean> {
    const all = await this.statuses(nodes)
    return all.every(
      ({ presences, fingerprint }) => presences === this.users.length && fingerprint === all[0]?.fingerprint,
    )
  }

  /** Until every one of them was answered so many times more. */
  async spoken(times: number, users: readonly User[] = this.users): Promise<void> {
    const wanted = users.map(({ accepted }) => accepted.length + times)
    await until('all were answered', () =>
      users.every(({ accepted }, n) => accepted.length >= (wanted[n] ?? 0)),
    )
  }

  /** Nobody speaks any more, and what is on its way arrives. */
  async hush(): Promise<void> {
    clearInterval(this.#traffic)
    await took(() => missing(this.users, this.users) === 0, 1_000)
  }

  /** All are in before anything happens: whoever is not yet misses something by right. */
  async #begin(): Promise<void> {
    this.nodes.push(...(await Promise.all(Array.from({ length: NODES }, () => this.startNode()))))
    for (let n = 0; n < this.#scale.users; n++) this.newUser(n % NODES)
    await until('all have joined', () => this.users.every(({ isThere }) => isThere), 300_000)
    await took(() => this.agree(), 60_000)
    this.#traffic = setInterval(() => this.#speak(), this.#scale.pauseMs)
    await this.spoken(2)
  }

  #speak(): void {
    const user = this.users[this.#turn++ % this.users.length]
    if (user?.isThere) user.say()
  }

  #totals(): Finding[] {
    const received = this.users.reduce((total, user) => total + user.received, 0)
    const count = (of: (user: User) => number): string => sum(this.users, of).toLocaleString('en')
    return [
      noted('users, on three nodes', String(this.users.length)),
      noted(
        'sent, accepted, received',
        `${count(({ sent }) => sent)}, ${count(({ accepted }) => accepted.length)}, ${received.toLocaleString('en')}`,
      ),
    ]
  }

  async #always(): Promise<Finding[]> {
    const uncaught = (await this.statuses(this.nodes.filter(({ hasEnded }) => !hasEnded))).flatMap(
      (status) => status.uncaught,
    )
    return [
      exactly(
        'received twice',
        0,
        sum(this.users, ({ doubled }) => doubled),
      ),
      exactly(
        'received out of order',
        0,
        sum(this.users, ({ reordered }) => reordered),
      ),
      exactly(`uncaught errors${uncaught.length === 0 ? '' : ` (${uncaught[0]})`}`, 0, uncaught.length),
    ]
  }

  async #end(): Promise<void> {
    clearInterval(this.#traffic)
    for (const user of this.users) user.leave()
    await Promise.all(this.nodes.filter(({ hasEnded }) => !hasEnded).map((node) => node.kill()))
    await this.broker.end()
  }
}

export function sum(users: readonly User[], of: (user: User) => number): number {
  return users.reduce((total, user) => total + of(user), 0)
}

/** A part of what each user said, by number: `from` is in it, `to` is not. */
export type Part = ReadonlyMap<User, number>

/** The place that each has come to in speaking. */
export function mark(users: readonly User[]): Part {
  return new Map(users.map((user) => [user, user.sent]))
}

/** Messages of the speakers that were accepted and have not reached all listeners of their rooms. */
export function missing(
  listeners: readonly User[],
  speakers: readonly User[],
  from?: Part,
  to?: Part,
): number {
  return sum(speakers, (speaker) => {
    const [first, end] = [from?.get(speaker) ?? 0, to?.get(speaker) ?? Number.POSITIVE_INFINITY]
    const part = speaker.accepted.filter((n) => n >= first && n < end)
    const members = listeners.filter(({ room }) => room === speaker.room)
    return sum(members, (listener) => part.filter((n) => !listener.hasReceived(speaker, n)).length)
  })
}

/** Looks every few milliseconds whether it is so. Gives the milliseconds that this took, also where it gave up. */
export async function took(isSo: () => boolean | Promise<boolean>, deadlineMs = 60_000): Promise<number> {
  const startedAt = performance.now()
  while (!(await isSo()) && performance.now() - startedAt < deadlineMs) await setTimeout(10)
  return performance.now() - startedAt
}

/** The promised time, for a machine that has nothing else to do: the small tests run beside others. */
export function promised(size: Size, ms: number): number {
  return size === 'full' ? ms : ms * 5
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0
}
