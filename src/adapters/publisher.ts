import type { ChannelDefinition } from '../channel/infer.ts'
import { checkOut } from '../channel/outgoing.ts'
import type { RegisteredEvent, RegisteredPayload, RegisteredTopic } from '../channel/registered.ts'
import { Router } from '../channel/router.ts'
import { checkName, refuseArgument } from '../ground/argument.ts'
import { systemClock } from '../ground/clock.ts'
import { berylError, show } from '../ground/errors.ts'
import { isObject, list, section } from '../ground/option-checks.ts'
import { Telemetry } from '../ground/telemetry.ts'
import type { Groups } from '../groups/groups.ts'
import { whyUncarried } from '../protocol/carried.ts'
import { isReservedEvent } from '../protocol/topic.ts'
import type { AdapterCounts, AdapterStatus, PubSubAdapter } from '../pubsub/adapter.ts'
import { AdapterDoor, AdapterLink } from '../pubsub/door.ts'
import { makeNodeName } from '../pubsub/pubsub.ts'
import { CONTROL, Sender, topicTopic } from '../pubsub/sender.ts'

export interface PublisherOptions {
  /** Payloads are checked against these, as a node does. @default [] only what JSON carries is checked */
  readonly channels?: readonly ChannelDefinition[] | undefined
}

/**
 * Sends to the clients of a cluster from outside: a script, a worker, another service. Sends as `channels` of a node does,
 * fire and forget; what cannot be sent is dropped and counted. Keeps its process alive until it is closed.
 */
export interface Publisher {
  /**
   * Sends to all who joined a topic, on all nodes.
   *
   * @throws `BERYL_ERR_ARGUMENT`, `BERYL_ERR_TOPIC_UNMATCHED`, `BERYL_ERR_EVENT_UNDECLARED`, `BERYL_ERR_PAYLOAD_INVALID`,
   *   `BERYL_ERR_MESSAGE_TOO_LONG`, `BERYL_ERR_NOT_RUNNING` after its close
   */
  broadcast<T extends RegisteredTopic, E extends RegisteredEvent<T>>(
    topic: T,
    event: E,
    payload: RegisteredPayload<T, E>,
  ): void

  /** Closes every connection with this connection topic, on all nodes, with 1001. */
  disconnect(connectionTopic: string): void

  /** `broadcast` reaches the topics that each node knows to be in the group, and whose channel declares the event. */
  readonly groups: Pick<Groups, 'broadcast'>

  readonly status: AdapterStatus
  readonly counts: AdapterCounts

  /** Sends what is on its way, and disconnects. */
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
  #isOpen = true

  constructor(adapter: PubSubAdapter, options: PublisherOptions) {
    const { channels } = section('createPublisher', options, ['channels'])
    this.#router = channels === undefined ? undefined : routerOf(channels)
    const telemetry = new Telemetry()
    this.#door = new AdapterDoor(adapter, telemetry, systemClock)
    this.#link = new AdapterLink(this.#door)
    this.#sender = new Sender(makeNodeName(), this.#door, this.#link, telemetry)
  }

  async open(): Promise<void> {
    try {
      await this.#link.start(this.#sender.node, { arrived() {}, changed() {} })
    } catch (error) {
      await this.close()
      throw error
    }
  }

  get status(): AdapterStatus {
    return this.#isOpen ? this.#door.status : 'down'
  }

  get counts(): AdapterCounts {
    return this.#door.counts
  }

  broadcast(topic: string, event: string, payload: unknown): void {
    checkName('publisher.broadcast', 'topic', topic)
    this.#check('publisher.broadcast', topic, event, payload)
    this.#send(topicTopic(topic), 'broadcast', { topic, event, payload })
  }

  disconnect(connectionTopic: string): void {
    checkName('publisher.disconnect', 'connectionTopic', connectionTopic)
    this.#send(CONTROL, 'disconnect', { topic: connectionTopic })
  }

  async close(): Promise<void> {
    this.#isOpen = false
    await this.#link.close()
  }

  #toGroup(name: string, event: string, payload: unknown): void {
    checkName('publisher.groups.broadcast', 'name', name)
    checkEvent('publisher.groups.broadcast', event)
    checkCarried(name, event, payload)
    this.#send(CONTROL, 'group', { topic: name, event, payload })
  }

  #check(call: string, topic: string, event: string, payload: unknown): void {
    checkEvent(call, event)
    if (this.#router === undefined) return checkCarried(topic, event, payload)
    const channel = this.#router.match(topic)
    if (channel === undefined) throw berylError('BERYL_ERR_TOPIC_UNMATCHED', show(topic))
    checkOut(channel, event, payload)
  }

  #send(...message: Parameters<Sender['send']>): void {
    if (!this.#isOpen) throw berylError('BERYL_ERR_NOT_RUNNING', 'closed, of a publisher')
    this.#sender.send(...message)
  }
}

function routerOf(channels: unknown): Router {
  const router = new Router()
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
