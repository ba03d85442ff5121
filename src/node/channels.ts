import type { CompiledChannel } from '../channel/definition.ts'
import type { ChannelDefinition, PublishOptions } from '../channel/infer.ts'
import type {
  RegisteredEvent,
  RegisteredInfo,
  RegisteredInfoPayload,
  RegisteredPayload,
  RegisteredTopic,
} from '../channel/registered.ts'
import { checkFunction, checkName, readFields, refuseArgument } from '../ground/argument.ts'
import { refuseOption } from '../ground/option-checks.ts'
import type { TelemetryListener, TelemetryName, TreeState } from '../ground/telemetry.ts'
import { isTelemetryName } from '../ground/telemetry-names.ts'
import type { HistoryQuery, TopicHistory } from '../history/past.ts'
import type { PubSubReport } from '../pubsub/door.ts'
import type { TopicListener } from '../pubsub/listeners.ts'
import type { LogPosition } from '../pubsub/log.ts'
import type { ChannelTarget } from '../pubsub/target.ts'
import type { SessionLoad } from '../session/topics.ts'
import type { TreeNode } from '../supervision/process.ts'
import type { Supervisor } from '../supervision/supervisor.ts'
import type { Endpoint } from './endpoint.ts'
import type { EntranceContract, EntranceStatus } from './entrances.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { BerylTree } from './tree.ts'

/** The state of the plugin, for a readiness check and for people. */
export interface BerylStatus {
  /** The name of this node: unique among all nodes and over restarts. */
  readonly node: string
  /** Ready for clients where it is `running` or `degraded` (the broker is out of reach; local delivery goes on). */
  readonly state: TreeState
  readonly connections: number
  readonly channels: number
  readonly topics: number
  /** The way to the other nodes: its state, since when, what was lost. Absent before the tree has started. */
  readonly pubsub: PubSubReport | undefined
  /** Where clients come in: the plugin's own path, and those that `mount` added. */
  readonly entrances: readonly EntranceStatus[]
  /** The supervised tree; absent before it has started. `formatTree` draws it. */
  readonly tree: TreeNode | undefined
}

/** The work that waits on this node: for slow readers, for channels, for callbacks. */
export interface BerylLoad extends SessionLoad {
  /** Entries that wait for the log of their topic. */
  readonly waitingEntries: number
}

/** A node, for those who describe it to others. */
export interface DescribedNode {
  readonly entrances: ReadonlyMap<string, EntranceContract>
  /** A client that is silent for longer is closed; `Infinity` where none is. */
  readonly silenceMs: number
}

const NAMING =
  'a function that names each connection, for channels.disconnect (also info, leave) finds them by their names'

const IDLE: SessionLoad = { bufferedBytes: 0, waitingMessages: 0, longestMailbox: 0, pendingCallbacks: 0 }

/**
 * `fastify.channels`. All sending is synchronous, fire and forget: it returns when the frames are on their way, throws
 * where the topic, the event or the payload is wrong. Before the tree is up (`ready`) and after its end it throws
 * `BERYL_ERR_NOT_RUNNING`; during a restart it is dropped and counted (`send.dropped`). A topic and an id are well-formed strings of 1 to 255 bytes, everywhere; what is not is refused with `BERYL_ERR_ARGUMENT`.
 */
export class Channels {
  readonly #endpoint: Endpoint
  readonly #lifecycle: Lifecycle

  constructor(endpoint: Endpoint, lifecycle: Lifecycle) {
    this.#endpoint = endpoint
    this.#lifecycle = lifecycle
  }

  /** @internal The contracts of the channels that own a topic: entrances may have one each. */
  static contracts(channels: Channels, topic: string): readonly CompiledChannel[] {
    return channels.#endpoint.routers.match(topic)
  }

  /** @internal What can be joined at each path, for `fastify-beryl/asyncapi`. @throws `BERYL_ERR_NOT_RUNNING` before `ready` */
  static described(channels: Channels): DescribedNode {
    const { phase, entrances, options } = channels.#endpoint
    phase.checkSending()
    return { entrances: entrances.contracts, silenceMs: options.heartbeat.timeoutMs }
  }

  /** Where clients connect, as phoenix.js wants it (without `/websocket`), behind the prefix of the scope. */
  get path(): string {
    const { host, options } = this.#endpoint
    return `${host.server.prefix}${options.path}`
  }

  /**
   * Adds a channel, from any plugin, at any time. Entrances that `mount` added with `channels` of their own keep to those.
   *
   * @throws `BERYL_ERR_CHANNEL_DUPLICATE` where its pattern is taken, `BERYL_ERR_CHANNEL_INVALID` for no definition.
   */
  register(definition: ChannelDefinition): void {
    this.#endpoint.router.register(definition)
  }

