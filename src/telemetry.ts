import { type Channel, channel as diagnosticsChannel } from 'node:diagnostics_channel'

/**
 * Everything that the library reports: name → measurements (numbers, with their unit in the name) and metadata.
 * Nothing is logged but by a listener of these events (`logger.ts`).
 */
export interface TelemetryEvents {
  'tree.state': { measurements: object; metadata: { state: TreeState; error?: unknown } }
  'supervisor.event': { measurements: object; metadata: ReportedEvent }
  'presence.event': { measurements: object; metadata: ReportedEvent }
  'groups.event': { measurements: object; metadata: ReportedEvent }
  'connection.open': { measurements: object; metadata: { connectionId: string; ip: string; version: string } }
  'connection.refused': { measurements: object; metadata: { ip: string; reason: string; statusCode: number } }
  'connection.close': {
    measurements: { durationMs: number }
    metadata: { connectionId: string; code: number; reason: string }
  }
  'connection.malformed': {
    measurements: { bytes: number }
    metadata: { connectionId: string; reason: string }
  }
  'connection.error': { measurements: object; metadata: { connectionId: string; error: unknown } }
  'channel.join': {
    measurements: object
    metadata: { connectionId: string; topic: string; outcome: JoinOutcome; error?: unknown }
  }
  'channel.end': { measurements: object; metadata: { connectionId: string; topic: string; kind: string } }
  'channel.crash': {
    measurements: object
    metadata: { connectionId: string; topic: string; event: string; error: unknown }
  }
  'message.refused': {
    measurements: object
    metadata: { connectionId: string; topic: string; event: string; reason: string }
  }
  /** A limit of the options was reached: by a connection, an address, or the server as a whole. */
  'limit.reached': { measurements: object; metadata: { limit: string; connectionId?: string; ip?: string } }
  'broadcast.skipped': {
    measurements: { subscribers: number }
    metadata: { topic: string; event: string; version: string }
  }
  'listener.failed': { measurements: object; metadata: { topic: string; error: unknown } }
  'pubsub.status': {
    measurements: object
    metadata: { adapter: string; status: 'up' | 'down'; error?: unknown }
  }
  'pubsub.dropped': { measurements: { envelopes: number }; metadata: { reason: string } }
}

/** An event of a part that has its own union of them: see `SupervisorEvent`, `PresenceEvent`, `GroupsEvent`. */
export interface ReportedEvent {
  readonly type: string
}

export type TreeState = 'starting' | 'running' | 'degraded' | 'draining' | 'stopped' | 'failed'

export type JoinOutcome = 'ok' | 'rejected' | 'invalid_payload' | 'crashed' | 'refused'

export type TelemetryName = keyof TelemetryEvents

export type TelemetryListener<N extends TelemetryName> = (
  measurements: TelemetryEvents[N]['measurements'],
  metadata: TelemetryEvents[N]['metadata'],
) => void

/**
 * Reports events to its listeners and, as `{ measurements, metadata }`, to the `node:diagnostics_channel` named
 * `fastify-beryl:` and the event's name. A listener that throws harms nobody: its error is rethrown outside.
 */
export class Telemetry {
  readonly #listeners = new Map<TelemetryName, Set<TelemetryListener<never>>>()
  /** Looked up once each: Node's own look-up is a walk through a map of weak references. */
  readonly #diagnostics = new Map<TelemetryName, Channel>()

  /** Adds a listener; the returned function removes it. */
  on<N extends TelemetryName>(name: N, listener: TelemetryListener<N>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners.add(listener as TelemetryListener<never>))
    return () => void listeners.delete(listener as TelemetryListener<never>)
  }

  emit<N extends TelemetryName>(
    name: N,
    measurements: TelemetryEvents[N]['measurements'],
    metadata: TelemetryEvents[N]['metadata'],
  ): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        ;(listener as TelemetryListener<N>)(measurements, metadata)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
    const diagnostics = this.#diagnosticsOf(name)
    if (diagnostics.hasSubscribers) diagnostics.publish({ measurements, metadata })
  }

  #diagnosticsOf(name: TelemetryName): Channel {
    let channel = this.#diagnostics.get(name)
    if (channel === undefined) {
      channel = diagnosticsChannel(`fastify-beryl:${name}`)
      this.#diagnostics.set(name, channel)
    }
    return channel
  }
}
