import { type Clock, systemClock } from '../ground/clock.ts'
import { ClusterLink } from './cluster-link.ts'
import type { Driver, Link, LinkEvents } from './driver.ts'
import { decodeLogged } from './logged-message.ts'
import type { Port } from './port.ts'

const MAX_MESSAGE_BYTES = 1_024 * 1_024 - 1_024

/** The primary of `node:cluster`, as a worker reaches it. */
export class ClusterDriver implements Driver {
  readonly name = 'cluster'
  readonly address = 'the primary'
  readonly maxMessageBytes = MAX_MESSAGE_BYTES
  readonly decodeLogged = decodeLogged
  readonly advice =
    'start the workers with startWorkers() of fastify-beryl/cluster; under a process manager, whose primary ' +
    'knows nothing of it, put redis() between the processes'
  readonly #port: Port
  readonly #prefix: string
  readonly #clock: Clock

  constructor(port: Port, prefix: string, clock: Clock = systemClock) {
    this.#port = port
    this.#prefix = prefix
    this.#clock = clock
  }

  connect(node: string, events: LinkEvents, signal: AbortSignal): Promise<Link> {
    const [port, prefix, clock] = [this.#port, this.#prefix, this.#clock]
    return new ClusterLink({ port, node, prefix, events, clock }).open(signal)
  }
}
