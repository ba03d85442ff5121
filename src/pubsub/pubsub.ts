import { randomBytes } from 'node:crypto'
import type { Probe, Telemetry } from '../ground/telemetry.ts'
import type { Lane } from '../replication/lane.ts'
import { Exit } from '../supervision/exit.ts'
import type { ExitReason } from '../supervision/exit-reason.ts'
import type { MaybePromise, Process } from '../supervision/process.ts'
import type { AdapterStatus } from './adapter.ts'
import { Arrivals, type NodeInbox } from './arrivals.ts'
import { Broadcast, type Subscriber } from './broadcast.ts'
import type { TopicWaiter } from './confirmation.ts'
import { type AdapterDoor, AdapterLink, type PubSubReport } from './door.ts'
import { Hearing } from './hearing.ts'
import { Lanes } from './lanes.ts'
import type { TopicListener } from './listeners.ts'
import type { LoggedBroadcast } from './logged.ts'
import { CONTROL, nodeTopic, Sender, topicTopic } from './sender.ts'
import { TopicSubscribers } from './subscribers.ts'
import { type ChannelTarget, namesConnections } from './target.ts'

/** Is told what becomes of the pubsub. */
export interface PubSubWatcher {
  /** Nobody on this node hears the topic any more. */
  unheard(topic: string): void
  /** The adapter is up, or hears more topics than before. */
  up(): void
}

/** A name for a node, unique over all nodes and starts. */
export function makeNodeName(): string {
  return randomBytes(9).toString('base64url')
}

/**
 * The subscribers of all topics on this node, and the way to the other nodes. A process of the tree: when it crashes, all that
 * stands on it is started again too.
 */
export class PubSub implements Process {
  readonly node: string
  readonly #exit = new Exit()
  readonly exited = this.#exit.exited
  readonly #door: AdapterDoor
  readonly #link: AdapterLink
  readonly #sender: Sender
  readonly #hearing: Hearing
  readonly #lanes: Lanes
  readonly #arrivals: Arrivals
  readonly #inbox: NodeInbox
  readonly #telemetry: Telemetry
  readonly #sent: Probe<'broadcast.sent'>
  readonly #topics = new Map<string, TopicSubscribers>()
  #isOpen = true
  #watcher: PubSubWatcher | undefined
  #told: AdapterStatus | undefined

