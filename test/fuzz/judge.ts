import { clientV1, clientV2, type ServerMessage } from '../../src/client/codec.ts'
import type { Sent, Version } from './messages.ts'
import { understand } from './oracle.ts'

/** A deed of the server that it must not do. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

const REASONS = new Set([
  'unmatched topic',
  'unknown_event',
  'invalid_payload',
  'reserved_event',
  'overloaded',
  'topic_too_long',
  'too many channels joined',
  'join crashed',
  'binary_unsupported',
  'shy',
])

/** The events that the fuzzed application declares to send, and those that the protocol sends unasked. */
const UNASKED = new Set(['said', 'presence_state', 'presence_diff', 'phx_close', 'phx_error'])

/**
 * Holds what one client hears against what it sent: every answer belongs to a message, no message has two answers, and
 * the connection lives as long as the messages are messages.
 */
export class Judge {
  readonly #version: Version
  /** The number of answers that may come for each ref. */
  readonly #open = new Map<string, number>()
  #isDoomed = false
  readonly #heard = new Map<string, number>()

  constructor(version: Version) {
    this.#version = version
  }

  /** True where a frame was sent for which the connection must be closed. */
  get isDoomed(): boolean {
    return this.#isDoomed
  }

  /** Times that each kind of answer was heard: a fuzz that is answered in one way only tests nothing. */
  get heard(): ReadonlyMap<string, number> {
    return this.#heard
  }

  /** True where a message with this ref was answered. */
  hasAnswer(ref: string): boolean {
    return this.#open.get(JSON.stringify(ref)) === 0
  }

  sent(sent: Sent): void {
    if (this.#isDoomed) return
    const understood = understand(sent, this.#version)
    if (understood === undefined || isNoTopic(understood)) this.#isDoomed = true
    else this.#open.set(understood.ref, (this.#open.get(understood.ref) ?? 0) + 1)
  }

  /** @throws {@link Violation} */
  received(payload: Buffer, isBinary: boolean): void {
    const message = this.#decode(payload, isBinary)
    if (message.event !== 'phx_reply') return this.#unasked(message)
    const { status, response } = message.payload as { status: unknown; response: unknown }
    const kind =
      status === 'error' ? String((response as { reason?: unknown } | null)?.reason) : String(status)
    this.#count(kind)
    if (status !== 'ok' && !(status === 'error' && REASONS.has(kind)))
      throw new Violation(`an answer that no one gives: ${payload}`)
    this.#close(JSON.stringify(message.ref), payload)
  }

  /** @throws {@link Violation} where the connection ended in a way that it should not. */
  ended(code: number | undefined): void {
    if (this.#isDoomed && code !== 1007)
      throw new Violation(`a malformed frame was met with ${code}, not 1007`)
    if (!this.#isDoomed && code !== undefined) throw new Violation(`closed with ${code} for nothing`)
  }

  #decode(payload: Buffer, isBinary: boolean): ServerMessage {
    const codec = this.#version === '1.0.0' ? clientV1 : clientV2
    return codec.decode(isBinary ? payload : payload.toString())
  }

  #unasked({ event }: ServerMessage): void {
    if (!UNASKED.has(event)) throw new Violation(`an event that no one declared: ${event}`)
    this.#count(event)
  }

  #close(ref: string, payload: Buffer): void {
    const open = this.#open.get(ref) ?? 0
    if (open === 0) throw new Violation(`an answer too many: ${payload}`)
    this.#open.set(ref, open - 1)
  }

  #count(kind: string): void {
    this.#heard.set(kind, (this.#heard.get(kind) ?? 0) + 1)
  }
}

/** A join of a topic that is an object cannot be answered: the one message that is understood and refused. */
function isNoTopic({ topic, event }: { topic: unknown; event: unknown }): boolean {
  return event === 'phx_join' && typeof topic === 'object' && topic !== null && !Array.isArray(topic)
}
