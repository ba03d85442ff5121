import { connect, type NatsConnection, type Status } from '@nats-io/transport-node'
import type { Driver, Link, LinkEvents } from './driver.ts'
import { NatsLink } from './nats-link.ts'
import type { NatsServers } from './nats-servers.ts'

/** Bytes that NATS carries by default, less room for the subject. */
const MAX_MESSAGE_BYTES = 1_024 * 1_024 - 1_024
const CONNECT_MS = 5_000
const PING_MS = 10_000
const MAX_PING_OUT = 2

/** NATS: one server, or a cluster of them. */
export class NatsDriver implements Driver {
  readonly name = 'nats'
  readonly address: string
  readonly #source: NatsServers | NatsConnection
  readonly #prefix: string
  /** The connection of now, and the link that is told of it. */
  #connection: NatsConnection | undefined
  #link: NatsLink | undefined

  constructor(source: NatsServers | NatsConnection, prefix: string) {
    this.#source = source
    this.#prefix = prefix
    this.address = 'hosts' in source ? source.hosts.join(', ') : source.getServer()
  }

  /** A server may be set to carry less than it does by default. */
  get maxMessageBytes(): number {
    return Math.min(MAX_MESSAGE_BYTES, this.#connection?.info?.max_payload ?? MAX_MESSAGE_BYTES)
  }

  async connect(_node: string, events: LinkEvents, signal: AbortSignal): Promise<Link> {
    const isOwn = 'hosts' in this.#source
    const connection = 'hosts' in this.#source ? await connectTo(this.#source) : usable(this.#source)
    const link = new NatsLink({ connection, isOwn, prefix: this.#prefix, events })
    this.#link = link
    this.#watch(connection)
    return link.open(signal)
  }

  /** Once for each connection: one that was given to us outlives its links. */
  #watch(connection: NatsConnection): void {
    if (this.#connection === connection) return
    this.#connection = connection
    const watch = async (): Promise<void> => {
      for await (const status of connection.status()) this.#told(connection, status)
      const error = await connection.closed()
      this.#told(connection, { type: 'error', error: error ?? new Error('the connection was closed') })
    }
    watch().catch(() => {})
  }

  #told(connection: NatsConnection, status: Status): void {
    if (this.#connection === connection) this.#link?.told(status)
  }
}

function usable(connection: NatsConnection): NatsConnection {
  if (!connection.isClosed()) return connection
  throw new Error('the connection that was given is closed for good: make it with maxReconnectAttempts: -1')
}

/**
 * One connection that is not made again by the library, which would subscribe to everything with one write, and keep quiet
 * about refusals: the adapter does that itself, with its own pauses and without an end.
 */
function connectTo({ hosts, user, pass, token, tls }: NatsServers): Promise<NatsConnection> {
  return connect({
    servers: [...hosts],
    ...(user === undefined ? {} : { user }),
    ...(pass === undefined ? {} : { pass }),
    ...(token === undefined ? {} : { token }),
    ...(tls ? { tls: {} } : {}),
    reconnect: false,
    maxReconnectAttempts: -1,
    noEcho: true,
    pingInterval: PING_MS,
    maxPingOut: MAX_PING_OUT,
    timeout: timeoutOf(hosts.length),
    noAsyncTraces: true,
  })
}

/** One that takes the connection and is silent must not use up the time of the others: all have to fit into one attempt. */
function timeoutOf(servers: number): number {
  return servers === 1 ? CONNECT_MS : Math.max(250, Math.floor((0.9 * CONNECT_MS) / servers))
}
