import type { TestContext } from 'node:test'
import { memoryNetwork, type NetworkOptions } from 'fastify-beryl/testing'
import { type Clock, systemClock } from '../../src/ground/clock.ts'
import { Telemetry } from '../../src/ground/telemetry.ts'
import { codecs } from '../../src/protocol/negotiate.ts'
import type { PubSubAdapter } from '../../src/pubsub/adapter.ts'
import type { Broadcast, Subscriber } from '../../src/pubsub/broadcast.ts'
import { AdapterDoor } from '../../src/pubsub/door.ts'
import { PubSub } from '../../src/pubsub/pubsub.ts'

/** A subscriber that remembers what it was given. */
export class Listener implements Subscriber {
  readonly connectionId: string
  readonly heard: [event: string, payload: unknown][] = []
  slot = -1

  constructor(connectionId = 'c') {
    this.connectionId = connectionId
  }

  deliver(broadcast: Broadcast): void {
    this.heard.push([broadcast.event, broadcast.onWire()])
  }

  inform(info: Broadcast): void {
    this.heard.push([`info ${info.event}`, info.onWire()])
  }
}

const NO_INBOX = { push() {}, disconnect() {}, group() {}, inform() {}, dismiss() {}, checkInfo() {} }

export function makePubSub(name: string, adapter: PubSubAdapter, telemetry: Telemetry): PubSub {
  return new PubSub(name, new AdapterDoor(adapter, telemetry, systemClock), NO_INBOX, telemetry)
}

/** A node: its pubsub, and what arrived for it as such. */
export class Node {
  pubsub: PubSub
  readonly telemetry = new Telemetry()
  readonly pushes: unknown[][] = []
  readonly disconnects: string[] = []
  readonly dropped: string[] = []
  readonly statuses: string[] = []
  readonly failed: { call: string; error: unknown }[] = []
  readonly #name: string
  readonly #door: AdapterDoor

  constructor(name: string, adapter: PubSubAdapter, clock: Clock = systemClock) {
    this.#name = name
    this.#door = new AdapterDoor(adapter, this.telemetry, clock)
    this.pubsub = this.#make()
    this.telemetry.on('pubsub.ignored', (_, { reason }) => void this.dropped.push(reason))
    this.telemetry.on('pubsub.status', (_, { status }) => void this.statuses.push(status))
    this.telemetry.on('pubsub.failed', (_, { call, error }) => void this.failed.push({ call, error }))
  }

  join(topic: string, subscriber: Subscriber): void {
    this.pubsub.subscribe(topic, subscriber, { heard() {}, unheard() {} })
  }

  /** Does as the supervisor does when the pubsub has ended. */
  async restart(): Promise<void> {
    this.pubsub = this.#make()
    await this.pubsub.start()
  }

  #make(): PubSub {
    const inbox = {
      push: (...push: unknown[]) => void this.pushes.push(push),
      disconnect: (topic: string) => void this.disconnects.push(topic),
      group() {},
      inform() {},
      dismiss() {},
      checkInfo() {},
    }
    return new PubSub(this.#name, this.#door, inbox, this.telemetry)
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

/** Everything that was published has arrived when this resolves. */
export function delivered(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** The codec of version 2. */
export const V2 = codecs[1] as (typeof codecs)[number]
/** The codec of version 1. */
export const V1 = codecs[0] as (typeof codecs)[number]

/** Resolves when a subscriber hears the other nodes; `undefined` where it does at once. */
export function subscribed(pubsub: PubSub, topic: string, subscriber: Subscriber): undefined | Promise<void> {
  const wait = { hasTo: false }
  const heard = new Promise<void>((heard, unheard) => {
    wait.hasTo = pubsub.subscribe(topic, subscriber, { heard, unheard })
  })
  return wait.hasTo ? heard : undefined
}
