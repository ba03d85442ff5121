import { type Channel, channel as diagnosticsChannel } from 'node:diagnostics_channel'
import { promised } from './foreign.ts'

/**
 * Everything that the library reports: name → measurements (numbers, with their unit in the name) and metadata.
 * Nothing is logged but by a listener of these events (`logger.ts`). `docs/telemetry.md` explains each one.
 */
export interface TelemetryEvents {
  'tree.state': { measurements: object; metadata: { state: TreeState; error?: unknown } }
  'supervisor.event': { measurements: object; metadata: ReportedEvent }
  'presence.event': { measurements: object; metadata: ReportedEvent }
  'groups.event': { measurements: object; metadata: ReportedEvent }
  'connection.open': {
    measurements: object
    metadata: {
      connectionId: string
      ip: string
      version: string
      transport: 'websocket' | 'longpoll' | 'test'
    }
  }
  /** With what was wanted and what came, where the request or the grant is the reason; of a page, its `Origin` and the host that it asked for. */
  'connection.refused': {
    measurements: object
    metadata: {
      ip: string
      reason: string
      statusCode: number
      origin?: string
      host?: string
      wanted?: string
      got?: string
    }
  }
  'connection.close': {
    measurements: { durationMs: number; receivedBytes: number; sentBytes: number }
    metadata: { connectionId: string; code: number; reason: string }
  }
  /** A client showed a new token, and it was decided upon. */
  'connection.renew': {
    measurements: { durationMs: number }
    metadata: { connectionId: string; outcome: RenewOutcome; error?: unknown }
  }
  'connection.malformed': {
    measurements: { bytes: number }
    metadata: { connectionId: string; reason: string }
  }
  /** The library failed while it handled a message: a bug. The connection is closed with 1011. */
  'connection.crash': { measurements: object; metadata: { connectionId: string; error: unknown } }
  'connection.error': { measurements: object; metadata: { connectionId: string; error: unknown } }
  'channel.join': {
    measurements: { durationMs: number }
    metadata: { connectionId: string; topic: string; outcome: JoinOutcome; error?: unknown }
  }
  'channel.end': { measurements: object; metadata: { connectionId: string; topic: string; kind: string } }
  'channel.crash': {
    measurements: object
    metadata: { connectionId: string; topic: string; event: string; error: unknown }
  }
  /** A check of a schema (`Type.Refine`) threw. The payload was refused as one that does not fit. */
  'check.failed': {
    measurements: object
    metadata: { connectionId: string; topic: string; event: string; error: unknown }
  }
  /** A message to a joined channel came in. On the hot path: see {@link Probe.isHeard}. */
  'message.received': {
    measurements: object
    metadata: { connectionId: string; topic: string; event: string }
  }
  /** A handler is done: it returned, or its promise settled. On the hot path. */
  'message.handled': {
    measurements: { durationMs: number }
    metadata: { connectionId: string; topic: string; event: string }
  }
  'message.refused': {
    measurements: object
    metadata: { connectionId: string; topic: string; event: string; reason: string }
  }
  /** A limit of the options was reached: by a connection, an address, or the server as a whole. */
  'limit.reached': {
    measurements: object
    metadata: { limit: LimitName; connectionId?: string; ip?: string }
  }
  /** A broadcast went to the subscribers of this node. On the hot path. */
  'broadcast.sent': { measurements: { subscribers: number }; metadata: { topic: string; event: string } }
  /** The application sent something during a restart of the pubsub, when there was nobody to carry it. */
  'send.dropped': {
    measurements: { messages: number }
    metadata: { call: 'broadcast' | 'push' | 'disconnect' | 'info' | 'leave'; topic: string }
  }
  'broadcast.skipped': {
    measurements: { subscribers: number }
    metadata: { topic: string; event: string; version: string }
  }
  'listener.failed': { measurements: object; metadata: { topic: string; error: unknown } }
  /** With what the adapter has counted so far. */
  'pubsub.status': {
    measurements: { dropped: number; resubscribed: number; refused: number; roundTripMs: number | undefined }
    metadata: { adapter: string; status: 'up' | 'partial' | 'down'; error?: unknown }
  }
  /** A call of the adapter threw or rejected; told once, until that call works again. */
  'pubsub.failed': {
    measurements: object
    metadata: { adapter: string; call: AdapterCall; error: unknown }
  }
  /** Joins were answered before the adapter had confirmed their topic: it is down, or took too long. */
  'pubsub.unconfirmed': { measurements: { joins: number }; metadata: { adapter: string } }
  'pubsub.ignored': { measurements: { envelopes: number }; metadata: { reason: string } }
  /** An entry is in the log of a topic. On the hot path. */
  'history.appended': { measurements: { durationMs: number }; metadata: { topic: string; event: string } }
  /** The log of a topic was read: once for a node, whoever asks. */
  'history.read': { measurements: { durationMs: number; entries: number }; metadata: { topic: string } }
  /** A client came back with its position: with all that it missed, or why not. */
  'history.resumed': {
    measurements: { entries: number }
    metadata: { connectionId: string; topic: string; outcome: ResumeOutcome }
  }
  /** Entries of a topic are gone that its subscribers should have had. So many channels were told to join again. */
  'history.gap': { measurements: { channels: number }; metadata: { topic: string } }
  /** A broadcast is not in the log, and nobody got it. */
  'history.dropped': { measurements: { entries: number }; metadata: { topic: string; error: unknown } }
  /** A listener of telemetry threw, or its promise rejected, and is not called any more. */
  'telemetry.failed': { measurements: object; metadata: { name: string; error: unknown } }
}

