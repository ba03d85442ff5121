import type { PubSubAdapter } from 'fastify-beryl'
import { redis } from 'fastify-beryl/redis'
import { Gate } from '../../support/gate.ts'
import { RedisServer } from '../../support/redis.ts'
import { NodeProcess } from '../cluster/node-process.ts'
import { took } from '../cluster/stage.ts'
import type { Truth } from './ledger.ts'
import type { Site } from './stage.ts'

const NODES = 3

/** Three nodes over a Redis, each a process of its own, and a gate between for each, so that another Redis may take its place. */
export class RedisSite implements Site {
  readonly nodes: NodeProcess[] = []
  readonly gates: readonly Gate[]
  server: RedisServer
  /** Servers that were here before. */
  readonly #former: RedisServer[] = []

  private constructor(server: RedisServer, gates: readonly Gate[]) {
    this.server = server
    this.gates = gates
  }

  /** @param config of Redis */
  static async start(...config: string[]): Promise<RedisSite> {
    const server = await RedisServer.start(...config)
    const gates = await Promise.all(Array.from({ length: NODES }, () => Gate.before(server.port)))
    const site = new RedisSite(server, gates)
    site.nodes.push(...(await Promise.all(gates.map((gate) => site.#startNode(gate)))))
    return site
  }

  ports(): number[] {
    return this.nodes.map(({ port }) => port)
  }

  /** Another process in the place of one that has ended. */
  async restart(index: number): Promise<void> {
    this.nodes[index] = await this.#startNode(this.gates[index], this.nodes[index]?.port)
  }

  async areAll(isUp: boolean): Promise<void> {
    await took(async () =>
      (await Promise.all(this.nodes.map((node) => node.status()))).every((status) => status.isUp === isUp),
    )
  }

  /** Another server is the one from now on. Gates are led there by whoever says so. */
  replaceWith(server: RedisServer): void {
    this.#former.push(this.server)
    this.server = server
  }

  async truth(topic: string): Promise<Truth> {
    const adapter = redis({ url: this.server.url })
    await adapter.start(
      'ledger',
      () => {},
      () => {},
    )
    try {
      const { entries, ...page } = await pageOf(adapter, topic)
      return { ...page, entries: entries.map((text) => JSON.parse(text.slice(text.indexOf('\n')))) }
    } finally {
      await adapter.stop()
    }
  }

  async uncaught(): Promise<readonly string[]> {
    const statuses = await Promise.all(this.nodes.map((node) => node.status()))
    return statuses.flatMap((status) => status.uncaught)
  }

  async end(): Promise<void> {
    await Promise.all(this.nodes.filter(({ hasEnded }) => !hasEnded).map((node) => node.kill()))
    await Promise.all(this.gates.map((gate) => gate.end()))
    for (const server of [...this.#former, this.server]) await server.end()
  }

  #startNode(gate: Gate | undefined, port = 0): Promise<NodeProcess> {
    return NodeProcess.start({
      brokerPort: gate?.port ?? 0,
      port,
      beryl: { drain: { pauseMs: 50, batch: 20 } },
    })
  }
}

function pageOf({ log }: PubSubAdapter, topic: string) {
  if (log === undefined) throw new Error('redis() keeps a log')
  return log.read(`topic:${topic}`, 0, { size: 10_000, ttlMs: 300_000 })
}
