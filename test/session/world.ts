import assert from 'node:assert/strict'
import { Type } from 'typebox'
import { type ChannelDefinition, defineChannel, later, type Socket } from '../../src/index.ts'
import { type Line, SessionStage, type StageClient } from '../support/session-stage.ts'

// Clients, channels and an adapter that do what a schedule says, also from within each other's callbacks.

export const CLIENTS = 2
export const TOPICS = ['room:1', 'room:2'] as const
export const LIMIT = 3
export const MAILBOX = 4

/** An act of a callback before it returns. */
export type Act =
  | 'nothing'
  | 'leave'
  | 'join again'
  | 'push'
  | 'disconnect'
  | 'drop'
  | 'stop'
  | 'broadcast'
  | 'rewritten broadcast'
  | 'tell'
  | 'track'
  | 'overload'

/** The way in which it returns. */
export type Way = 'value' | 'promise' | 'throw' | 'reject' | 'never'

export interface Deed {
  readonly act: Act
  readonly way: Way
}

/** One step of a schedule. */
export type Step =
  | { readonly do: 'join' | 'leave' | 'drop'; readonly client: number; readonly topic: number }
  | { readonly do: 'push'; readonly client: number; readonly topic: number; readonly event: PushEvent }
  | { readonly do: 'heartbeat'; readonly client: number }
  | {
      readonly do: 'broadcast'
      readonly topic: number
      readonly event: 'plain' | 'rewritten'
      readonly times: number
    }
  | { readonly do: 'disconnect'; readonly client: number }
  | { readonly do: 'open' | 'confirm'; readonly count: number }
  | { readonly do: 'slow'; readonly isSlow: boolean }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'settle' }

export type PushEvent = 'quick' | 'ask' | 'promise' | 'both'

const Any = Type.Unknown()

/** The events of which listeners of telemetry hear that do something of their own. */
const LISTENED = ['channel.join', 'channel.end', 'channel.crash', 'message.refused', 'limit.reached'] as const

interface Gate {
  readonly open: () => void
}

/** A client's handlers and joins that are at work. */
interface Work {
  now: number
  most: number
}

export class World {
  readonly stage: SessionStage
  /** All that ever connected. */
  readonly clients: StageClient[] = []
  readonly works = new Map<string, Work>()
  /** Refs that were sent, for each wire. */
  readonly #seats: StageClient[] = []
  readonly #joinRefs = new Map<StageClient, Map<string, string>>()
  readonly #deeds: Deed[]
  readonly #gates: Gate[] = []
  #ref = 0
  /** The last speaker. */
  #speaker: StageClient | undefined
  #depth = 0
  #restTimers = 0

  private constructor(stage: SessionStage, deeds: readonly Deed[]) {
    this.stage = stage
    this.#deeds = [...deeds]
  }

  static async start(deeds: readonly Deed[]): Promise<World> {
    const world: { it?: World } = {}
    const channel = makeRoom(() => world.it as World)
    const limits = { pendingHandlers: LIMIT, mailbox: MAILBOX, messages: false, joins: false } as const
    const stage = await SessionStage.start({ channels: [channel], limits, heartbeat: { timeoutMs: false } })
    stage.endpoint.presence?.start()
    const it = new World(stage, deeds)
    world.it = it
    for (const name of LISTENED)
      stage.endpoint.telemetry.on(name, (_: object, { connectionId }: { connectionId?: string }) => {
        if (connectionId !== undefined) it.glance(connectionId)
      })
    await stage.settle()
    it.#restTimers = stage.clock.pending
    return it
  }

  // The application

  /** Runs a callback of it: what the schedule has for it next. `work` counts as a handler at work. */
  callback<T>(connectionId: string, socket: Socket | undefined, value: T, work: boolean): T | Promise<T> {
    const deed = this.#next(connectionId, socket)
    if (deed.way === 'value') return value
    if (deed.way === 'throw') throw new Error('thrown')
    const settled = this.#gate(deed.way, value)
    return work ? this.#working(connectionId, settled) : settled
  }

