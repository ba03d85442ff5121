import type { FastifyBaseLogger } from 'fastify'
import { AgedMap } from '../ground/aged-map.ts'
import type { Clock } from '../ground/clock.ts'
import type { LimitName, Telemetry } from '../ground/telemetry.ts'
import type { SupervisorEvent } from '../supervision/events.ts'
import { isNormal } from '../supervision/exit-reason.ts'
import { type Level, LogLines } from './log-lines.ts'

/** The limit of a client's characters in a line of the log. */
const MAX_CLIENT_TEXT = 128
/** Lines that a client causes: one for each level in this time. */
const CLIENT_LINE_MS = 1_000

/** Turns telemetry into lines of the log. Nothing else in the library logs while it runs. */
export function attachLogger(telemetry: Telemetry, log: FastifyBaseLogger, clock: Clock): void {
  const lines = new LogLines(log)
  const clients = new ClientLines(lines, clock)
  logConnections(telemetry, clients)
  logHistories(telemetry, clients)
  logChannels(telemetry, clients)
  logNode(telemetry, lines)
}

/**
 * The lines that clients cause. No client fills the log: each may cause one line a second at each level. The next line
 * says how many were left out.
 */
class ClientLines {
  readonly #lines: LogLines
  readonly #clock: Clock
  /** When a client (and level) last had a line, oldest first. Holds a second's worth. */
  readonly #writtenAt = new AgedMap<string, number>()
  readonly #leftOut = { debug: 0, info: 0, warn: 0, error: 0, fatal: 0 }

  constructor(lines: LogLines, clock: Clock) {
    this.#lines = lines
    this.#clock = clock
  }

  isWritten(level: Level): boolean {
    return this.#lines.isWritten(level)
  }

  /** @param client a connection's id, or an address */
  write(level: Level, client: string, fields: object, text: string): void {
    if (!this.#lines.isWritten(level)) return
    const now = this.#clock.now()
    this.#forget(now)
    const key = `${level} ${client}`
    if (this.#writtenAt.has(key)) {
      this.#leftOut[level]++
      return
    }
    this.#writtenAt.set(key, now)
    const leftOut = this.#leftOut[level]
    this.#leftOut[level] = 0
    this.#lines.write(level, leftOut === 0 ? fields : { ...fields, leftOut }, text)
  }

  #forget(now: number): void {
    this.#writtenAt.deleteWhile((at) => now - at >= CLIENT_LINE_MS)
  }
}

/** One line a second, and how many were left out: while a log is out of reach everything that is sent would be one. */
function logHistories(telemetry: Telemetry, lines: ClientLines): void {
  telemetry.on('history.dropped', (_, { topic, error }) =>
    lines.write(
      'error',
      'history.dropped',
      { topic: cut(topic), err: error },
      'an entry is in no log, and nobody got it',
    ),
  )
  telemetry.on('history.gap', ({ channels }, { topic }) =>
    lines.write(
      'warn',
      'history.gap',
      { topic: cut(topic), channels },
      'entries of a log are gone that subscribers should have had',
    ),
  )
}

function logConnections(telemetry: Telemetry, clients: ClientLines): void {
  telemetry.on(
    'connection.open',
    (_, metadata) => clients.write('debug', metadata.connectionId, metadata, 'connection opened'),
    () => clients.isWritten('debug'),
  )
  telemetry.on('connection.close', (measurements, { connectionId, code, reason }) =>
    clients.write(
      'debug',
      connectionId,
      { connectionId, code, reason: cut(reason), ...measurements },
      'connection closed',
    ),
  )
  telemetry.on('connection.refused', (_, metadata) =>
    clients.write('info', metadata.ip, cutAll(metadata), 'connection refused'),
  )
  telemetry.on('connection.renew', ({ durationMs }, { connectionId, outcome, error }) => {
    const fields = { connectionId, outcome, durationMs }
    if (outcome === 'crashed')
      clients.write('error', connectionId, { ...fields, err: error }, 'renewal crashed')
    else clients.write('debug', connectionId, fields, 'renewal answered')
  })
  telemetry.on('connection.malformed', ({ bytes }, metadata) =>
    clients.write(
      'info',
      metadata.connectionId,
      { ...metadata, bytes },
      'connection closed: malformed frame',
    ),
  )
  telemetry.on('connection.error', (_, { connectionId, error }) =>
    clients.write('debug', connectionId, { connectionId, err: error }, 'connection failed'),
  )
  telemetry.on('connection.crash', (_, { connectionId, error }) =>
    clients.write('error', connectionId, { connectionId, err: error }, 'connection crashed'),
  )
  telemetry.on('limit.reached', (_, metadata) => {
    const { limit, connectionId, ip } = metadata
    clients.write(ofServer.has(limit) ? 'warn' : 'info', connectionId ?? ip ?? '', metadata, 'limit reached')
  })
}

/** Limits at which clients who did nothing wrong are turned away. */
const ofServer = new Set<LimitName>([
  'limits.connections',
  'limits.pendingUpgrades',
  'limits.handshakeTimeoutMs',
  'backpressure.maxTotalBytes',
])

