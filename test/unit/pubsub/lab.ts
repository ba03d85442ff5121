import type { TestContext } from 'node:test'
import { memoryNetwork, type NetworkOptions } from 'fastify-beryl/testing'
import { codecs } from '../../../src/protocol/negotiate.ts'
import type { PubSubAdapter } from '../../../src/pubsub/adapter.ts'
import type { Broadcast, Subscriber } from '../../../src/pubsub/broadcast.ts'
import { PubSub } from '../../../src/pubsub/pubsub.ts'
import { Telemetry } from '../../../src/telemetry.ts'

/** A subscriber that remembers what it was given. */
export class Listener implements Subscriber {
  readonly connectionId: string
  readonly heard: [event: string, payload: unknown][] = []
  slot = -1

  constructor(connectionId = 'c') {
    this.connectionId = connectionId
  }

  deliver({ event, payload }: Broadcast): void {
    this.heard.push([event, payload])
  }
}

/** A node: its pubsub, and what arrived for it as such. */
export class Node {
  readonly pubsub: PubSub
  readonly telemetry = new Telemetry()
  readonly pushes: unknown[][] = []
  readonly disconnects: string[] = []
  readonly dropped: string[] = []
  readonly statuses: string[] = []

  constructor(name: string, adapter: PubSubAdapter) {
    this.pubsub = new PubSub(
      name,
      adapter,
      {
        push: (...push) => void this.pushes.push(push),
        disconnect: (topic) => void this.disconnects.push(topic),
      },
      this.telemetry,
    )
    this.telemetry.on('pubsub.dropped', (_, { reason }) => void this.dropped.push(reason))
    this.telemetry.on('pubsub.status', (_, { status }) => void this.statuses.push(status))
  }

  join(topic: string, subscriber: Subscriber): void {
    void this.pubsub.subscribe(topic, subscriber)
  }
}

/** Three nodes on one network. */
export async function threeNodes(t: TestContext, options?: NetworkOptions) {
  const network = memoryNetwork(options)
  const nodes = ['a', 'b', 'c'].map((name) => new Node(name, network.adapter())) as [Node, Node, Node]
  for (const { pubsub } of nodes) await pubsub.start()
  t.after(() => {
    for (const { pubsub } of nodes) pubsub.kill()
  })
  return { network, nodes }
}

/** What was published has arrived when this resolves. */
export function delivered(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** The codec of version 2. */
export const V2 = codecs[1] as (typeof codecs)[number]
/** The codec of version 1. */
export const V1 = codecs[0] as (typeof codecs)[number]
