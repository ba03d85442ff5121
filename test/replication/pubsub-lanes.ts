import { Telemetry } from '../../src/ground/telemetry.ts'
import type { PubSubAdapter } from '../../src/pubsub/adapter.ts'
import { AdapterDoor } from '../../src/pubsub/door.ts'
import { PubSub } from '../../src/pubsub/pubsub.ts'
import type { Lane } from '../../src/replication/lane.ts'
import type { ManualClock, Network } from '../presence/network.ts'

/** The pubsub of one node over a network of packets: what presence and groups stand on, and what may crash beneath them. */
export class PubSubOf {
  readonly #name: string
  readonly #door: AdapterDoor
  readonly #telemetry = new Telemetry()
  #pubsub: PubSub

  constructor(name: string, network: Network, clock: ManualClock) {
    this.#name = name
    this.#door = new AdapterDoor(adapterOver(network.lane(name)), this.#telemetry, clock)
    this.#pubsub = this.#start()
  }

  lane(name: string): Lane {
    return this.#pubsub.lane(name)
  }

  /** It is killed, and its supervisor starts another. */
  crash(): void {
    this.#pubsub.kill()
    this.#pubsub = this.#start()
  }

  /** The node is gone. */
  kill(): void {
    this.#pubsub.kill()
  }

  #start(): PubSub {
    const inbox = { push() {}, disconnect() {}, group() {}, inform() {}, dismiss() {}, checkInfo() {} }
    const pubsub = new PubSub(this.#name, this.#door, inbox, this.#telemetry)
    void pubsub.start()
    return pubsub
  }
}

/** Synchronous: thousands of schedules have no time for promises. */
function adapterOver(wire: Lane): PubSubAdapter {
  let unlisten = (): void => {}
  return {
    name: 'packets',
    status: 'up',
    start(_node, deliver) {
      unlisten = wire.listen((_from, bytes) => deliver('', bytes))
    },
    publish(topic, bytes) {
      if (topic.startsWith('node:')) wire.send(topic.slice(5), bytes)
      else wire.publish(bytes)
    },
    subscribe() {},
    unsubscribe() {},
    stop: () => unlisten(),
  }
}
