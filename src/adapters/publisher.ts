import type { CompiledChannel } from '../channel/definition.ts'
import type { ChannelDefinition, PublishOptions } from '../channel/infer.ts'
import { publishId, publishLogged, sendLogged } from '../channel/logged.ts'
import { checkOut } from '../channel/outgoing.ts'
import type { RegisteredEvent, RegisteredPayload, RegisteredTopic } from '../channel/registered.ts'
import { Router } from '../channel/router.ts'
import { checkName, refuseArgument } from '../ground/argument.ts'
import { systemClock } from '../ground/clock.ts'
import { berylError, show } from '../ground/errors.ts'
import { isObject, list, section } from '../ground/option-checks.ts'
import { Telemetry } from '../ground/telemetry.ts'
import type { Groups } from '../groups/groups.ts'
import { Histories } from '../history/histories.ts'
import { whyUncarried } from '../protocol/carried.ts'
import { isReservedEvent } from '../protocol/topic.ts'
import type { AdapterCounts, AdapterStatus, PubSubAdapter } from '../pubsub/adapter.ts'
import { AdapterDoor, AdapterLink } from '../pubsub/door.ts'
import type { LogPosition } from '../pubsub/log.ts'
import { makeNodeName } from '../pubsub/pubsub.ts'
import { CONTROL, Sender, topicTopic } from '../pubsub/sender.ts'

export interface PublisherOptions {
  /**
   * Payloads are checked against these, as a node does, and what they log is logged. @default none: only what JSON carries is
   * checked, and nothing is logged
   */
  readonly channels?: readonly ChannelDefinition[] | undefined
}

/**
 * Sends to the clients of a cluster from outside: a script, a worker, another service. Sends as `channels` of a node does,
 * fire and forget; what cannot be sent is dropped and counted. Keeps its process alive until it is closed.
 */
export interface Publisher {
  /**
   * Sends to all who joined a topic, on all nodes: by way of the log, where the topic's channel is among `channels` and has the
   * event in its `history`.
   *
   * @throws `BERYL_ERR_ARGUMENT`, `BERYL_ERR_TOPIC_UNMATCHED`, `BERYL_ERR_EVENT_UNDECLARED`, `BERYL_ERR_PAYLOAD_INVALID`,
   *   `BERYL_ERR_MESSAGE_TOO_LONG`, `BERYL_ERR_NOT_RUNNING` after its close
   */
  broadcast<T extends RegisteredTopic, E extends RegisteredEvent<T>>(
    topic: T,
    event: E,
    payload: RegisteredPayload<T, E>,
  ): void

  /**
   * As {@link broadcast}, of an event that is in the `history` of a channel of `channels`. Resolves when the log has it, with its position.
   *
   * @param options `id`: where it is in the log already, its first position is given, and nothing is sent again.
   * Rejects as {@link broadcast} throws, and with `BERYL_ERR_HISTORY_UNDECLARED`, `BERYL_ERR_HISTORY_UNAVAILABLE`, `BERYL_ERR_HISTORY_UNKNOWN`.
   */
  publish<T extends RegisteredTopic, E extends RegisteredEvent<T>>(
    topic: T,
    event: E,
    payload: RegisteredPayload<T, E>,
    options?: PublishOptions,
  ): Promise<LogPosition>

  /** Closes every connection with this connection topic, on all nodes, with 1001. */
  disconnect(connectionTopic: string): void

  /** `broadcast` reaches the topics that each node knows to be in the group, and whose channel declares the event. It is not logged. */
  readonly groups: Pick<Groups, 'broadcast'>

  readonly status: AdapterStatus
  readonly counts: AdapterCounts

  /** Sends what is on its way, and disconnects. What a log has not taken by then waits for it, 5 s at the most. */
  close(): Promise<void>
}

/**
 * Connects to the broker of a cluster.
 *
 * @param adapter what the nodes have as option `pubsub`, made for this publisher alone
 * @returns rejects with `BERYL_ERR_BROKER` where the broker is out of reach
 * @example
 * const publisher = await createPublisher(redis({ url: 'redis://127.0.0.1:6379' }))
 * publisher.broadcast('room:1', 'said', { body: 'hi' })
 * await publisher.close()
 */
export async function createPublisher(
  adapter: PubSubAdapter,
  options: PublisherOptions = {},
): Promise<Publisher> {
  if (!isAdapter(adapter))
    refuseArgument('createPublisher', 'adapter', 'an adapter, such as redis(…) gives', adapter)
  const publisher = new AdapterPublisher(adapter, options)
  await publisher.open()
  return publisher
}

function isAdapter(value: unknown): boolean {
  try {
    const { start, publish, stop } = value as PubSubAdapter
    return [start, publish, stop].every((method) => typeof method === 'function')
  } catch {
    // An object that cannot be read is none.
    return false
  }
}

class AdapterPublisher implements Publisher {
  readonly groups: Pick<Groups, 'broadcast'> = {
    broadcast: (name, event, payload) => this.#toGroup(name, event, payload),
  }
  readonly #router: Router | undefined
  readonly #door: AdapterDoor
  readonly #link: AdapterLink
  readonly #sender: Sender
  /** The way into the logs: absent where the adapter keeps none. */
  readonly #histories: Histories | undefined
  /** Broadcasts that are in no log. */
  #unlogged = 0
  #isOpen = true