  /**
   * Sends to all who joined a topic, on all nodes.
   *
   * @throws `BERYL_ERR_ARGUMENT`, `BERYL_ERR_TOPIC_UNMATCHED`, `BERYL_ERR_EVENT_UNDECLARED`, `BERYL_ERR_PAYLOAD_INVALID`
   */
  broadcast<T extends RegisteredTopic, E extends RegisteredEvent<T>>(
    topic: T,
    event: E,
    payload: RegisteredPayload<T, E>,
  ): void {
    this.#endpoint.outbound.broadcast(topic, event, payload)
  }

  /** As {@link broadcast}, to all but one connection, on whichever node that lives. */
  broadcastFrom<T extends RegisteredTopic, E extends RegisteredEvent<T>>(
    connectionId: string,
    topic: T,
    event: E,
    payload: RegisteredPayload<T, E>,
  ): void {
    checkName('channels.broadcastFrom', 'connectionId', connectionId)
    this.#endpoint.outbound.broadcast(topic, event, payload, connectionId)
  }

  /**
   * As {@link broadcast}, of an event that is in the `history` of the topic's channel. Resolves when the log has it, with its position.
   *
   * @param options `id`: where it is in the log already, its first position is given, and nothing is sent again.
   * Rejects as {@link broadcast} throws, and with `BERYL_ERR_HISTORY_UNDECLARED`, `BERYL_ERR_HISTORY_UNAVAILABLE`, `BERYL_ERR_HISTORY_UNKNOWN`.
   */
  publish<T extends RegisteredTopic, E extends RegisteredEvent<T>>(
    topic: T,
    event: E,
    payload: RegisteredPayload<T, E>,
    options?: PublishOptions,
  ): Promise<LogPosition> {
    return this.#endpoint.outbound.publish(topic, event, payload, options)
  }

  /**
   * The past of a topic, as its log has it, and the position of its end.
   *
   * Rejects with `BERYL_ERR_ARGUMENT`, `BERYL_ERR_OPTION_INVALID`, `BERYL_ERR_TOPIC_UNMATCHED`, `BERYL_ERR_HISTORY_UNDECLARED`,
   * and where the log is out of reach.
   */
  history<T extends RegisteredTopic>(topic: T, query?: HistoryQuery): Promise<TopicHistory> {
    return this.#endpoint.outbound.history(topic, query)
  }

  /** Drops the log of a topic, for all nodes: nobody recovers what was in it. Rejects as {@link history} does. */
  forgetHistory<T extends RegisteredTopic>(topic: T): Promise<void> {
    return this.#endpoint.outbound.forgetHistory(topic)
  }

  /** As {@link broadcast}, on this node alone, and never into a log. */
  localBroadcast<T extends RegisteredTopic, E extends RegisteredEvent<T>>(
    topic: T,
    event: E,
    payload: RegisteredPayload<T, E>,
  ): void {
    this.#endpoint.outbound.localBroadcast(topic, event, payload)
  }

  /** Sends to one connection that has joined the topic, on whichever node it lives. Nothing happens where it has not. */
  push<T extends RegisteredTopic, E extends RegisteredEvent<T>>(
    connectionId: string,
    topic: T,
    event: E,
    payload: RegisteredPayload<T, E>,
  ): void {
    checkName('channels.push', 'connectionId', connectionId)
    this.#endpoint.outbound.push(connectionId, topic, event, payload)
  }

  /**
   * Hands a message to channels themselves, as Phoenix's `handle_info` takes it: the handler of `info` runs in the turn of each
   * channel of the topic, or of those that belong to one connection or to one connection topic, on all nodes. Their clients
   * hear nothing of it.
   *
   * @throws `BERYL_ERR_ARGUMENT`, `BERYL_ERR_TOPIC_UNMATCHED`, `BERYL_ERR_INFO_UNDECLARED`, `BERYL_ERR_PAYLOAD_INVALID`;
   *   `BERYL_ERR_OPTION_INVALID` for a `connectionTopic` without that option
   */
  info<T extends RegisteredTopic, E extends RegisteredInfo<T>>(
    target: ChannelTarget<T>,
    event: E,
    payload: RegisteredInfoPayload<T, E>,
  ): void {
    Channels.inform(this, target, event, payload)
  }

  /** @internal As {@link info}, for whoever knows its types otherwise. */
  static inform(channels: Channels, target: ChannelTarget, event: string, payload: unknown): void {
    channels.#endpoint.outbound.info(channels.#target('channels.info', target), event, payload)
  }

