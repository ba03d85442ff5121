import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, register as defaultRegister, Gauge, Histogram, type Registry } from 'prom-client'
import { hasMethods } from '../ground/argument.ts'
import { berylError } from '../ground/errors.ts'
import { asError } from '../ground/foreign.ts'
import { refuseOption, section } from '../ground/option-checks.ts'
import { closeCodes } from '../ground/refusals.ts'
import type { BerylLoad, BerylStatus } from '../node/channels.ts'
import '../plugin.ts'
import type { TelemetryListener, TelemetryName, TreeState } from '../ground/telemetry.ts'
import type { PubSubReport } from '../pubsub/door.ts'
import type { SupervisorEvent } from '../supervision/events.ts'

export interface MetricsOptions {
  /** Where the metrics are kept. @default the registry that prom-client itself has */
  readonly register?: Registry | undefined
  /** The beginning of all names. @default 'beryl_' */
  readonly prefix?: string | undefined
  /** Where they are served, as Prometheus reads them. @default no route */
  readonly path?: string | undefined
}

/**
 * Metrics of fastify-beryl for prom-client, which has to be installed. Register it behind fastify-beryl, in the same scope
 * or one within; it ends with the instance. `docs/telemetry.md` lists the metrics.
 *
 * @example await app.register(berylMetrics, { path: '/metrics' })
 */
export const berylMetrics = fp(metricsPlugin, {
  fastify: '5.x',
  name: 'fastify-beryl/metrics',
})

async function metricsPlugin(app: FastifyInstance, given: MetricsOptions): Promise<void> {
  if (!app.hasDecorator('channels')) throw berylError('BERYL_ERR_NOT_REGISTERED', 'fastify-beryl/metrics')
  const { register = defaultRegister, prefix = 'beryl_', path } = checkMetricsOptions(given)
  const metrics = new Metrics(app, register, prefix)
  metrics.gauges()
  metrics.counters()
  metrics.histograms()
  metrics.eventLoop()
  app.addHook('onClose', () => metrics.end())
  if (path !== undefined) {
    app.get(path, async (_, reply) => {
      reply.type(register.contentType)
      return collected(register as Registry)
    })
  }
}

/** The `collect` of the application's own metrics may throw anything, of which Fastify answers errors alone. */
async function collected(register: Registry): Promise<string> {
  try {
    return await register.metrics()
  } catch (error) {
    throw asError(error)
  }
}

/** @throws `BERYL_ERR_OPTION_INVALID` */
function checkMetricsOptions(given: unknown): MetricsOptions {
  const options = section('options', given, ['register', 'prefix', 'path'])
  const { register, prefix = '', path } = options
  if (register !== undefined && !hasMethods<Registry>(register, ['registerMetric', 'metrics']))
    refuseOption('register', 'a registry of prom-client', register)
  if (typeof prefix !== 'string' || !/^([a-zA-Z_:][\w:]{0,254})?$/.test(prefix))
    refuseOption('prefix', 'what a name of Prometheus can begin with', prefix)
  if (path !== undefined && !(typeof path === 'string' && path.startsWith('/')))
    refuseOption('path', 'a path such as "/metrics"', path)
  return options as MetricsOptions
}

const STATES: readonly TreeState[] = ['starting', 'running', 'degraded', 'draining', 'stopped', 'failed']

const LOAD: { readonly [name in keyof BerylLoad]: readonly [metric: string, help: string] } = {
  bufferedBytes: ['buffered_bytes', 'Bytes that slow readers have not taken'],
  waitingMessages: ['waiting_messages', 'Messages in the mailboxes of all channels'],
  longestMailbox: ['longest_mailbox', 'Messages in the longest mailbox'],
  pendingCallbacks: ['pending_callbacks', 'Async callbacks at work'],
  waitingEntries: ['history_waiting_entries', 'Entries that wait for the log of their topic'],
}

const PUBSUB = {
  dropped: ['pubsub_dropped_total', 'Messages to other nodes that were not sent'],
  resubscribed: ['pubsub_resubscribed_total', 'Topics that were subscribed to again at the broker'],
  refused: ['pubsub_refused_total', 'Subscriptions that the broker refused'],
  unconfirmed: ['pubsub_unconfirmed_total', 'Joins that were answered before the broker had confirmed'],
} as const