function logChannels(telemetry: Telemetry, clients: ClientLines): void {
  telemetry.on('channel.join', ({ durationMs }, { connectionId, topic, outcome, error }) => {
    const fields = { connectionId, topic: cut(topic), outcome, durationMs }
    if (outcome === 'crashed') clients.write('error', connectionId, { ...fields, err: error }, 'join crashed')
    else clients.write('debug', connectionId, fields, 'join answered')
  })
  telemetry.on('channel.end', (_, { connectionId, topic, kind }) =>
    clients.write('debug', connectionId, { connectionId, topic: cut(topic), kind }, 'channel ended'),
  )
  telemetry.on('channel.crash', (_, { connectionId, topic, event, error }) =>
    clients.write(
      'error',
      connectionId,
      { connectionId, topic: cut(topic), event: cut(event), err: error },
      'channel crashed',
    ),
  )
  telemetry.on('check.failed', (_, { connectionId, topic, event, error }) =>
    clients.write(
      'error',
      connectionId,
      { connectionId, topic: cut(topic), event: cut(event), err: error },
      'check of a schema failed',
    ),
  )
  telemetry.on('send.dropped', (_, { call, topic }) =>
    clients.write('warn', '', { call, topic: cut(topic) }, 'sent during a restart, and dropped'),
  )
  telemetry.on('message.refused', (_, { connectionId, topic, event, reason }) =>
    clients.write(
      'debug',
      connectionId,
      { connectionId, topic: cut(topic), event: cut(event), reason },
      'message refused',
    ),
  )
}

function logNode(telemetry: Telemetry, log: LogLines): void {
  telemetry.on('broadcast.skipped', ({ subscribers }, { topic, event, version }) =>
    log.write(
      'warn',
      { topic: cut(topic), event, version, subscribers },
      'binary broadcast skipped older clients',
    ),
  )
  telemetry.on('listener.failed', (_, { topic, error }) =>
    log.write('error', { topic: cut(topic), err: error }, 'listener failed'),
  )
  telemetry.on('telemetry.failed', (_, { name, error }) =>
    log.write('error', { name, err: error }, 'telemetry listener failed and was taken off'),
  )
  telemetry.on('pubsub.status', (counts, { adapter, status, error }) =>
    log.write(
      status === 'up' ? 'info' : 'warn',
      { adapter, status, ...counts, err: error },
      `pubsub is ${status}`,
    ),
  )
  telemetry.on('pubsub.unconfirmed', ({ joins }, { adapter }) =>
    log.write('debug', { adapter, joins }, 'joins answered before the adapter confirmed'),
  )
  telemetry.on('pubsub.failed', (_, { adapter, call, error }) =>
    log.write('error', { adapter, call, err: error }, 'pubsub adapter failed'),
  )
  telemetry.on('pubsub.ignored', (_, { reason }) => log.write('debug', { reason }, 'envelope ignored'))
  telemetry.on('supervisor.event', (_, event) => logSupervision(log, event as SupervisorEvent))
  telemetry.on('presence.event', (_, event) => log.write('debug', event, 'presence'))
  telemetry.on('groups.event', (_, event) => log.write('debug', event, 'groups'))
  telemetry.on('tree.state', (_, { state, error }) => {
    if (state === 'failed') log.write('fatal', { err: error }, 'beryl failed')
    else log.write('debug', { state }, 'beryl state')
  })
}

function logSupervision(log: LogLines, event: SupervisorEvent): void {
  switch (event.type) {
    case 'child_exited':
      if (isNormal(event.reason)) return log.write('debug', event, 'child exited')
      return log.write('error', { ...event, err: errorOf(event.reason) }, 'child crashed')
    case 'child_start_failed':
      return log.write('error', { ...event, err: event.error }, 'child failed to start')
    case 'gave_up': {
      const { supervisor, id, error } = event
      return log.write('error', { supervisor, id, err: error }, 'supervisor gave up')
    }
    case 'child_backing_off':
      return log.write('warn', event, `child starts again in ${event.delayMs} ms`)
    case 'shutdown_error':
    case 'child_abandoned':
    case 'warning':
      return log.write('warn', event, event.type.replace('_', ' '))
    case 'child_started':
      if (event.restarted) return log.write('warn', event, 'child restarted')
      return log.write('debug', event, 'child started')
    default:
      return log.write('debug', event, event.type.replaceAll('_', ' '))
  }
}

function errorOf(reason: unknown): unknown {
  return typeof reason === 'object' && reason !== null && 'error' in reason ? reason.error : reason
}

/** The metadata of an event, of which some are a client's words. */
function cutAll(metadata: object): object {
  const entries = Object.entries(metadata)
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'string' ? cut(value) : value]),
  )
}

function cut(text: string): string {
  return text.length > MAX_CLIENT_TEXT ? `${text.slice(0, MAX_CLIENT_TEXT)}…` : text
}
