import Fastify from 'fastify'
import { Type } from 'typebox'
import type { Clock } from '../../src/ground/clock.ts'
import { type BerylOptions, type ChannelDefinition, defineChannel } from '../../src/index.ts'
import { Endpoint } from '../../src/node/endpoint.ts'
import { resolveOptions } from '../../src/node/options.ts'
import { v1 } from '../../src/protocol/v1.ts'
import { v2 } from '../../src/protocol/v2.ts'
import type { Sessions } from '../../src/session/sessions.ts'
import { type Line, type StageClient, StageWire } from '../support/session-stage.ts'

// Nodes, whose time may stand still, and clients without sockets.

const Any = Type.Any()

export interface RoomHooks {
  readonly history?: { readonly size?: number; readonly ttlMs?: number } | undefined
  readonly intercept?: ((payload: unknown) => unknown) | undefined
  readonly resume?: () => boolean
  /** Gives the reply to the join, with what `snapshot` was told. */
  readonly snapshot?: ((recovered: boolean) => unknown) | undefined
  readonly ended?: (reason: string) => void
}

/** A room whose event `said` is logged, and `typing` is not. */
export function room(hooks: RoomHooks = {}): ChannelDefinition {
  const { history = {}, intercept, resume, snapshot, ended } = hooks
  return defineChannel('room:*', {
    schema: {
      join: { payload: Any, reply: Any },
      in: { say: Any, sayToOthers: Any, type: Any, publish: { payload: Any, reply: Any } },
      out: { said: Any, typing: Any },
    },
    history: { events: ['said'], ...history },
    join: ({ payload }) =>
      ({
        assigns: {},
        ...(snapshot === undefined ? { reply: { payload } } : {}),
        ...(resume === undefined ? {} : { resume: resume() }),
      }) as never,
    ...(snapshot === undefined
      ? {}
      : { snapshot: (_: unknown, { recovered }: { recovered: boolean }) => snapshot(recovered) as never }),
    in: {
      say: (payload, socket) => socket.broadcast('said', payload),
      sayToOthers: (payload, socket) => socket.broadcastFrom('said', payload),
      type: (payload, socket) => socket.broadcast('typing', payload),
      publish: (payload, socket) => socket.publish('said', payload),
    },
    ...(intercept === undefined
      ? {}
      : { intercept: { said: (payload: unknown) => intercept(payload) as never } }),
    terminate: (reason) => ended?.(reason.kind === 'shutdown' ? reason.reason : reason.kind),
  }) as ChannelDefinition
}

/** One node. */
export class Node {
  readonly endpoint: Endpoint
  readonly events: string[] = []
  readonly crashes: unknown[] = []
  #sessions: Sessions | undefined

  constructor(clock: Clock, options: BerylOptions) {
    this.endpoint = new Endpoint(resolveOptions({ clock, ...options }))
    this.endpoint.host.attach(Fastify())
    const { telemetry } = this.endpoint
    telemetry.on(
      'history.resumed',
      ({ entries }, { outcome }) => void this.events.push(`${outcome} ${entries}`),
    )
    telemetry.on('history.gap', ({ channels }) => void this.events.push(`gap ${channels}`))
    telemetry.on('history.dropped', () => void this.events.push('dropped'))
    telemetry.on('history.read', () => void this.events.push('read'))
    telemetry.on('limit.reached', (_, { limit }) => void this.events.push(limit))
    telemetry.on('channel.crash', (_, { error }) => void this.crashes.push(error))
    telemetry.on('connection.crash', (_, { error }) => void this.crashes.push(error))
    telemetry.on('listener.failed', (_, { error }) => void this.crashes.push(error))
  }

  static async start(clock: Clock, options: BerylOptions): Promise<Node> {
    const node = new Node(clock, options)
    await node.endpoint.startPubSub()
    node.#sessions = node.endpoint.startSessions()
    return node
  }

  connect(version: '1' | '2' = '2'): Client {
    const wire = new StageWire()
    const id = this.endpoint.makeConnectionId()
    const connection = { id, assigns: {} as never, ip: '::1', transport: 'test', connectedAt: 0 } as const
    const admission = {
      connection,
      codec: version === '1' ? v1 : v2,
      connectionTopic: undefined,
      expiresAt: undefined,
      renew: undefined,
    }
    const session = (this.#sessions as Sessions).open(admission, wire, this.endpoint.terms)
    return new Client({
      session,
      wire,
      says: (...message) => session.receive(Buffer.from(JSON.stringify(message)), false),
    } as StageClient)
  }

  reads(): number {
    return this.events.filter((event) => event === 'read').length
  }
}

/** A client that keeps the rule of the guide. */
export class Client {
  readonly raw: StageClient
  readonly topic: string
  epoch: string | undefined
  offset = 0
  recovered: boolean | undefined
  /** Its offset at its last join that was not recovered. */
  began = 0
  /** The entries that it took: offset and payload. */
  readonly took: [offset: number, payload: unknown][] = []
  #seen = 0
  #refs = 0

  constructor(raw: StageClient, topic = 'room:1') {
    this.raw = raw
    this.topic = topic
  }

  get lines(): Line[] {
    return this.raw.wire.lines
  }

  join(resume: unknown = this.epoch === undefined ? true : { epoch: this.epoch, offset: this.offset }): void {
    const ref = String(++this.#refs)
    this.raw.says(ref, ref, this.topic, 'phx_join', resume === undefined ? {} : { $resume: resume })
  }

  /** As a client that knows nothing of histories. */
  joinPlainly(): void {
    this.raw.says('1', '1', this.topic, 'phx_join', {})
  }

  push(event: string, payload: unknown): void {
    this.raw.says('1', String(++this.#refs), this.topic, event, payload)
  }

  /** Takes what came, as the guide says. */
  look(): this {
    for (const [, ref, , event, payload] of this.lines.slice(this.#seen)) this.#take(ref, event, payload)
    this.#seen = this.lines.length
    return this
  }

  #take(ref: unknown, event: string, payload: unknown): void {
    const { status, response } = payload as { status?: string; response?: { $resume?: Resume } }
    if (event === 'phx_reply' && status === 'ok' && response?.$resume !== undefined)
      this.#place(response.$resume)
    if (event === '$resume') this.#place(payload as Resume)
    if (typeof ref !== 'string' || !ref.startsWith('@')) return
    const offset = Number(ref.slice(1))
    if (offset <= this.offset) return
    this.offset = offset
    this.took.push([offset, payload])
  }

  #place({ epoch, offset, recovered }: Resume): void {
    this.epoch = epoch
    if (recovered !== undefined) this.recovered = recovered
    if (recovered === false) this.began = offset
    if (recovered !== true) this.offset = offset
  }

  /** It is somebody else's wire now. */
  moveTo(other: Client): Client {
    other.epoch = this.epoch
    other.offset = this.offset
    return other
  }
}

interface Resume {
  readonly epoch: string
  readonly offset: number
  readonly recovered?: boolean
}

/** The lines, short. */
export function told(lines: readonly Line[]): string[] {
  return lines.map(([, ref, , event, payload]) => {
    if (event !== 'phx_reply') return `${event} ${ref ?? '-'} ${JSON.stringify(payload)}`
    const { status, response } = payload as { status: string; response: unknown }
    return `${status} ${JSON.stringify(response)}`
  })
}
