import { setTimeout } from 'node:timers/promises'
import { redis } from '../../src/adapters/redis.ts'
import { systemClock } from '../../src/ground/clock.ts'
import type { BerylOptions, PubSubAdapter } from '../../src/index.ts'
import { fakeClock, memoryNetwork } from '../../src/testing/index.ts'
import { need } from '../support/need.ts'
import { RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { Node, type RoomHooks, room } from './lab.ts'

/** Nodes over an engine, by its time. */
export interface AbuseStage {
  /** One more node. */
  node(hooks?: RoomHooks, options?: BerylOptions): Promise<Node>
  /** Waits for what is under way. */
  until(what: string, isSo: () => boolean): Promise<void>
  /** Lets time pass. */
  pass(ms: number): Promise<void>
  now(): number
  end(): Promise<void>
}

/** By a clock that stands still, over a log that answers later. */
async function memory(): Promise<AbuseStage> {
  const clock = fakeClock()
  const network = memoryNetwork({ clock })
  return {
    node: (hooks = {}, options = {}) =>
      Node.start(clock, { pubsub: network.adapter(), channels: [room(hooks)], ...options }),
    async until(what, isSo) {
      for (let step = 0; !isSo() && step < 200; step++) await clock.advance(10)
      if (!isSo()) throw new Error(`never: ${what}`)
    },
    pass: (ms) => clock.advance(ms),
    now: () => clock.now(),
    async end() {},
  }
}

async function overRedis(): Promise<AbuseStage> {
  const server = await RedisServer.start()
  const adapters: PubSubAdapter[] = []
  return {
    node(hooks = {}, options = {}) {
      const pubsub = redis({ url: server.url })
      adapters.push(pubsub)
      return Node.start(systemClock, { pubsub, channels: [room(hooks)], ...options })
    },
    until,
    pass: (ms) => setTimeout(ms),
    now: () => systemClock.now(),
    async end() {
      await Promise.all(adapters.map((adapter) => adapter.stop()))
      await server.end()
    },
  }
}

export const ENGINES = [
  { name: 'memory', start: memory, needs: { skip: false } },
  { name: 'Redis', start: overRedis, needs: need('redis-server') },
] as const satisfies readonly {
  name: string
  start: () => Promise<AbuseStage>
  needs: { skip: string | false }
}[]
