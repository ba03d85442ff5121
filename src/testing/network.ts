import { isUint8Array } from 'node:util/types'
import { checkFunction, hasMethods, refuseArgument } from '../ground/argument.ts'
import { CLOCK_METHODS, type Clock, systemClock } from '../ground/clock.ts'
import { berylError } from '../ground/errors.ts'
import { refuseOption, section, whole } from '../ground/option-checks.ts'
import type { AdapterStatus, Deliver, PubSubAdapter, ReportStatus } from '../pubsub/adapter.ts'
import type { AppendOptions, LogLimits, LogListener, LogPage, LogPosition, PubSubLog } from '../pubsub/log.ts'
import { MemoryLog } from '../pubsub/memory-log.ts'
import { checkText } from './arguments.ts'

/** The faults of a {@link memoryNetwork}. */
export interface NetworkOptions {
  /** Each message is delivered so often. @default 1 */
  readonly copies?: number | undefined
  /** The time by which logs age: that of the nodes. @default the machine's clock */
  readonly clock?: Clock | undefined
}

/** Several nodes in one process, without a broker. */
export interface MemoryNetwork {
  /** The adapter of one more node: what the option `pubsub` takes. */
  adapter(): PubSubAdapter
  /** Delivers bytes that no node has sent to all that subscribe to a topic of the broker. */
  inject(topic: string, bytes: Uint8Array): void
  /** Loses everything from now on; the nodes are told that the network is `down`. */
  cut(): void
  /** The end of {@link cut}. */
  heal(): void
  /** The topics of the broker that some node subscribes to. */
  topics(): string[]
}

/**
 * Makes a network. Like a broker, it delivers later and in order, to every subscriber of a topic, the sender included.
 *
 * @example
 * const network = memoryNetwork()
 * await here.register(beryl, { pubsub: network.adapter() })
 * await there.register(beryl, { pubsub: network.adapter() })
 */
export function memoryNetwork(options: NetworkOptions = {}): MemoryNetwork {
  const given = section('options of memoryNetwork', options, ['copies', 'clock'])
  const copies = whole('copies', given.copies, 1, 0)
  const log = new MemoryLog({ clock: clockOf(given.clock), maxBytes: LOG_BYTES })
  const ports = new Set<Port>()
  let status: AdapterStatus = 'up'

  log.listen({
    entry(topic, position, text) {
      queueMicrotask(() => {
        for (const port of ports)
          for (let copy = 0; copy < copies; copy++) port.arriveEntry(topic, position, text)
      })
    },
    hears: (topic) => [...ports].some((port) => port.topics.has(topic)),
    full() {
      for (const port of ports) port.log.listener?.full()
    },
  })

  function carry(topic: string, bytes: Uint8Array): void {
    const own = Uint8Array.from(bytes)
    queueMicrotask(() => {
      for (const port of ports) for (let copy = 0; copy < copies; copy++) port.arrive(topic, own)
    })
  }

  function change(to: AdapterStatus): void {
    status = to
    for (const port of ports) port.report(to)
  }

  return {
    adapter: () => new Port(ports, carry, log, () => status),
    inject(topic, bytes) {
      checkEnvelope('inject', topic, bytes)
      carry(topic, bytes)
    },
    cut: () => change('down'),
    heal: () => change('up'),
    topics: () => [...new Set([...ports].flatMap((port) => [...port.topics]))],
  }
}

/** The logs of a network may have so many bytes. */
const LOG_BYTES = 67_108_864

function clockOf(clock: unknown): Clock {
  if (clock === undefined) return systemClock
  return hasMethods<Clock>(clock, CLOCK_METHODS)
    ? clock
    : refuseOption('clock', `a clock: ${CLOCK_METHODS}`, clock)
}

/** The log, as one node reaches it. */
class PortLog implements PubSubLog {
  listener: LogListener | undefined
  readonly #log: MemoryLog
  readonly #status: () => AdapterStatus

  constructor(log: MemoryLog, status: () => AdapterStatus) {
    this.#log = log
    this.#status = status
  }

  listen(listener: LogListener): void {
    this.listener = listener
  }

  async append(topic: string, text: string, options: AppendOptions): Promise<LogPosition> {
    this.#reach(topic)
    return this.#log.append(topic, text, options)
  }

  async read(topic: string, after: number, limits: LogLimits): Promise<LogPage> {
    this.#reach(topic)
    return this.#log.read(topic, after, limits)
  }

  async forget(topic: string): Promise<void> {
    this.#reach(topic)
    this.#log.forget(topic)
  }

  #reach(topic: string): void {
    if (this.#status() === 'down')
      throw berylError('BERYL_ERR_HISTORY_UNAVAILABLE', topic, 'the network is cut')
  }
}

/** One node's end of the network. */
class Port implements PubSubAdapter {
  readonly name = 'memory'
  readonly log: PortLog
  readonly topics = new Set<string>()
  readonly #ports: Set<Port>
  readonly #carry: (topic: string, bytes: Uint8Array) => void
  readonly #status: () => AdapterStatus
  #deliver: Deliver = () => {}
  #report: ReportStatus = () => {}

  constructor(ports: Set<Port>, carry: Deliver, log: MemoryLog, status: () => AdapterStatus) {
    this.#ports = ports
    this.log = new PortLog(log, status)
    this.#carry = carry
    this.#status = status
  }

  get status(): AdapterStatus {
    return this.#status()
  }

  start(node: string, deliver: Deliver, report: ReportStatus): void {
    checkText('start', 'node', node)
    checkFunction('start', 'deliver', deliver)
    checkFunction('start', 'report', report)
    this.#deliver = deliver
    this.#report = report
    this.#ports.add(this)
  }

  publish(topic: string, bytes: Uint8Array): void {
    checkEnvelope('publish', topic, bytes)
    if (this.status === 'up') this.#carry(topic, bytes)
  }

  /** Confirmed later, as by a broker. */
  async subscribe(topic: string): Promise<void> {
    checkText('subscribe', 'topic', topic)
    this.topics.add(topic)
  }

  unsubscribe(topic: string): void {
    checkText('unsubscribe', 'topic', topic)
    this.topics.delete(topic)
  }

  stop(): void {
    this.#ports.delete(this)
    this.topics.clear()
  }

  arrive(topic: string, bytes: Uint8Array): void {
    if (this.topics.has(topic)) this.#deliver(topic, bytes)
  }

  arriveEntry(topic: string, position: LogPosition, text: string): void {
    if (this.topics.has(topic)) this.log.listener?.entry(topic, position, text)
  }

  report(status: AdapterStatus): void {
    this.#report(status)
  }
}

function checkEnvelope(call: string, topic: unknown, bytes: unknown): void {
  checkText(call, 'topic', topic)
  if (!isUint8Array(bytes)) refuseArgument(call, 'bytes', 'bytes', bytes)
}