  constructor(node: string, door: AdapterDoor, inbox: NodeInbox, telemetry: Telemetry) {
    this.node = node
    this.#door = door
    this.#link = new AdapterLink(door)
    this.#sender = new Sender(node, door, this.#link, telemetry)
    this.#hearing = new Hearing(door, this.#link, telemetry, {
      topics: [CONTROL, nodeTopic(node)],
      refused: (error) => this.#isOpen && this.#end({ error }),
    })
    this.#lanes = new Lanes(this.#sender)
    this.#arrivals = new Arrivals(this, { inbox, lanes: this.#lanes, door, telemetry })
    this.#inbox = inbox
    this.#telemetry = telemetry
    this.#sent = telemetry.probe('broadcast.sent')
  }

  /**
   * Starts the adapter. Synchronous where that is.
   *
   * @param signal Aborted where the start is given up on: the adapter is stopped then, whatever comes of it.
   */
  start(signal?: AbortSignal): MaybePromise<this> {
    const pending = this.#connect()
    if (pending === undefined) return this
    const giveUp = (): void => void this.#close()
    signal?.addEventListener('abort', giveUp, { once: true })
    return pending.then(
      () => {
        signal?.removeEventListener('abort', giveUp)
        return this
      },
      (error) => this.#startFailed(error),
    )
  }

  #connect(): undefined | Promise<unknown> {
    try {
      const starting = this.#link.start(this.node, {
        arrived: (bytes) => this.#arrivals.take(bytes),
        changed: (status, error) => this.#statusChanged(status, error),
      })
      return starting === undefined ? this.#hearing.attend() : starting.then(() => this.#hearing.attend())
    } catch (error) {
      return this.#startFailed(error)
    }
  }

  #startFailed(error: unknown): never {
    void this.#close()
    throw error
  }

  #statusChanged(status: AdapterStatus, error: unknown): void {
    const { name, counts } = this.#door
    if (status !== this.#told) this.#door.since = this.#door.clock.date()
    this.#told = status
    this.#telemetry.emit('pubsub.status', counts, { adapter: name, status, error })
    if (status !== 'up') this.#hearing.giveUp()
    if (status === 'down') return
    this.#watcher?.up()
    this.#hearing.attendAgain()
    for (const [topic, subscribers] of this.#topics)
      if (subscribers.isRefused) this.#hearing.ask(topicTopic(topic), subscribers)
  }

  shutdown(reason: ExitReason): void {
    this.#isOpen = false
    const stopping = this.#close()
    if (stopping instanceof Promise) void stopping.then((failure) => this.#exit.end(failure ?? reason))
    else this.#exit.end(stopping ?? reason)
  }

  kill(): void {
    this.#end('killed')
  }

  #end(reason: ExitReason): void {
    this.#isOpen = false
    void this.#close()
    this.#exit.end(reason)
  }

  #close(): ReturnType<AdapterLink['close']> {
    this.#hearing.end()
    return this.#link.close()
  }

  /** False from the moment on in which it was asked to end: what it is given then goes nowhere. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Tells somebody when topics are heard no more, and when the adapter is up again. */
  watch(watcher: PubSubWatcher): void {
    this.#watcher = watcher
  }

  get status(): AdapterStatus {
    return this.#door.status
  }

  /** The way to the other nodes, for people. */
  get report(): PubSubReport {
    return this.#door.report
  }

  // Topics

  /**
   * @returns true where the adapter needs time: then `waiter` is told, after 2 s in any case. A broadcast of another node
   *   that is made after it was told arrives. While the adapter is down nobody has to wait.
   */
  subscribe(topic: string, subscriber: Subscriber, waiter: TopicWaiter): boolean {
    const subscribers = this.#interested(topic)
    subscribers.add(subscriber)
    return this.#hearing.joined(subscribers, waiter)
  }

  unsubscribe(topic: string, subscriber: Subscriber): void {
    const subscribers = this.#topics.get(topic)
    // An adapter that ends a client while it is asked must not have the topic forgotten before the client is among them.
    if (subscribers?.remove(subscriber) && subscribers.isEmpty) this.#forget(topic)
  }

  /** Calls `listener` for what any node broadcasts on a topic. The returned function ends that. */
  listen(topic: string, listener: TopicListener): () => void {
    // Wrapped: the same function may listen twice.
    const own: TopicListener = (message) => listener(message)
    const subscribers = this.#interested(topic)
    subscribers.listen(own)
    return () => {
      subscribers.unlisten(own)
      if (subscribers.isEmpty && this.#topics.get(topic) === subscribers) this.#forget(topic)
    }
  }

  /**
   * Sends to all subscribers of a topic on all nodes, but `except`: a subscriber of this node, or the id of a connection
   * on any.
   *
   * @throws where the payload is no JSON; then nobody got anything.
   */
  broadcast(topic: string, event: string, payload: unknown, except?: Subscriber | string): void {
    if (this.#door.isSolo) return this.localBroadcast(topic, event, payload, except)
    const broadcast = new Broadcast(topic, event, payload)
    const connectionId = typeof except === 'string' ? except : undefined
    const { content } = broadcast
    this.#sender.send(topicTopic(topic), 'broadcast', { topic, event, payload: content, connectionId })
    this.#deliver(broadcast, except)
  }

  /** As {@link broadcast}, to the subscribers of this node alone. */
  localBroadcast(topic: string, event: string, payload: unknown, except?: Subscriber | string): void {
    if (this.#topics.has(topic)) this.#deliver(new Broadcast(topic, event, payload), except)
  }

  /** Delivers an entry of a log to the subscribers of this node. */
  deliverEntry(entry: LoggedBroadcast): void {
    this.#deliver(entry, entry.except)
    if (entry.except !== undefined) this.#topics.get(entry.topic)?.passBy(entry, entry.except)
  }

  /** True where somebody on this node hears a topic. */
  hears(topic: string): boolean {
    return this.#topics.has(topic)
  }

  #deliver(broadcast: Broadcast, except: Subscriber | string | undefined): void {
    const { topic, event } = broadcast
    const subscribers = this.#topics.get(topic)
    if (subscribers === undefined) return
    subscribers.deliver(broadcast, except)
    subscribers.notify(broadcast, (error) => this.#telemetry.emit('listener.failed', {}, { topic, error }))
    // Behind the listeners: who hears of it may broadcast the next.
    if (this.#sent.isHeard) this.#sent.emit({ subscribers: subscribers.size }, { topic, event })
    if (broadcast.skipped > 0) {
      this.#telemetry.emit(
        'broadcast.skipped',
        { subscribers: broadcast.skipped },
        { topic, event, version: '1.0.0' },
      )
    }
  }

  /** The number of channels of this node that are subscribed to a topic. */
  subscriberCount(topic: string): number {
    return this.#topics.get(topic)?.size ?? 0
  }

  /** The connections of the channels of this node that are subscribed to a topic. */
  connections(topic: string): string[] {
    return this.#topics.get(topic)?.connections ?? []
  }

  /** The topics that somebody on this node hears. */
  topics(): string[] {
    return [...this.#topics.keys()]
  }

  get topicCount(): number {
    return this.#topics.size
  }

  // Nodes

  /** Pushes to one connection, on whichever node it lives. */
  push(node: string, connectionId: string, topic: string, event: string, payload: unknown): void {
    if (node === this.node) return this.#inbox.push(connectionId, topic, event, payload)
    this.#sender.send(nodeTopic(node), 'push', { topic, event, payload, connectionId })
  }

  /** Closes the connections with this topic, on all nodes. */
  disconnect(connectionTopic: string): void {
    this.#sender.send(CONTROL, 'disconnect', { topic: connectionTopic })
    this.#inbox.disconnect(connectionTopic)
  }

  /**
   * Hands an info to the channels of a target, on all nodes, or on the one that is given.
   *
   * @throws where the payload is no JSON; then nobody got anything.
   */
  inform(target: ChannelTarget, event: string, payload: unknown, node?: string): void {
    const info = new Broadcast(target.topic, event, payload)
    if (node !== this.node)
      this.#sender.send(node === undefined ? topicTopic(target.topic) : nodeTopic(node), 'info', {
        ...target,
        event,
        payload: info.content,
      })
    this.localInform(info, target)
  }

  /** As {@link inform}, to the channels of this node alone. */
  localInform(info: Broadcast, target: ChannelTarget): void {
    if (namesConnections(target)) this.#inbox.inform(info, target)
    else this.#topics.get(target.topic)?.inform(info)
  }

  /** @throws `BERYL_ERR_MESSAGE_TOO_LONG` where an entry of a topic's log is more than the adapter carries */
  checkLength(topic: string, bytes: number): void {
    this.#sender.checkLength(topicTopic(topic), bytes)
  }

  /** Ends the channels of a target, on all nodes, or on the one that is given. */
  dismiss(target: ChannelTarget, reason: string | undefined, node?: string): void {
    const to = node === undefined ? CONTROL : nodeTopic(node)
    if (node !== this.node) this.#sender.send(to, 'dismissal', { ...target, event: reason ?? '' })
    this.#inbox.dismiss(target, reason)
  }

  /** A way for a replicated process to talk to its own kind on the other nodes. Lossy, like everything here. */
  lane(name: string): Lane {
    return this.#lanes.open(name)
  }

  #interested(topic: string): TopicSubscribers {
    let subscribers = this.#topics.get(topic)
    if (subscribers === undefined) {
      subscribers = new TopicSubscribers()
      this.#topics.set(topic, subscribers)
      this.#hearing.ask(topicTopic(topic), subscribers)
    } else if (subscribers.isRefused) this.#hearing.ask(topicTopic(topic), subscribers)
    return subscribers
  }

  #forget(topic: string): void {
    this.#topics.delete(topic)
    this.#watcher?.unheard(topic)
    this.#hearing.forget(topicTopic(topic))
  }
}
