import { randomBytes } from 'node:crypto'
import type { ExitReason } from '../supervision/exit-reason.ts'
import type { Process } from '../supervision/process.ts'
import type { Probe, Telemetry } from '../telemetry.ts'
import type { AdapterStatus, PubSubAdapter } from './adapter.ts'
import { Broadcast, type Subscriber } from './broadcast.ts'
import { decodeEnvelope, type Envelope, type EnvelopeKind, encodeEnvelope } from './envelope.ts'
import { Seen } from './seen.ts'
import { type TopicListener, TopicSubscribers } from './subscribers.ts'

/** What arrives for this node as such, not for the subscribers of a topic. */
export interface NodeInbox {
  push(connectionId: string, topic: string, event: string, payload: unknown): void
  disconnect(connectionTopic: string): void
}

/** Takes the bytes that another node sent on a lane. */
type LaneListener = (from: string, bytes: Uint8Array) => void

/** Where all nodes listen: disconnects, and what lanes send to all. */
const CONTROL = 'control'

/** A name for a node, unique over all nodes and starts. */
export function makeNodeName(): string {
  return randomBytes(9).toString('base64url')
}

/**
 * Who on this node hears which topic, and the way to the other nodes. A process of the tree: when it crashes, all that
 * stands on it is started again too.
 */
export class PubSub implements Process {
  readonly node: string
  readonly exited: Promise<ExitReason>
  readonly #adapter: PubSubAdapter
  readonly #inbox: NodeInbox
  readonly #telemetry: Telemetry
  readonly #sent: Probe<'broadcast.sent'>
  readonly #topics = new Map<string, TopicSubscribers>()
  readonly #lanes = new Map<string, LaneListener>()
  readonly #seen = new Seen()
  #sequence = 0
  #exit: (reason: ExitReason) => void = () => {}

  constructor(node: string, adapter: PubSubAdapter, inbox: NodeInbox, telemetry: Telemetry) {
    this.node = node
    this.#adapter = adapter
    this.#inbox = inbox
    this.#telemetry = telemetry
    this.#sent = telemetry.probe('broadcast.sent')
    this.exited = new Promise((resolve) => {
      this.#exit = resolve
    })
  }

