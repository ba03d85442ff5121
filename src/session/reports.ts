import type { Connection } from '../channel/connection.ts'
import type { TerminateReason } from '../channel/infer.ts'
import type { PendingTopic } from '../channel/outlet.ts'
import type { Clock } from '../ground/clock.ts'
import { show } from '../ground/errors.ts'
import type { ReplyReason } from '../ground/refusals.ts'
import type { JoinOutcome, LimitName, Probe, RenewOutcome, Telemetry } from '../ground/telemetry.ts'
import type { Message } from '../protocol/message.ts'
import { Arrival } from './arrival.ts'

/** The demands of reports on the tree. */
export interface ReportsRuntime {
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly received: Probe<'message.received'>
  readonly handled: Probe<'message.handled'>
}

/**
 * The reports of one client to telemetry: nothing here decides, and nothing here reaches the client. A class to extend, not
 * a part to hold: a connection pays for no object of it.
 */
export abstract class Reports<R extends ReportsRuntime> {
  /** One field for all that extend it. */
  protected readonly runtime: R
  #connection: Connection | Arrival

  constructor(runtime: R, connection: Connection | Arrival) {
    this.runtime = runtime
    this.#connection = connection
  }

  /** The connection of now: a renewal makes a new one. */
  get connection(): Connection {
    if (this.#connection instanceof Arrival) this.#connection = this.#connection.introduced
    return this.#connection
  }

  /** Wall-clock milliseconds. */
  get connectedAt(): number {
    return this.#connection.connectedAt
  }

  get id(): string {
    return this.#connection.id
  }

  renewed(connection: Connection): void {
    this.#connection = connection
  }

  renewalDecided(askedAt: number, outcome: RenewOutcome, error?: unknown): void {
    const durationMs = this.runtime.clock.now() - askedAt
    const metadata = { connectionId: this.id, outcome, error }
    this.runtime.telemetry.emit('connection.renew', { durationMs }, metadata)
  }

  /**
   * The connection broke, or the client broke the rules of WebSocket. Its end follows.
   *
   * @param limit The limit that its frames reached, where that is the reason.
   */
  failed(error: unknown, limit?: LimitName): void {
    if (limit !== undefined) this.limitReached(limit)
    this.runtime.telemetry.emit('connection.error', {}, { connectionId: this.id, error })
  }

  limitReached(limit: LimitName): void {
    this.runtime.telemetry.emit('limit.reached', {}, { limit, connectionId: this.id })
  }

  crashed(topic: string, event: string, error: unknown): void {
    this.runtime.telemetry.emit('channel.crash', {}, { connectionId: this.id, topic, event, error })
  }

  checkFailed(topic: string, event: string, error: unknown): void {
    this.runtime.telemetry.emit('check.failed', {}, { connectionId: this.id, topic, event, error })
  }

  refused(topic: unknown, event: unknown, reason: ReplyReason): void {
    const limit = LIMIT_BEHIND[reason]
    if (limit !== undefined) this.limitReached(limit)
    const metadata = { connectionId: this.id, topic: asText(topic), event: asText(event), reason }
    this.runtime.telemetry.emit('message.refused', {}, metadata)
  }

  measuring(): number | undefined {
    return this.runtime.handled.isHeard ? this.runtime.clock.now() : undefined
  }

  handled(topic: string, event: string, startedAt: number): void {
    const durationMs = this.runtime.clock.now() - startedAt
    this.runtime.handled.emit({ durationMs }, { connectionId: this.id, topic, event })
  }

  protected received({ topic, event }: Message): void {
    const metadata = { connectionId: this.id, topic: asText(topic), event: asText(event) }
    this.runtime.received.emit({}, metadata)
  }

  protected joinDecided({ topic, askedAt }: PendingTopic, outcome: JoinOutcome, error?: unknown): void {
    const durationMs = this.runtime.clock.now() - askedAt
    const metadata = { connectionId: this.id, topic, outcome, error }
    this.runtime.telemetry.emit('channel.join', { durationMs }, metadata)
  }

  protected channelEnded(topic: string, kind: TerminateReason['kind']): void {
    this.runtime.telemetry.emit('channel.end', {}, { connectionId: this.id, topic, kind })
  }
}

/** The limits that are told to the client by a reason of their own. Rates have one in common. */
const LIMIT_BEHIND: { readonly [reason in ReplyReason]?: LimitName } = {
  overloaded: 'limits.mailbox',
  topic_too_long: 'limits.topicBytes',
  'too many channels joined': 'limits.channelsPerConnection',
}

/** A client's word, for people. What is no string may be an object whose own `toString` is none. */
function asText(value: unknown): string {
  return typeof value === 'string' ? value : show(value)
}