  /**
   * Ends channels from outside, on all nodes and at once: their clients get `phx_close`, with the reason if there is one, and
   * stay away. A join that is being decided is refused with `dismissed`. The connections stay.
   *
   * @param reason For `terminate` and the clients: a well-formed string of 1 to 255 bytes.
   * @throws `BERYL_ERR_ARGUMENT`, `BERYL_ERR_TOPIC_UNMATCHED`; `BERYL_ERR_OPTION_INVALID` as {@link info}
   */
  leave<T extends RegisteredTopic>(target: ChannelTarget<T>, reason?: string): void {
    const meant = this.#target('channels.leave', target)
    if (reason !== undefined) checkName('channels.leave', 'reason', reason)
    this.#endpoint.outbound.dismiss(meant, reason)
  }

  #target(call: string, target: unknown): ChannelTarget {
    const wanted = 'an object with topic, and connectionId or connectionTopic'
    const { topic, connectionId, connectionTopic, ...others } =
      readFields(target) ?? refuseArgument(call, 'target', wanted, target)
    const [other] = Object.keys(others)
    if (other !== undefined) refuseArgument(call, `target.${other}`, wanted, other)
    checkName(call, 'target.topic', topic)
    if (connectionId !== undefined) checkName(call, 'target.connectionId', connectionId)
    if (connectionTopic !== undefined) {
      checkName(call, 'target.connectionTopic', connectionTopic)
      if (!this.#endpoint.namesConnections) refuseOption('connectionTopic', NAMING, undefined)
    }
    return { topic, connectionId, connectionTopic }
  }

  /**
   * Closes every connection with this connection topic, on all nodes, with 1001: the clients come back, if let in.
   *
   * @throws `BERYL_ERR_ARGUMENT`; `BERYL_ERR_OPTION_INVALID` without the option `connectionTopic`, which names them
   */
  disconnect(connectionTopic: string): void {
    checkName('channels.disconnect', 'connectionTopic', connectionTopic)
    if (!this.#endpoint.namesConnections) refuseOption('connectionTopic', NAMING, undefined)
    this.#endpoint.openPubSub('disconnect', connectionTopic)?.disconnect(connectionTopic)
  }

  /**
   * Hears what is broadcast on a topic, from all nodes, over all restarts. A listener that throws harms nobody.
   *
   * @returns a function that ends it
   */
  subscribe(topic: string, listener: TopicListener): () => void {
    checkName('channels.subscribe', 'topic', topic)
    checkFunction('channels.subscribe', 'listener', listener)
    return this.#endpoint.listen(topic, listener)
  }

  /** The number of channels of this node that have joined a topic. */
  subscriberCount(topic: string): number {
    checkName('channels.subscriberCount', 'topic', topic)
    return this.#endpoint.pubsub?.subscriberCount(topic) ?? 0
  }

  /** The topics that somebody on this node has joined or listens to. */
  topics(): string[] {
    return this.#endpoint.pubsub?.topics() ?? []
  }

  /** The ids of this node's connections. */
  connections(): string[] {
    return Array.from(this.#endpoint.sessions?.all() ?? [], (session) => session.id)
  }

  /** The work that waits on this node. Looks at every connection: for a scrape of metrics, not for each request. */
  load(): BerylLoad {
    const { sessions, history } = this.#endpoint
    return { ...(sessions?.load ?? IDLE), waitingEntries: history?.waiting ?? 0 }
  }

  /** The state of this node in numbers, for health checks: `state`, connections, channels, and how the pubsub is. */
  status(): BerylStatus {
    const { node, pubsub, sessions, entrances } = this.#endpoint
    return {
      node,
      state: this.#lifecycle.state,
      connections: sessions?.connectionCount ?? 0,
      channels: sessions?.channelCount ?? 0,
      topics: pubsub?.topicCount ?? 0,
      pubsub: pubsub?.report,
      entrances: entrances.status,
      tree: this.#lifecycle.inspect(),
    }
  }

  /**
   * The supervisor of the plugin's tree; the application's own children are those of its child `app`:
   * `supervisor?.which('app')?.which('feed')`. `undefined` while the tree has not started.
   */
  get supervisor(): Supervisor<BerylTree> | undefined {
    return this.#lifecycle.supervisor
  }

  /** Hears what the library reports of itself: see `TelemetryEvents`. @returns a function that ends it */
  onTelemetry<N extends TelemetryName>(name: N, listener: TelemetryListener<N>): () => void {
    if (!isTelemetryName(name)) {
      refuseArgument('channels.onTelemetry', 'name', 'the name of an event of docs/telemetry.md', name)
    }
    checkFunction('channels.onTelemetry', 'listener', listener)
    return this.#endpoint.telemetry.on(name, listener)
  }
}
