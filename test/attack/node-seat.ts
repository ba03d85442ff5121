import Fastify, { type FastifyInstance } from 'fastify'
import { beryl, mount } from '../../src/index.ts'
import type { PubSubAdapter } from '../../src/pubsub/adapter.ts'
import type { Dice } from '../fuzz/dice.ts'
import { optionsOf, sideOf } from './application.ts'
import { HostileAdapter, type Links } from './hostile-adapter.ts'
import { HostileLogger } from './hostile-logger.ts'
import { NodeClock } from './node-clock.ts'
import type { Stage } from './stage.ts'
import type { Findings } from './violation.ts'

/** More than `drain.timeoutMs` may nothing take that closes. */
const CLOSE_MS = 31_000
const START_MS = 60_000

export interface NodeInit {
  readonly index: number
  readonly stage: Stage
  readonly links: Links
  readonly dice: Dice
  readonly findings: Findings
  readonly adapter: () => PubSubAdapter
  /** Takes what the library tells of itself. */
  readonly told: (name: string, detail: string) => void
}

/** One node: an application that is started, stopped and started again. */
export class NodeSeat {
  readonly index: number
  clock: NodeClock
  app: FastifyInstance | undefined
  adapter: HostileAdapter | undefined
  /** The timers of an idle node. */
  idleTimers = 0
  readonly #init: NodeInit
  #closing: Promise<unknown> | undefined

  constructor(init: NodeInit) {
    this.#init = init
    this.index = init.index
    this.clock = new NodeClock(init.stage.clock)
  }

  get isUp(): boolean {
    return this.app !== undefined && this.#closing === undefined
  }

  async start(): Promise<void> {
    const { index, stage, links, dice, findings, adapter } = this.#init
    const logger = new HostileLogger(dice, (how) => this.#init.told('logger', how))
    const app = Fastify({
      forceCloseConnections: true,
      loggerInstance: logger.instance,
    })
    this.clock = new NodeClock(stage.clock)
    this.adapter = new HostileAdapter(adapter(), {
      index,
      clock: this.clock,
      stageClock: stage.clock,
      links,
      dice,
    })
    await app.register(beryl, { ...optionsOf(app, this.clock, stage.clock), pubsub: this.adapter })
    await app.register(mount, sideOf(app, this.clock, stage.clock))
    app.addHook('preClose', async () => void this.#closesByItself(app))
    this.#listen(app)
    const opening = stage.open(app)
    if (!(await stage.until(opening, START_MS))) return findings.add('a node does not start')
    await opening
    this.app = app
    logger.isArmed = true
  }

  /** Closes, within the time that it has for that. */
  async stop(): Promise<void> {
    const { app } = this
    if (app === undefined) return
    const startedAt = this.#init.stage.clock.now()
    const closing = this.#closing ?? app.close()
    this.#closing = closing
    const allowedMs = CLOSE_MS + this.#init.stage.closeTimeoutMs
    const isClosed = await this.#init.stage.until(closing, 2 * allowedMs)
    const tookMs = this.#init.stage.clock.now() - startedAt
    if (!isClosed) this.#init.findings.add('app.close() does not end')
    else if (tookMs > allowedMs) this.#init.findings.add('app.close() takes longer than drain.timeoutMs')
    this.#closing = undefined
    this.app = undefined
  }

  /** Closed already, or about to be: by a callback, or because the tree gave up. */
  get isEnding(): boolean {
    return this.#closing !== undefined
  }

  #closesByItself(app: FastifyInstance): void {
    // The same promise for all who ask.
    this.#closing ??= app.close().then(undefined, () => {})
  }

  #listen(app: FastifyInstance): void {
    const { told, findings } = this.#init
    app.channels.onTelemetry('connection.crash', (_, { error }) => {
      findings.add(`the library fails at a message: ${text(error)}`)
      told('connection.crash', text(error))
    })
    app.channels.onTelemetry('supervisor.event', (_, event) => told('supervisor', event.type))
    app.channels.onTelemetry('tree.state', (_, { state }) => told('tree', state))
    app.channels.onTelemetry('limit.reached', (_, { limit }) => told('limit', limit))
    app.channels.onTelemetry('channel.join', (_, { outcome }) => told('join', outcome))
    app.channels.onTelemetry('channel.end', (_, { kind }) => told('channel end', kind))
    app.channels.onTelemetry('channel.crash', (_, { event }) => told('crash in', event))
    app.channels.onTelemetry('connection.close', (_, { code }) => told('connection close', String(code)))
    app.channels.onTelemetry('connection.refused', (_, { reason }) => told('refused', reason))
    app.channels.onTelemetry('pubsub.status', (_, { status }) => told('pubsub', status))
    app.channels.onTelemetry('pubsub.ignored', (_, { reason }) => told('dropped', reason))
    app.channels.onTelemetry('listener.failed', () => told('listener', 'failed'))
    app.channels.onTelemetry('telemetry.failed', (_, { name }) => told('telemetry failed', name))
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : typeof error
}