  async start(): Promise<this> {
    const { name } = this.#adapter
    await this.#adapter.start(
      this.node,
      (_topic, bytes) => this.#arrived(bytes),
      (status, error) => this.#telemetry.emit('pubsub.status', {}, { adapter: name, status, error }),
    )
    await Promise.all([this.#adapter.subscribe(CONTROL), this.#adapter.subscribe(nodeTopic(this.node))])
    return this
  }

  shutdown(reason: ExitReason): void {
    Promise.resolve(this.#adapter.stop()).then(
      () => this.#exit(reason),
      (error) => this.#exit({ error }),
    )
  }

  kill(): void {
    Promise.resolve(this.#adapter.stop()).catch(() => {})
    this.#exit('killed')
  }

  get status(): AdapterStatus {
    return this.#adapter.status
  }

  // Topics

  /** Gives a promise where the adapter needs time: a broadcast of another node that is made after it resolved arrives. */
  subscribe(topic: string, subscriber: Subscriber): undefined | Promise<void> {
    const { subscribers, ready } = this.#interested(topic)
    subscribers.add(subscriber)
    return ready
  }

  unsubscribe(topic: string, subscriber: Subscriber): void {
    const subscribers = this.#topics.get(topic)
    subscribers?.remove(subscriber)
    if (subscribers?.isEmpty) this.#forget(topic)
  }

  /** Calls `listener` for what any node broadcasts on a topic. The returned function ends that. */
  listen(topic: string, listener: TopicListener): () => void {
    // Wrapped: the same function may listen twice.
    const own: TopicListener = (message) => listener(message)
    const { subscribers } = this.#interested(topic)
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
    const connectionId = typeof except === 'string' ? except : undefined
    this.#publish(topicTopic(topic), 'broadcast', { topic, event, payload, connectionId })
    this.localBroadcast(topic, event, payload, except)
  }

  /** As {@link broadcast}, to the subscribers of this node alone. */
  localBroadcast(topic: string, event: string, payload: unknown, except?: Subscriber | string): void {
    const subscribers = this.#topics.get(topic)
    if (subscribers === undefined) return
    const broadcast = new Broadcast(topic, event, payload)
    subscribers.deliver(broadcast, except)
    if (this.#sent.isHeard) this.#sent.emit({ subscribers: subscribers.size }, { topic, event })
    if (broadcast.skipped > 0) {
      this.#telemetry.emit(
        'broadcast.skipped',
        { subscribers: broadcast.skipped },
        { topic, event, version: '1.0.0' },
      )
    }
    subscribers.notify(broadcast, (error) => this.#telemetry.emit('listener.failed', {}, { topic, error }))
  }

  /** How many channels of this node are subscribed to a topic. */
  subscriberCount(topic: string): number {
    return this.#topics.get(topic)?.size ?? 0
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
    this.#publish(nodeTopic(node), 'push', { topic, event, payload, connectionId })
  }

  /** Closes the connections with this topic, on all nodes. */
  disconnect(connectionTopic: string): void {
    this.#publish(CONTROL, 'disconnect', { topic: connectionTopic })
    this.#inbox.disconnect(connectionTopic)
  }

  /** A way for a replicated process to talk to its own kind on the other nodes. Lossy, like everything here. */
  lane(name: string): PubSubLane {
    return {
      node: this.node,
      publish: (bytes) => this.#publish(CONTROL, 'lane', { topic: name, payload: bytes }),
      send: (node, bytes) => this.#publish(nodeTopic(node), 'lane', { topic: name, payload: bytes }),
      listen: (listener) => {
        this.#lanes.set(name, listener)
        return () => {
          if (this.#lanes.get(name) === listener) this.#lanes.delete(name)
        }
      },
    }
  }

  #interested(topic: string): { subscribers: TopicSubscribers; ready: undefined | Promise<void> } {
    const known = this.#topics.get(topic)
    if (known !== undefined) return { subscribers: known, ready: known.ready }
    const ready = this.#adapter.subscribe(topicTopic(topic)) ?? undefined
    const subscribers = new TopicSubscribers(ready)
    this.#topics.set(topic, subscribers)
    return { subscribers, ready }
  }

  #forget(topic: string): void {
    this.#topics.delete(topic)
    this.#adapter.unsubscribe(topicTopic(topic))
  }

  #publish(to: string, kind: EnvelopeKind, content: Content): void {
    if (this.#adapter.isSolo) return
    const { topic, event = '', payload, connectionId } = content
    const sequence = ++this.#sequence
    this.#adapter.publish(
      to,
      encodeEnvelope({ kind, node: this.node, sequence, topic, event, payload, connectionId }),
    )
  }

  #arrived(bytes: Uint8Array): void {
    const envelope = decodeEnvelope(bytes)
    if (envelope === undefined) return this.#dropped('not understood')
    if (envelope.node === this.node) return
    if (!this.#seen.first(envelope.node, envelope.sequence)) return this.#dropped('seen before')
    this.#take(envelope)
  }

  #take({ kind, node, topic, event, connectionId, payload }: Envelope): void {
    switch (kind) {
      case 'broadcast':
        return this.localBroadcast(topic, event, payload, connectionId)
      case 'push':
        return this.#inbox.push(connectionId ?? '', topic, event, payload)
      case 'disconnect':
        return this.#inbox.disconnect(topic)
      case 'lane':
        if (payload instanceof Uint8Array) this.#lanes.get(topic)?.(node, payload)
        return
      default:
        kind satisfies never
    }
  }

  #dropped(reason: string): void {
    this.#telemetry.emit('pubsub.dropped', { envelopes: 1 }, { reason })
  }
}

/** See `presence/lane.ts`, which is the contract that this keeps. */
export interface PubSubLane {
  readonly node: string
  publish(bytes: Uint8Array): void
  send(node: string, bytes: Uint8Array): void
  listen(listener: LaneListener): () => void
}

interface Content {
  readonly topic: string
  readonly event?: string
  readonly payload?: unknown
  readonly connectionId?: string | undefined
}

function topicTopic(topic: string): string {
  return `topic:${topic}`
}

function nodeTopic(node: string): string {
  return `node:${node}`
}