  constructor(adapter: PubSubAdapter, options: PublisherOptions) {
    const { channels } = section('createPublisher', options, ['channels'])
    this.#router = channels === undefined ? undefined : routerOf(channels, adapter)
    const telemetry = new Telemetry()
    this.#door = new AdapterDoor(adapter, telemetry, systemClock)
    this.#link = new AdapterLink(this.#door)
    this.#sender = new Sender(makeNodeName(), this.#door, this.#link, telemetry)
    this.#histories = historiesOf(adapter, this.#sender, telemetry)
    telemetry.on('history.dropped', ({ entries }) => {
      this.#unlogged += entries
    })
  }

  async open(): Promise<void> {
    const changed = (status: AdapterStatus): void => {
      if (status === 'up') this.#histories?.up()
    }
    try {
      await this.#link.start(this.#sender.node, { arrived() {}, changed })
    } catch (error) {
      await this.close()
      throw error
    }
  }

  get status(): AdapterStatus {
    return this.#isOpen ? this.#door.status : 'down'
  }

  get counts(): AdapterCounts {
    const { dropped, ...counts } = this.#door.counts
    return { dropped: dropped + this.#unlogged, ...counts }
  }

  broadcast(topic: string, event: string, payload: unknown): void {
    const channel = this.#check('publisher.broadcast', topic, event, payload)
    if (channel?.history?.events.has(event) !== true)
      return this.#send(topicTopic(topic), 'broadcast', { topic, event, payload })
    this.#checkOpen()
    sendLogged(this.#histories, channel, { topic, event, payload })
  }

  async publish(topic: string, event: string, payload: unknown, options: unknown): Promise<LogPosition> {
    const channel = this.#check('publisher.publish', topic, event, payload)
    const id = publishId('publisher.publish', options)
    this.#checkOpen()
    if (channel === undefined)
      throw berylError('BERYL_ERR_HISTORY_UNDECLARED', topic, ' that a publisher without `channels` knows of')
    return publishLogged(this.#histories, channel, { topic, event, payload, id })
  }

  disconnect(connectionTopic: string): void {
    checkName('publisher.disconnect', 'connectionTopic', connectionTopic)
    this.#send(CONTROL, 'disconnect', { topic: connectionTopic })
  }

  async close(): Promise<void> {
    this.#isOpen = false
    await this.#histories?.drained()
    this.#histories?.stop()
    await this.#link.close()
  }

  #toGroup(name: string, event: string, payload: unknown): void {
    checkName('publisher.groups.broadcast', 'name', name)
    checkEvent('publisher.groups.broadcast', event)
    checkCarried(name, event, payload)
    this.#send(CONTROL, 'group', { topic: name, event, payload })
  }

  /** The channel of the topic, where channels are known. */
  #check(call: string, topic: string, event: string, payload: unknown): CompiledChannel | undefined {
    checkName(call, 'topic', topic)
    checkEvent(call, event)
    if (this.#router === undefined) {
      checkCarried(topic, event, payload)
      return undefined
    }
    const channel = this.#router.match(topic)
    if (channel === undefined) throw berylError('BERYL_ERR_TOPIC_UNMATCHED', show(topic))
    checkOut(channel, event, payload)
    return channel
  }

  #checkOpen(): void {
    if (!this.#isOpen) throw berylError('BERYL_ERR_NOT_RUNNING', 'closed, of a publisher')
  }

  #send(...message: Parameters<Sender['send']>): void {
    this.#checkOpen()
    this.#sender.send(...message)
  }
}

/** A publisher writes to logs, and hears none. */
function historiesOf({ log }: PubSubAdapter, sender: Sender, telemetry: Telemetry): Histories | undefined {
  if (log === undefined) return undefined
  return new Histories(log, {
    node: sender.node,
    clock: systemClock,
    telemetry,
    maxBytes: 0,
    historyOf: () => undefined,
    deliver() {},
    hears: () => false,
    checkLength: (topic, bytes) => sender.checkLength(topicTopic(topic), bytes),
    announce() {},
    failed() {},
  })
}

function routerOf(channels: unknown, { name, log }: PubSubAdapter): Router {
  const router = new Router(true, { name, hasLog: log !== undefined })
  const wanted = 'what defineChannel(…) returns'
  for (const definition of list('createPublisher.channels', channels, wanted, isDefinition))
    router.register(definition)
  return router
}

/** The router looks closer. */
function isDefinition(value: unknown): value is ChannelDefinition {
  return isObject(value)
}

function checkEvent(call: string, event: unknown): void {
  checkName(call, 'event', event)
  if (isReservedEvent(event)) refuseArgument(call, 'event', 'an event that the protocol does not keep', event)
}

function checkCarried(topic: string, event: string, payload: unknown): void {
  const why = whyUncarried(payload)
  if (why !== undefined) throw berylError('BERYL_ERR_PAYLOAD_INVALID', topic, `the event "${event}"`, why)
}
