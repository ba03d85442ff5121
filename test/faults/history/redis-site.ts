import type { PubSubAdapter } from 'fastify-beryl'
import { redis } from 'fastify-beryl/redis'
import { Gate } from '../../support/gate.ts'
import { RedisServer } from '../../support/redis.ts'
import { NodeProcess } from '../cluster/node-process.ts'
import { took } from '../cluster/stage.ts'
import type { Truth } from './ledger.ts'
import type { Site } from './stage.ts'

const NODES = 3

/** Three nodes over a Redis, each a process of its own, and a gate between, so that another Redis may take its place. */
export class RedisSite implements Site {
  readonly nodes: NodeProcess[] = []
  readonly gate: Gate
  server: RedisServer
  /** Servers that were here before. */
  readonly #former: RedisServer[] = []

  private constructor(server: RedisServer, gate: Gate) {
    this.server = server
    this.gate = gate
  }

  /** @param config of Redis */
  static async start(...config: string[]): Promise<RedisSite> {
    const server = await RedisServer.start(...config)
    const site = new RedisSite(server, await Gate.before(server.port))
    site.nodes.push(...(await Promise.all(Array.from({ length: NODES }, () => site.#startNode()))))
    return site
  }

  ports(): number[] {
    return this.nodes.map(({ port }) => port)
  }

  /** Another process in the place of one that has ended. */
  async restart(index: number): Promise<void> {
    this.nodes[index] = await this.#startNode(this.nodes[index]?.port)
  }

  async areAll(isUp: boolean): Promise<void> {
    await took(async () =>
      (await Promise.all(this.nodes.map((node) => node.status()))).every((status) => status.isUp === isUp),
    )
  }

  /** Another server is the one from now on. */
  replaceWith(server: RedisServer): void {
    this.#former.push(this.server)
    this.server = server
    this.gate.leadTo(server.port)
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
    await this.gate.end()
    for (const server of [...this.#former, this.server]) await server.end()
  }

  #startNode(port = 0): Promise<NodeProcess> {
    return NodeProcess.start({
      brokerPort: this.gate.port,
      port,
      beryl: { drain: { pauseMs: 50, batch: 20 } },
    })
  }
}

function pageOf({ log }: PubSubAdapter, topic: string) {
  if (log === undefined) throw new Error('redis() keeps a log')
  return log.read(`topic:${topic}`, 0, { size: 10_000, ttlMs: 300_000 })
}
