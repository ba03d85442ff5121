import type { FastifyBaseLogger } from 'fastify'
import type { SupervisorEvent } from './supervision/events.ts'
import { isNormal } from './supervision/exit-reason.ts'
import type { Telemetry } from './telemetry.ts'

/** What a client may put into a line of the log. */
const MAX_CLIENT_TEXT = 128

/** Turns telemetry into lines of the log. Nothing else in the library logs while it runs. */
export function attachLogger(telemetry: Telemetry, log: FastifyBaseLogger): void {
  telemetry.on('connection.open', (_, metadata) => log.debug(metadata, 'connection opened'))
  telemetry.on('connection.close', ({ durationMs }, { connectionId, code, reason }) =>
    log.debug({ connectionId, code, reason: cut(reason), durationMs }, 'connection closed'),
  )
  telemetry.on('connection.refused', (_, metadata) => log.info(metadata, 'connection refused'))
  telemetry.on('connection.malformed', ({ bytes }, metadata) =>
    log.info({ ...metadata, bytes }, 'connection closed: malformed frame'),
  )
  telemetry.on('connection.error', (_, { connectionId, error }) =>
    log.debug({ connectionId, err: error }, 'connection failed'),
  )
  telemetry.on('channel.join', (_, { connectionId, topic, outcome, error }) => {
    const fields = { connectionId, topic: cut(topic), outcome }
    if (outcome === 'crashed') log.error({ ...fields, err: error }, 'join crashed')
    else log.debug(fields, 'join answered')
  })
  telemetry.on('channel.end', (_, { connectionId, topic, kind }) =>
    log.debug({ connectionId, topic: cut(topic), kind }, 'channel ended'),
  )
  telemetry.on('channel.crash', (_, { connectionId, topic, event, error }) =>
    log.error({ connectionId, topic: cut(topic), event: cut(event), err: error }, 'channel crashed'),
  )
  telemetry.on('message.refused', (_, { connectionId, topic, event, reason }) =>
    log.debug({ connectionId, topic: cut(topic), event: cut(event), reason }, 'message refused'),
  )
  telemetry.on('broadcast.skipped', ({ subscribers }, { topic, event, version }) =>
    log.warn({ topic: cut(topic), event, version, subscribers }, 'binary broadcast skipped older clients'),
  )
  telemetry.on('listener.failed', (_, { topic, error }) =>
    log.error({ topic, err: error }, 'listener failed'),
  )
  telemetry.on('pubsub.status', (_, { adapter, status, error }) =>
    log.warn({ adapter, status, err: error }, `pubsub is ${status}`),
  )
  telemetry.on('pubsub.dropped', (_, { reason }) => log.debug({ reason }, 'envelope dropped'))
  telemetry.on('supervisor.event', (_, event) => logSupervision(log, event as SupervisorEvent))
  telemetry.on('presence.event', (_, event) => log.debug(event, 'presence'))
  telemetry.on('groups.event', (_, event) => log.debug(event, 'groups'))
  telemetry.on('tree.state', (_, { state, error }) => {
    if (state === 'failed') log.fatal({ err: error }, 'beryl failed')
    else log.debug({ state }, 'beryl state')
  })
}

function logSupervision(log: FastifyBaseLogger, event: SupervisorEvent): void {
  switch (event.type) {
    case 'child_exited':
      if (isNormal(event.reason)) return log.debug(event, 'child exited')
      return log.error({ ...event, err: errorOf(event.reason) }, 'child crashed')
    case 'child_start_failed':
      return log.error({ ...event, err: event.error }, 'child failed to start')
    case 'gave_up':
      return log.error({ supervisor: event.supervisor, err: event.error }, 'supervisor gave up')
    case 'shutdown_error':
    case 'child_abandoned':
    case 'warning':
      return log.warn(event, event.type.replace('_', ' '))
    case 'child_started':
      if (event.restarted) return log.warn(event, 'child restarted')
      return log.debug(event, 'child started')
    default:
      return log.debug(event, event.type.replaceAll('_', ' '))
  }
}

function errorOf(reason: unknown): unknown {
  return typeof reason === 'object' && reason !== null && 'error' in reason ? reason.error : reason
}

function cut(text: string): string {
  return text.length > MAX_CLIENT_TEXT ? `${text.slice(0, MAX_CLIENT_TEXT)}…` : text
}
