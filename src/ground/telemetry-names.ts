import type { TelemetryName } from './telemetry.ts'

/** Every event that can be listened to: a listener of another name would wait for ever. */
const NAMES = {
  'tree.state': true,
  'supervisor.event': true,
  'presence.event': true,
  'groups.event': true,
  'connection.open': true,
  'connection.refused': true,
  'connection.close': true,
  'connection.renew': true,
  'connection.malformed': true,
  'connection.crash': true,
  'connection.error': true,
  'channel.join': true,
  'channel.end': true,
  'channel.crash': true,
  'check.failed': true,
  'message.received': true,
  'message.handled': true,
  'message.refused': true,
  'limit.reached': true,
  'broadcast.sent': true,
  'send.dropped': true,
  'broadcast.skipped': true,
  'listener.failed': true,
  'pubsub.status': true,
  'pubsub.failed': true,
  'pubsub.unconfirmed': true,
  'pubsub.ignored': true,
  'history.appended': true,
  'history.read': true,
  'history.resumed': true,
  'history.gap': true,
  'history.dropped': true,
  'telemetry.failed': true,
} as const satisfies Record<TelemetryName, true>

export function isTelemetryName(value: unknown): value is TelemetryName {
  return typeof value === 'string' && Object.hasOwn(NAMES, value)
}
