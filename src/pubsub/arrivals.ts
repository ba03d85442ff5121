import { isUint8Array } from 'node:util/types'
import type { Telemetry } from '../ground/telemetry.ts'
import { Broadcast } from './broadcast.ts'
import type { AdapterDoor } from './door.ts'
import { decodeEnvelope, type Envelope, isNewer } from './envelope.ts'
import type { Lanes } from './lanes.ts'
import type { ChannelTarget } from './target.ts'

/** Arrivals for this node as such, not for the subscribers of a topic. What was sent elsewhere is JSON text or bytes. */
export interface NodeInbox {
  push(connectionId: string, topic: string, event: string, payload: unknown): void
  disconnect(connectionTopic: string): void
  /** For all topics of a group that somebody on this node has joined. */
  group(name: string, event: string, payload: unknown): void
  /** Hands an info to the channels of a target that names their connections. */
  inform(info: Broadcast, target: ChannelTarget): void
  /** Ends the channels of a target, and the joins that are being decided. */
  dismiss(target: ChannelTarget, reason: string | undefined): void
  /** @throws where the channel of the topic takes no such info: nodes of two versions may differ */
  checkInfo(info: Broadcast): void
}

/** The topics of this node, as arrivals reach them. */
export interface LocalTopics {
  readonly node: string
  hears(topic: string): boolean
  localBroadcast(topic: string, event: string, payload: unknown, except?: string): void
  localInform(info: Broadcast, target: ChannelTarget): void
}

interface ArrivalsInit {
  readonly inbox: NodeInbox
  readonly lanes: Lanes
  readonly door: AdapterDoor
  readonly telemetry: Telemetry
}

/** The envelopes of the other nodes: each is opened once, and handed to the one whom it is for. */
export class Arrivals {
  readonly #topics: LocalTopics
  readonly #inbox: NodeInbox
  readonly #lanes: Lanes
  readonly #door: AdapterDoor
  readonly #telemetry: Telemetry

  constructor(topics: LocalTopics, { inbox, lanes, door, telemetry }: ArrivalsInit) {
    this.#topics = topics
    this.#inbox = inbox
    this.#lanes = lanes
    this.#door = door
    this.#telemetry = telemetry
  }

  /** Takes the bytes of one envelope. Never throws. */
  take(bytes: Uint8Array): void {
    if (isUint8Array(bytes) && this.#door.isTooLong(bytes.length))
      return this.#ignored('longer than the adapter carries')
    const envelope = decodeEnvelope(bytes)
    if (envelope === undefined) return this.#ignored(isNewer(bytes) ? 'of a newer version' : 'not understood')
    if (envelope.node === this.#topics.node) return
    if (!this.#door.seen.first(envelope.run, envelope.sequence)) return this.#ignored('seen before')
    try {
      this.#open(envelope)
    } catch (error) {
      // A payload from elsewhere that cannot be encoded here: the adapter, which called, must not hear of it.
      this.#telemetry.emit('listener.failed', {}, { topic: envelope.topic, error })
    }
  }

  #open(envelope: Envelope): void {
    const { kind, node, topic, event, connectionId, payload } = envelope
    switch (kind) {
      case 'broadcast':
        return this.#topics.localBroadcast(topic, event, payload, connectionId)
      case 'push':
        return this.#inbox.push(connectionId ?? '', topic, event, payload)
      case 'disconnect':
        return this.#inbox.disconnect(topic)
      case 'group':
        return this.#inbox.group(topic, event, payload)
      case 'info':
        return this.#inform(new Broadcast(topic, event, payload), envelope)
      case 'dismissal':
        return this.#inbox.dismiss(envelope, event === '' ? undefined : event)
      case 'lane':
        if (isUint8Array(payload)) this.#lanes.take(topic, node, payload)
        return
      default:
        kind satisfies never
    }
  }

  #inform(info: Broadcast, target: ChannelTarget): void {
    if (!this.#topics.hears(target.topic)) return
    this.#inbox.checkInfo(info)
    this.#topics.localInform(info, target)
  }

  #ignored(reason: string): void {
    this.#telemetry.emit('pubsub.ignored', { envelopes: 1 }, { reason })
  }
}
