import Fastify from 'fastify'
import { Endpoint } from '../../src/node/endpoint.ts'
import { type BerylOptions, resolveOptions } from '../../src/node/options.ts'
import { framePayload, splitFrames } from '../../src/protocol/frame.ts'
import { v2 } from '../../src/protocol/v2.ts'
import type { PubSubAdapter } from '../../src/pubsub/adapter.ts'
import type { Session } from '../../src/session/session.ts'
import type { Sessions } from '../../src/session/sessions.ts'
import type { Wire } from '../../src/session/wire.ts'
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts'

/** A message to a client: `[join_ref, ref, topic, event, payload]`. */
export type Line = [joinRef: unknown, ref: unknown, topic: string, event: string, payload: unknown]

/** A connection that remembers what was done to it. What comes while it is not read waits. */
export class StageWire implements Wire {
  readonly lines: Line[] = []
  readonly bufferedBytes = 0
  readonly sentBytes = 0
  bytesRead = 0
  closed: string | undefined
  pauses = 0
  isPaused = false

  write(frames: Buffer): void {
    for (const frame of splitFrames(frames)) this.lines.push(JSON.parse(framePayload(frame).toString()))
  }

  close(code: number, reason: string): void {
    this.closed = `${code} ${reason}`.trim()
  }

  terminate(): void {
    this.closed = 'cut'
  }

  pause(): void {
    this.pauses++
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }
}

/** An adapter of another node's broker that confirms a subscription when the test lets it. */
export class SlowAdapter implements PubSubAdapter {
  readonly name = 'slow'
  readonly status = 'up'
  readonly isSolo = true
  readonly topics = new Set<string>()
  isSlow = false
  #open: (() => void)[] = []

  start(): void {}
  publish(): void {}
  stop(): void {}

  subscribe(topic: string): undefined | Promise<void> {
    this.topics.add(topic)
    if (this.isSlow) return new Promise((resolve) => void this.#open.push(resolve))
    return undefined
  }

  unsubscribe(topic: string): void {
    this.topics.delete(topic)
  }

  get waiting(): number {
    return this.#open.length
  }

  /** Confirms the first `count`. */
  confirm(count = this.#open.length): void {
    for (const confirm of this.#open.splice(0, count)) confirm()
  }
}

/** One client of a {@link SessionStage}. */
export interface StageClient {
  readonly session: Session
  readonly wire: StageWire
  /** Sends one message. */
  says(joinRef: string | null, ref: string | null, topic: string, event: string, payload?: unknown): void
}

/** Sessions without sockets, whose time stands still and whose pubsub may be slow. */
export class SessionStage {
  readonly clock: FakeClock = fakeClock()
  readonly adapter = new SlowAdapter()
  readonly endpoint: Endpoint
  /** The limits that were reached. */
  readonly reached: string[] = []
  readonly crashes: unknown[] = []
  sessions: Sessions | undefined

  constructor(options: BerylOptions) {
    this.endpoint = new Endpoint(resolveOptions({ clock: this.clock, pubsub: this.adapter, ...options }))
    this.endpoint.host.attach(Fastify())
    this.endpoint.telemetry.on('limit.reached', (_, { limit }) => void this.reached.push(limit))
    this.endpoint.telemetry.on('channel.crash', (_, { error }) => void this.crashes.push(error))
    this.endpoint.telemetry.on('connection.crash', (_, { error }) => void this.crashes.push(error))
  }

  static async start(options: BerylOptions): Promise<SessionStage> {
    const stage = new SessionStage(options)
    await stage.endpoint.startPubSub()
    stage.sessions = stage.endpoint.startSessions()
    return stage
  }

  connect(connectionTopic?: string): StageClient {
    const wire = new StageWire()
    const id = this.endpoint.makeConnectionId()
    const connection = { id, assigns: {} as never, ip: '::1', transport: 'test', connectedAt: 0 } as const
    const admission = { connection, codec: v2, connectionTopic, expiresAt: undefined, renew: undefined }
    const session = (this.sessions as Sessions).open(admission, wire, this.endpoint.terms)
    return {
      session,
      wire,
      says: (joinRef, ref, topic, event, payload = {}) =>
        session.receive(Buffer.from(JSON.stringify([joinRef, ref, topic, event, payload])), false),
    }
  }

  /** Lets all that is ready run. */
  settle(): Promise<void> {
    return this.clock.settle()
  }

  subscribers(topic: string): number {
    return this.endpoint.pubsub?.subscriberCount(topic) ?? 0
  }
}

/** A line, short: `ref event status reason`, without what is absent. */
export function short([joinRef, ref, , event, payload]: Line): string {
  const { status, response, reason } = payload as {
    status?: string
    response?: { reason?: string }
    reason?: string
  }
  const who = event === 'phx_reply' ? ref : joinRef
  return [who, event.replace('phx_', ''), status, response?.reason ?? reason].filter(Boolean).join(' ')
}