  /** Runs code of the application that gives nothing: a check, a `toJSON`, a listener. */
  glance(connectionId: string, socket?: Socket): void {
    if (this.#depth < 3) this.#next(connectionId, socket)
  }

  #next(connectionId: string, socket: Socket | undefined): Deed {
    const deed = this.#deeds.shift() ?? { act: 'nothing', way: 'value' }
    const client = this.clients.find(({ session }) => session.id === connectionId)
    // A deed within a deed within a deed is the last.
    if (client === undefined || this.#depth >= 3) return deed
    this.#depth++
    try {
      this.#act(deed.act, client, socket)
    } finally {
      this.#depth--
    }
    return deed
  }

  /** A check of what a client says runs. */
  checked(): void {
    const speaker = this.#speaker
    if (speaker !== undefined) this.glance(speaker.session.id)
  }

  /** A reply that the application writes when it is sent. */
  reply(connectionId: string, socket?: Socket): object {
    return {
      toJSON: () => {
        this.glance(connectionId, socket)
        return {}
      },
    }
  }

  #gate<T>(way: Way, value: T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (way !== 'never')
        this.#gates.push({ open: () => (way === 'promise' ? resolve(value) : reject(new Error('rejected'))) })
    })
  }

  async #working<T>(connectionId: string, promise: Promise<T>): Promise<T> {
    const work = this.works.get(connectionId) ?? { now: 0, most: 0 }
    this.works.set(connectionId, work)
    work.now++
    work.most = Math.max(work.most, work.now)
    try {
      return await promise
    } finally {
      work.now--
    }
  }

  #act(act: Act, client: StageClient, socket: Socket | undefined): void {
    const topic = socket?.topic ?? TOPICS[0]
    switch (act) {
      case 'leave':
        return this.#says(client, topic, 'phx_leave')
      case 'join again':
        return this.#join(client, topic)
      case 'push':
        return this.#says(client, topic, 'ask')
      case 'disconnect':
        return this.stage.sessions?.disconnect(topicOf(client))
      case 'drop':
        return client.session.disconnected(1006)
      case 'stop':
        return socket?.stop()
      case 'broadcast':
        return this.stage.endpoint.outbound.broadcast(topic, 'plain', 1)
      case 'rewritten broadcast':
        return this.stage.endpoint.outbound.broadcast(topic, 'rewritten', 1)
      case 'overload':
        for (let n = 0; n < MAILBOX + 2; n++) this.stage.endpoint.outbound.broadcast(topic, 'rewritten', n)
        return
      case 'tell':
        return socket?.push('plain' as never, 1 as never)
      case 'track':
        try {
          ;(socket?.presence as { track(key: string, meta: object): void } | undefined)?.track('me', {})
        } catch {
          // Tracked already, or ended: what is refused leaves nothing behind.
        }
        return
      case 'nothing':
        return
    }
  }

  // The schedule

  async run(step: Step): Promise<void> {
    switch (step.do) {
      case 'join':
        return this.#join(this.#seat(step.client), TOPICS[step.topic] as string)
      case 'leave':
        return this.#says(this.#seat(step.client), TOPICS[step.topic] as string, 'phx_leave')
      case 'push':
        return this.#says(this.#seat(step.client), TOPICS[step.topic] as string, step.event)
      case 'drop':
        return this.#seat(step.client).session.disconnected(1006)
      case 'heartbeat':
        return this.#says(this.#seat(step.client), 'phoenix', 'heartbeat')
      case 'broadcast':
        for (let n = 0; n < step.times; n++)
          this.stage.endpoint.outbound.broadcast(TOPICS[step.topic] as string, step.event, n)
        return
      case 'disconnect':
        return this.stage.sessions?.disconnect(`user:${step.client}`)
      case 'open':
        for (const gate of this.#gates.splice(0, step.count)) gate.open()
        return
      case 'confirm':
        return this.stage.adapter.confirm(step.count)
      case 'slow':
        this.stage.adapter.isSlow = step.isSlow
        return
      case 'advance':
        return this.stage.clock.advance(step.ms)
      case 'settle':
        return this.stage.settle()
    }
  }

  /** The client that sits there now: whoever is gone comes back. */
  #seat(index: number): StageClient {
    const sitting = this.#seats[index]
    if (sitting !== undefined && this.stage.sessions?.get(sitting.session.id) !== undefined) return sitting
    const client = this.stage.connect(`user:${index}`)
    this.clients.push(client)
    this.#seats[index] = client
    this.#joinRefs.set(client, new Map())
    return client
  }

  #join(client: StageClient, topic: string): void {
    const ref = String(++this.#ref)
    this.#joinRefs.get(client)?.set(topic, ref)
    this.#speaker = client
    client.says(ref, ref, topic, 'phx_join')
  }

  #says(client: StageClient, topic: string, event: string): void {
    this.#speaker = client
    client.says(this.#joinRefs.get(client)?.get(topic) ?? null, String(++this.#ref), topic, event)
  }

  /** Everybody goes, and all that is at work ends. */
  async end(): Promise<void> {
    const { stage } = this
    for (const { session } of this.clients) session.disconnected(1006)
    // The end of one may begin another: a `terminate` that is async.
    do {
      for (const gate of this.#gates.splice(0)) gate.open()
      stage.adapter.confirm()
      await stage.settle()
    } while (this.#gates.length > 0 || stage.adapter.waiting > 0)
    await stage.clock.advance(30_000)
  }

  // The invariants

  checkNow(): void {
    for (const { most } of this.works.values()) assert.ok(most <= LIMIT, `${most} handlers and joins at work`)
    const { longestMailbox } = this.stage.sessions?.load ?? { longestMailbox: 0 }
    // Messages and joins and a leave for each, or messages and broadcasts.
    assert.ok(longestMailbox <= 3 * MAILBOX + 1, `${longestMailbox} wait`)
    for (const topic of TOPICS) {
      const channels = this.clients.filter(({ session }) => session.channel(topic) !== undefined).length
      const joining = this.clients.filter(({ session }) => session.channelCount > 0).length
      const subscribers = this.stage.subscribers(topic)
      assert.ok(
        subscribers >= channels && subscribers <= Math.max(channels, joining),
        `${subscribers} subscribers`,
      )
    }
  }

  checkWires(): void {
    for (const { wire } of this.clients) checkLines(wire.lines)
  }

  checkGone(): void {
    const { endpoint, sessions, clock, adapter } = this.stage
    assert.deepEqual(
      {
        connections: sessions?.connectionCount,
        channels: sessions?.channelCount,
        topics: endpoint.pubsub?.topics(),
        subscribed: [...adapter.topics].filter((topic) => topic.startsWith('topic:')),
        presences: TOPICS.map((topic) => endpoint.presence?.count(topic)),
        timers: clock.pending,
        paused: this.clients.filter(({ wire }) => wire.isPaused).length,
      },
      {
        connections: 0,
        channels: 0,
        topics: [],
        subscribed: [],
        presences: [0, 0],
        timers: this.#restTimers,
        paused: 0,
      },
    )
    assert.deepEqual(
      this.stage.crashes.filter((error) => !/^(thrown|rejected)$/.test((error as Error).message)),
      [],
    )
  }
}

const topicOf = ({ session }: StageClient): string => session.connectionTopic as string

/** The lines of one client: an answer to each ref at the most, an end to each join at the most, nothing before its answer. */
function checkLines(lines: readonly Line[]): void {
  const answered = new Set<unknown>()
  const ended = new Set<unknown>()
  const open = new Map<string, Set<unknown>>(TOPICS.map((topic) => [topic, new Set()]))
  for (const [joinRef, ref, topic, event, payload] of lines) {
    const joins = open.get(topic) ?? new Set()
    if (event === 'phx_reply') {
      assert.ok(!answered.has(ref), `a second answer to ${ref}`)
      answered.add(ref)
      if (joinRef === ref && (payload as { status: string }).status === 'ok') joins.add(ref)
    } else if (event === 'phx_close' || event === 'phx_error') {
      assert.ok(!ended.has(joinRef), `a second end of ${joinRef}`)
      ended.add(joinRef)
      joins.delete(joinRef)
    } else if (joinRef === null) assert.ok(joins.size > 0, `${event} on ${topic}, which is not joined`)
    else assert.ok(joins.has(joinRef), `${event} for the join ${joinRef}, which is not open`)
  }
}

function makeRoom(world: () => World): ChannelDefinition {
  const run = <T>(socket: Socket, value: T, work = false): T =>
    world().callback(socket.id, socket, value, work) as T
  const answer = (socket: Socket): object => run(socket, world().reply(socket.id, socket), true)
  const checked = Type.Refine(Any, () => {
    world().checked()
    return true
  })
  return defineChannel('room:*', {
    schema: {
      join: { payload: checked, reply: Any },
      in: {
        quick: { payload: checked, reply: Any },
        ask: { payload: Any, reply: Any },
        promise: { payload: Any, reply: Any },
        both: { payload: Any, reply: Any },
      },
      out: { plain: Any, rewritten: Any },
      presence: Type.Object({}),
    },
    join: ({ connection: { id } }) => {
      const given = world().callback(id, undefined, { assigns: {}, reply: world().reply(id) }, true)
      return given as { assigns: object; reply: object }
    },
    joined: (socket) => run(socket as never, undefined),
    in: {
      quick: () => ({}),
      ask: (_, socket) => answer(socket as never),
      promise: (_, socket) => later(Promise.resolve(answer(socket as never))) as never,
      both: async (_, socket) => later(Promise.resolve(answer(socket as never))) as never,
    },
    intercept: { rewritten: (payload, socket) => run(socket as never, payload) },
    terminate: (_, socket) => run(socket as never, undefined),
  }) as ChannelDefinition
}
