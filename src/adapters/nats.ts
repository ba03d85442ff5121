import type { NatsConnection } from '@nats-io/transport-node'
import { refuseOption, section } from '../ground/option-checks.ts'
import type { PubSubAdapter } from '../pubsub/adapter.ts'
import { BrokerAdapter } from './broker-adapter.ts'
import { BROKER_OPTIONS, type BrokerGiven, resolveBrokerOptions } from './broker-options.ts'
import { NatsDriver } from './nats-driver.ts'
import { type NatsServers, serversOf } from './nats-servers.ts'

export { createPublisher, type Publisher, type PublisherOptions } from './publisher.ts'

/** The options of {@link nats}: `servers` or `connection`, one of them. */
export interface NatsOptions extends BrokerGiven {
  /**
   * `nats://[user:password@]host[:port]`, `tls://…` for TLS, or an array of those of a cluster, with the same credentials. A
   * user without a password is a token.
   */
  readonly servers?: string | readonly string[] | undefined
  /**
   * A connection that `connect()` of `@nats-io/transport-node` gave, where an address is not enough: a certificate, a creds file.
   * Made with `maxReconnectAttempts: -1`: the library does the reconnecting then, and gives up after 10 attempts by default.
   * It is used, shared with you, and never closed.
   */
  readonly connection?: NatsConnection | undefined
  /** The beginning of all subjects. No two dots side by side, none at the front. @default 'beryl.' */
  readonly prefix?: string | undefined
}

/**
 * Messages between nodes over NATS, 2.9 or newer: what the option `pubsub` takes. Each node needs one of its own.
 *
 * @throws `BERYL_ERR_OPTION_INVALID`
 * @example await app.register(beryl, { pubsub: nats({ servers: 'nats://127.0.0.1:4222' }) })
 */
export function nats(options: NatsOptions): PubSubAdapter {
  const given = section('nats', options, [...BROKER_OPTIONS, 'servers', 'connection'])
  const source = sourceOf(given.servers, given.connection)
  const resolved = resolveBrokerOptions('nats', given, 'beryl.')
  if (/^\.|\.\./.test(resolved.prefix))
    refuseOption('nats.prefix', 'no dot at the front, and no two side by side', resolved.prefix)
  return new BrokerAdapter(new NatsDriver(source, resolved.prefix), resolved)
}

function sourceOf(servers: unknown, connection: unknown): NatsServers | NatsConnection {
  if (servers !== undefined && connection !== undefined)
    refuseOption('nats.connection', 'servers or connection, one of them', connection)
  if (connection === undefined) return serversOf(servers)
  return isConnection(connection) ? connection : refuseOption('nats.connection', CONNECTION, connection)
}

const CONNECTION = 'what connect() of @nats-io/transport-node gave, awaited'

const METHODS = ['publish', 'subscribe', 'flush', 'status', 'closed', 'isClosed', 'getServer'] as const

function isConnection(value: unknown): value is NatsConnection {
  try {
    const connection = value as NatsConnection
    return METHODS.every((method) => typeof connection[method] === 'function')
  } catch {
    return false
  }
}