/** An event of a part that has its own union of them: see `SupervisorEvent`, `PresenceEvent`, `GroupsEvent`. */
export interface ReportedEvent {
  readonly type: string
}

export type TreeState = 'starting' | 'running' | 'degraded' | 'draining' | 'stopped' | 'failed'

/** Calls that may fail without an end of the pubsub. (A `start` that fails is a start that failed.) `listen` is of its log. */
export type AdapterCall = 'stop' | 'publish' | 'subscribe' | 'unsubscribe' | 'status' | 'isDeaf' | 'listen'

export type JoinOutcome =
  | 'ok'
  | 'rejected'
  | 'invalid_payload'
  | 'crashed'
  | 'timeout'
  | 'overloaded'
  | 'refused'

/**
 * `recovered`, or why not: the token is not ours, the epoch is over, the entries are gone, it never was there, by order, or the
 * log was out of reach, and the client is to ask again.
 */
export type ResumeOutcome =
  | 'recovered'
  | 'not_ours'
  | 'epoch_over'
  | 'trimmed'
  | 'ahead'
  | 'below_floor'
  | 'refused'
  | 'unavailable'

export type RenewOutcome = 'ok' | 'rejected' | 'expired' | 'other_identity' | 'timeout' | 'crashed'

/** The limits that can be reached, each by the name of its option. */
export type LimitName =
  | `limits.${
      | 'payloadBytes'
      | 'fragments'
      | 'bufferedChunks'
      | 'connections'
      | 'connectionsPerIp'
      | 'pendingUpgrades'
      | 'handshakeTimeoutMs'
      | 'channelsPerConnection'
      | 'joins'
      | 'topicBytes'
      | 'messages'
      | 'bytesPerSecond'
      | 'channelMessages'
      | 'pendingHandlers'
      | 'mailbox'
      | 'timers'
      | 'joinTimeoutMs'
      | 'historyBytes'}`
  | `backpressure.${'maxBufferedBytes' | 'stallMs' | 'maxTotalBytes'}`
  | 'heartbeat.timeoutMs'
  | 'pubsub.maxMessageBytes'
  | `presence.limits.${'keys' | 'keyBytes' | 'metaBytes' | 'changesPerSecond'}`

export type TelemetryName = keyof TelemetryEvents

export type Measurements<N extends TelemetryName> = TelemetryEvents[N]['measurements']

export type Metadata<N extends TelemetryName> = TelemetryEvents[N]['metadata']

export type TelemetryListener<N extends TelemetryName> = (
  measurements: Measurements<N>,
  metadata: Metadata<N>,
) => void

/** False where a listener would make nothing of what it is told, as a log of another level. Never throws. */
type Wants = () => boolean

const ALWAYS: Wants = () => true

/** One event: who hears it. What reports on the hot path keeps its probe, and asks it before it measures anything. */
export class Probe<N extends TelemetryName> {
  readonly #telemetry: Telemetry
  readonly #name: N
  /** Each with whether it wants to be told now. */
  readonly #listeners = new Map<TelemetryListener<N>, Wants>()
  /** Looked up once: Node's own look-up is a walk through a map of weak references. */
  readonly #diagnostics: Channel

  constructor(telemetry: Telemetry, name: N) {
    this.#telemetry = telemetry
    this.#name = name
    this.#diagnostics = diagnosticsChannel(`fastify-beryl:${name}`)
  }

  /** True where somebody listens: if not, there is nothing to measure. */
  get isHeard(): boolean {
    if (this.#diagnostics.hasSubscribers) return true
    for (const wants of this.#listeners.values()) if (wants()) return true
    return false
  }

  on(listener: TelemetryListener<N>, wants: Wants = ALWAYS): () => void {
    this.#listeners.set(listener, wants)
    return () => void this.#listeners.delete(listener)
  }

  emit(measurements: Measurements<N>, metadata: Metadata<N>): void {
    for (const listener of this.#listeners.keys()) {
      try {
        const result: unknown = listener(measurements, metadata)
        if (result !== undefined) promised(result)?.catch((error) => this.#detach(listener, error))
      } catch (error) {
        this.#detach(listener, error)
      }
    }
    if (this.#diagnostics.hasSubscribers) this.#diagnostics.publish({ measurements, metadata })
  }

  #detach(listener: TelemetryListener<N>, error: unknown): void {
    // An async listener may be at work several times.
    if (!this.#listeners.delete(listener)) return
    this.#telemetry.emit('telemetry.failed', {}, { name: this.#name, error })
  }
}

type Probes<N extends TelemetryName = TelemetryName> = { [P in N]?: Probe<P> }

/**
 * Reports events to its listeners and, as `{ measurements, metadata }`, to the `node:diagnostics_channel` named
 * `fastify-beryl:` and the event's name. A listener that throws or rejects is taken off, as Erlang's telemetry does: one broken
 * observer must not break what it observes.
 */
export class Telemetry {
  readonly #probes: Probes = {}

  /** Adds a listener; the returned function removes it. */
  on<N extends TelemetryName>(name: N, listener: TelemetryListener<N>, wants?: Wants): () => void {
    return this.probe(name).on(listener, wants)
  }

  emit<N extends TelemetryName>(name: N, measurements: Measurements<N>, metadata: Metadata<N>): void {
    this.probe(name).emit(measurements, metadata)
  }

  /** The one probe of an event. */
  probe<N extends TelemetryName>(name: N): Probe<N> {
    const probes: Probes<N> = this.#probes
    const probe = probes[name] ?? new Probe(this, name)
    probes[name] = probe
    return probe
  }
}