/** From a handler that only looks something up to one that waits for a slow neighbour. */
const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

class Metrics {
  readonly #app: FastifyInstance
  readonly #register: Registry
  readonly #prefix: string
  readonly #names: string[] = []
  readonly #endings: (() => void)[] = []
  // Each looks at all clients.
  readonly #load: () => BerylLoad
  readonly #status: () => BerylStatus

  constructor(app: FastifyInstance, register: Registry, prefix: string) {
    this.#app = app
    this.#register = register
    this.#prefix = prefix
    this.#load = onceATurn(() => app.channels.load())
    this.#status = onceATurn(() => app.channels.status())
  }

  // A metric is in the registry as soon as it is made.

  /** Metrics that are looked at when Prometheus asks. */
  gauges(): void {
    this.#gauge('connections', 'Clients that are connected', () => this.#status().connections)
    this.#gauge('channels', 'Topics that clients have joined', () => this.#status().channels)
    this.#gauge('topics', 'Topics that somebody hears', () => this.#status().topics)
    for (const [name, [metric, help]] of Object.entries(LOAD) as [
      keyof BerylLoad,
      readonly [string, string],
    ][]) {
      this.#gauge(metric, help, () => this.#load()[name])
    }
    this.#states()
    this.#pubsub()
  }

  /** The way to the other nodes. */
  #pubsub(): void {
    const report = (): Partial<PubSubReport> => this.#status().pubsub ?? {}
    this.#gauge('pubsub_up', '1 while the other nodes are within reach', () =>
      report().status === 'up' ? 1 : 0,
    )
    for (const status of ['up', 'down'] as const)
      this.#gauge(
        `pubsub_links_${status}`,
        `Connections to the servers of a broker that spreads topics over several, which are ${status}`,
        () => report().links?.filter((link) => link.status === status).length ?? 0,
      )
    this.#gauge(
      'pubsub_round_trip_seconds',
      'How long the last probe took to the broker and back',
      () => (report().roundTripMs ?? 0) / 1_000,
    )
    for (const [name, [metric, help]] of Object.entries(PUBSUB) as [keyof typeof PUBSUB, [string, string]][])
      this.#total(metric, help, () => report()[name] ?? 0)
  }

  /** Metrics that are counted when it happens. */
  counters(): void {
    this.#count('connections_opened_total', 'Clients that were let in', 'connection.open', () => ({}))
    this.#count('connections_closed_total', 'Connections that ended', 'connection.close', (_, { code }) => ({
      code: knownCode(code),
    }))
    this.#count(
      'connections_refused_total',
      'Clients that were not let in',
      'connection.refused',
      (_, { statusCode, reason }) => ({ status: statusCode, reason }),
    )
    this.#count('messages_total', 'Messages to joined channels', 'message.received', () => ({}))
    this.#count(
      'messages_refused_total',
      'Messages that the library refused',
      'message.refused',
      (_, { reason }) => ({ reason }),
    )
    this.#count('broadcasts_total', 'Broadcasts that reached this node', 'broadcast.sent', () => ({}))
    this.#count('joins_total', 'Joins that were answered', 'channel.join', (_, { outcome }) => ({ outcome }))
    this.#count('channel_crashes_total', 'Callbacks that failed', 'channel.crash', () => ({}))
    this.#count('limits_reached_total', 'Limits that were reached', 'limit.reached', (_, { limit }) => ({
      limit,
    }))
    this.#count(
      'pubsub_ignored_total',
      'Envelopes of others that were not understood, or came twice',
      'pubsub.ignored',
      () => ({}),
    )
    this.#count(
      'sends_dropped_total',
      'Broadcasts, pushes and disconnects of the server that were dropped during a restart',
      'send.dropped',
      () => ({}),
    )
    this.#count('history_appended_total', 'Entries that are in a log', 'history.appended', () => ({}))
    this.#count('history_reads_total', 'Reads of a log', 'history.read', () => ({}))
    this.#count('history_resumes_total', 'Clients that came back', 'history.resumed', (_, { outcome }) => ({
      outcome,
    }))
    this.#count('history_gaps_total', 'Gaps in what subscribers were told', 'history.gap', () => ({}))
    this.#count('history_dropped_total', 'Entries that are in no log', 'history.dropped', () => ({}))
    this.#count('restarts_total', 'Children that were started again', 'supervisor.event', (_, event) =>
      restarted(event as SupervisorEvent),
    )
  }

  histograms(): void {
    const join = this.#histogram('join_seconds', 'How long joins take')
    const handle = this.#histogram('message_seconds', 'How long handlers take')
    this.#on('channel.join', ({ durationMs }) => join.observe(durationMs / 1_000))
    this.#on('message.handled', ({ durationMs }) => handle.observe(durationMs / 1_000))
  }

  /** The delay of the event loop, since Prometheus last asked. */
  eventLoop(): void {
    const delay = monitorEventLoopDelay({ resolution: 20 })
    delay.enable()
    this.#endings.push(() => void delay.disable())
    new Gauge({
      ...this.#config('event_loop_delay_seconds', 'How late the event loop is'),
      labelNames: ['quantile'],
      collect() {
        for (const quantile of [0.5, 0.99, 1]) this.set({ quantile }, delaySeconds(delay, quantile))
        delay.reset()
      },
    })
  }

  /** Takes the metrics out of the registry, and listens no more. */
  async end(): Promise<void> {
    for (const end of this.#endings) end()
    for (const name of this.#names) this.#register.removeSingleMetric(name)
  }

  #states(): void {
    const status = this.#status
    new Gauge({
      ...this.#config('state', 'The state of the tree: 1 for the one that it is in'),
      labelNames: ['state'],
      collect() {
        const { state } = status()
        for (const each of STATES) this.set({ state: each }, each === state ? 1 : 0)
      },
    })
  }

  #gauge(name: string, help: string, look: () => number): void {
    new Gauge({
      ...this.#config(name, help),
      collect() {
        this.set(look())
      },
    })
  }

  /** A counter that is kept elsewhere. */
  #total(name: string, help: string, look: () => number): void {
    new Counter({
      ...this.#config(name, help),
      collect() {
        this.reset()
        this.inc(look())
      },
    })
  }

  /** @param label gives the labels of one more, or `undefined` where the event does not count */
  #count<N extends TelemetryName>(
    name: string,
    help: string,
    event: N,
    label: (...args: Parameters<TelemetryListener<N>>) => Record<string, string | number> | undefined,
  ): void {
    const counter = new Counter({ ...this.#config(name, help), labelNames: LABELS })
    this.#on(event, (...args) => {
      const labels = label(...args)
      if (labels !== undefined) counter.inc(labels)
    })
  }

  #histogram(name: string, help: string): Histogram {
    return new Histogram({ ...this.#config(name, help), buckets: SECONDS })
  }

  #on<N extends TelemetryName>(event: N, listener: TelemetryListener<N>): void {
    this.#endings.push(this.#app.channels.onTelemetry(event, listener))
  }

  #config(name: string, help: string): { name: string; help: string; registers: Registry[] } {
    const fullName = this.#prefix + name
    this.#names.push(fullName)
    return { name: fullName, help, registers: [this.#register] }
  }
}

/** A look that serves all who look in the same turn, as the metrics of one scrape do. */
function onceATurn<T>(look: () => T): () => T {
  let seen: { readonly value: T } | undefined
  return () => {
    if (seen === undefined) {
      seen = { value: look() }
      queueMicrotask(() => {
        seen = undefined
      })
    }
    return seen.value
  }
}

const LABELS = ['code', 'status', 'reason', 'outcome', 'limit', 'child']

/** Clients may close with thousands of codes: those would be as many series. */
function knownCode(code: number): string | number {
  return code in closeCodes || code === 1005 || code === 1006 ? code : 'other'
}

function restarted(event: SupervisorEvent): { child: string } | undefined {
  if (event.type !== 'child_started' || !event.restarted) return undefined
  // All children of a dynamic supervisor are one series.
  const id = event.id.startsWith('#') ? '#' : event.id
  return { child: [...event.supervisor.split('/').slice(1), id].join('/') }
}

function delaySeconds(delay: IntervalHistogram, quantile: number): number {
  return delay.percentile(quantile * 100) / 1e9
}
