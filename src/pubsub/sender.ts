import { randomInt } from 'node:crypto'
import { berylError } from '../ground/errors.ts'
import type { Telemetry } from '../ground/telemetry.ts'
import type { AdapterDoor, AdapterLink } from './door.ts'
import { type EnvelopeKind, encodeEnvelope, RUNS } from './envelope.ts'

/** The topic of the engine on which all nodes listen: disconnects, groups, and what lanes send to all. */
export const CONTROL = 'control'

/** The topic of the engine for a topic of channels. */
export function topicTopic(topic: string): string {
  return `topic:${topic}`
}

/** The topic of the engine on which one node listens. */
export function nodeTopic(node: string): string {
  return `node:${node}`
}

export interface Content {
  readonly topic: string
  readonly event?: string
  readonly payload?: unknown
  readonly connectionId?: string | undefined
  readonly connectionTopic?: string | undefined
}

/** Writes the envelopes of one start of a node, and hands them to the adapter. */
export class Sender {
  readonly node: string
  readonly #door: AdapterDoor
  readonly #link: AdapterLink
  readonly #telemetry: Telemetry
  /** Names this start: the other nodes remember the sequence of the former one, which began at 0 too. */
  readonly #run = randomInt(RUNS)
  #sequence = 0

  constructor(node: string, door: AdapterDoor, link: AdapterLink, telemetry: Telemetry) {
    this.node = node
    this.#door = door
    this.#link = link
    this.#telemetry = telemetry
  }

  /** True where there are no other nodes. */
  get isSolo(): boolean {
    return this.#door.isSolo
  }

  /** @throws `BERYL_ERR_PAYLOAD_INVALID` where the payload is no JSON, `BERYL_ERR_MESSAGE_TOO_LONG`; nothing is sent then */
  send(to: string, kind: EnvelopeKind, { event = '', ...content }: Content): void {
    if (this.isSolo) return
    const { node } = this
    const [run, sequence] = [this.#run, ++this.#sequence]
    const { topic, payload, connectionId, connectionTopic } = content
    const bytes = encodeEnvelope({
      kind,
      node,
      run,
      sequence,
      topic,
      event,
      payload,
      connectionId,
      connectionTopic,
    })
    this.checkLength(to, bytes.length)
    this.#link.publish(to, bytes)
  }

  /** @throws `BERYL_ERR_MESSAGE_TOO_LONG` for what the adapter does not carry */
  checkLength(to: string, bytes: number): void {
    if (bytes > this.#door.maxMessageBytes) throw this.#tooLong(to, bytes)
  }

  #tooLong(to: string, bytes: number): Error {
    const { name, maxMessageBytes } = this.#door
    const limit = 'pubsub.maxMessageBytes'
    this.#telemetry.emit('limit.reached', {}, { limit })
    return berylError('BERYL_ERR_MESSAGE_TOO_LONG', to, bytes, limit, maxMessageBytes, name)
  }
}
