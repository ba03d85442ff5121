import type { ChannelDefinition } from '../channel/infer.ts'
import { checkPresence } from '../channel/outgoing.ts'
import { Router } from '../channel/router.ts'
import { Routers } from '../channel/routers.ts'
import type { Clock } from '../ground/clock.ts'
import { berylError } from '../ground/errors.ts'
import { Telemetry } from '../ground/telemetry.ts'
import { GroupRegister } from '../groups/register.ts'
import { Histories } from '../history/histories.ts'
import { socketPresence } from '../presence/channel-presence.ts'
import { PresenceRegister } from '../presence/register.ts'
import { AdapterDoor } from '../pubsub/door.ts'
import type { TopicListener } from '../pubsub/listeners.ts'
import { makeNodeName, PubSub } from '../pubsub/pubsub.ts'
import type { ResolvedSessionLimits } from '../session/options.ts'
import { Turn } from '../session/outbox.ts'
import type { SessionTerms } from '../session/runtime.ts'
import { Sessions } from '../session/sessions.ts'
import type { SupervisorEvent } from '../supervision/events.ts'
import { PollRelay } from '../transport/longpoll/relay.ts'
import { Deflater } from '../transport/websocket/deflater.ts'
import { Entrances } from './entrances.ts'
import { FastifyHost } from './host.ts'
import { ConnectionsInbox } from './inbox.ts'
import type { ResolvedOptions } from './options.ts'
import { Outbound, type SendCall } from './outbound.ts'
import { TreePhase } from './phase.ts'

/** A listener that outlives the pubsub it listens to. */
interface Listening {
  readonly topic: string
  readonly listener: TopicListener
  end: () => void
}

/**
 * The part behind the decorators that outlives every restart: the registered channels, the handles, the ledgers of
 * presence and groups. The processes of the tree come and go; the endpoint makes them and knows the current ones.
 */
export class Endpoint {
  readonly node = makeNodeName()
  readonly options: ResolvedOptions
  readonly clock: Clock
  readonly host = new FastifyHost()
  /** That of the plugin's own entrance. */
  readonly router: Router
  readonly routers = new Routers()
  readonly entrances = new Entrances()
  /** The terms of the plugin's own entrance. */
  readonly terms: SessionTerms
  /** True where connections have names by which they can be found. */
  namesConnections: boolean
  readonly telemetry = new Telemetry()
  /** One for all entrances: a broadcast is compressed once for them all. */
  readonly compression: boolean | Deflater
  /** The way of polls whose session is on another node. */
  readonly polls: PollRelay
  readonly presence: PresenceRegister | undefined
  readonly groups: GroupRegister | undefined
  pubsub: PubSub | undefined
  /** The logs of topics: absent where the adapter keeps none, and before the tree has started. */
  history: Histories | undefined
  sessions: Sessions | undefined
  readonly phase = new TreePhase(this.telemetry)
  readonly outbound = new Outbound(
    this.routers,
    (call, topic) => this.openPubSub(call, topic),
    () => this.history,
  )
  readonly #door: AdapterDoor
  readonly #inbox = new ConnectionsInbox(
    () => this.sessions,
    this.routers,
    this.telemetry,
    (name, event, payload) => this.#toGroup(name, event, payload),
  )
  readonly #turn: Turn
  readonly #listening = new Set<Listening>()
  #connections = 0

  constructor(options: ResolvedOptions) {
    this.options = options
    this.clock = options.clock
    this.#door = new AdapterDoor(options.pubsub, this.telemetry, options.clock)
    this.#turn = new Turn(options.clock)
    this.polls = new PollRelay(options.clock)
    this.compression = deflaterOf(options.compression, options.clock)
    this.router = this.makeRouter(options.channels)
    this.routers.add(this.router)
    this.terms = termsOf(options.limits, this.router)
    this.namesConnections = options.connectionTopic !== undefined
    this.presence = options.presence && this.#makePresence(options.presence)
    this.groups = options.groups ? this.#makeGroups() : undefined
  }

  /** A router of the channels that one entrance begins with. @throws as {@link Router.register} */
  makeRouter(channels: readonly ChannelDefinition[]): Router {
    const { log, name } = this.options.pubsub
    const router = new Router(this.options.presence !== undefined, { name, hasLog: log !== undefined })
    for (const definition of channels) router.register(definition)
    return router
  }

  // Started by the tree

  async startPubSub(signal?: AbortSignal): Promise<PubSub> {
    const pubsub = new PubSub(this.node, this.#door, this.#inbox, this.telemetry)
    const history = this.#makeHistories(pubsub)
    try {
      await pubsub.start(signal)
    } catch (error) {
      history?.stop()
      throw error
    }
    this.pubsub = pubsub
    this.history = history
    this.polls.attach(pubsub.lane('longpoll'))
    for (const listening of this.#listening)
      listening.end = pubsub.listen(listening.topic, listening.listener)
    return pubsub
  }

  startSessions(): Sessions {
    const { clock, host } = this
    this.sessions = new Sessions(
      {
        host,
        telemetry: this.telemetry,
        turn: this.#turn,
        pubsub: this.#runningPubSub,
        presence: socketPresence(this.presence),
        history: this.history,
        parse: (text) => host.parse(text),
        clock,
      },
      this.options,
    )
    return this.sessions
  }

  /** The pubsub, for what the tree starts behind it. */
  get #runningPubSub(): PubSub {
    if (this.pubsub === undefined) throw berylError('BERYL_ERR_NOT_RUNNING', 'no pubsub')
    return this.pubsub
  }

  /** The logs of topics, for as long as a pubsub runs. */
  #makeHistories(pubsub: PubSub): Histories | undefined {
    const { log } = this.options.pubsub
    if (log === undefined) return undefined
    const lane = pubsub.lane('history')
    const histories = new Histories(log, {
      node: this.node,
      clock: this.clock,
      telemetry: this.telemetry,
      maxBytes: this.options.limits.historyBytes,
      historyOf: (topic) => this.routers.historyOf(topic),
      deliver: (entry) => pubsub.deliverEntry(entry),
      hears: (topic) => pubsub.hears(topic),
      checkLength: (topic, bytes) => pubsub.checkLength(topic, bytes),
      announce: (topic) => lane.publish(Buffer.from(topic)),
      failed: (error) => this.#door.failed('listen', error),
    })
    lane.listen((_node, bytes) => histories.announced(Buffer.from(bytes).toString()))
    pubsub.watch(histories)
    void pubsub.exited.then(() => histories.stop())
    return histories
  }

  #makePresence(options: NonNullable<ResolvedOptions['presence']>): PresenceRegister {
    return new PresenceRegister({
      options,
      clock: this.clock,
      // In the writes of the turn: a join is answered and told of the others in one.
      atTurnEnd: (tell) => this.#turn.atEnd(tell),
      lane: () => this.#runningPubSub.lane('presence'),
      sink: {
        subscribers: (topic) => {
          const count = this.pubsub?.subscriberCount(topic) ?? 0
          return count > 0 && this.routers.tellsPresence(topic) ? count : 0
        },
        diff: (topic, diff) => this.pubsub?.localBroadcast(topic, 'presence_diff', diff),
      },
      checkOpen: () => this.phase.checkOpen(),
      checkMeta: (topic, meta) => {
        for (const channel of this.routers.match(topic)) checkPresence(channel, meta)
      },
      report: (event) => {
        this.telemetry.emit('presence.event', {}, event)
        if (event.type === 'limit_reached') {
          this.telemetry.emit('limit.reached', {}, { limit: `presence.limits.${event.limit}` })
        }
      },
    })
  }

  #makeGroups(): GroupRegister {
    return new GroupRegister({
      clock: this.clock,
      lane: () => this.#runningPubSub.lane('groups'),
      isServed: (topic) => this.routers.match(topic).length > 0,
      broadcast: (topic, event, payload) => this.outbound.broadcast(topic, event, payload),
      checkSending: () => this.phase.checkSending(),
      checkOpen: () => this.phase.checkOpen(),
      report: (event) => this.telemetry.emit('groups.event', {}, event),
    })
  }

  /** The pubsub for what the server itself sends: see `OpenPubSub`. */
  openPubSub(call: SendCall, topic: string): PubSub | undefined {
    if (this.pubsub?.isOpen) return this.pubsub
    this.phase.checkSending()
    this.telemetry.emit('send.dropped', { messages: 1 }, { call, topic })
    return undefined
  }

  /** From a publisher, which does not know the topics. Those whose channel does not declare the event are passed by. */
  #toGroup(name: string, event: string, payload: unknown): void {
    for (const topic of this.groups?.has(name) ? this.groups.topics(name) : [])
      if (this.routers.match(topic).some(({ out }) => out.has(event)))
        this.pubsub?.localBroadcast(topic, event, payload)
  }

  /** Listens to a topic over all restarts of the pubsub. */
  listen(topic: string, listener: TopicListener): () => void {
    const listening: Listening = { topic, listener, end: () => {} }
    this.#listening.add(listening)
    if (this.pubsub !== undefined) listening.end = this.pubsub.listen(topic, listener)
    return () => {
      if (this.#listening.delete(listening)) listening.end()
    }
  }

  makeConnectionId(): string {
    this.#connections++
    // Flat: a template would keep its parts, as three strings.
    return [this.node, this.#connections.toString(36)].join('.')
  }

  /** Takes what happens in the tree. */
  report(event: SupervisorEvent): void {
    this.telemetry.emit('supervisor.event', {}, event)
  }
}

function deflaterOf(compression: ResolvedOptions['compression'], clock: Clock): boolean | Deflater {
  return typeof compression === 'boolean' ? compression : new Deflater(compression.thresholdBytes, clock)
}

/** The terms of an entrance with these limits and channels. */
export function termsOf({ mailbox, timers, ...limits }: ResolvedSessionLimits, router: Router): SessionTerms {
  return { ...limits, mailboxLimit: mailbox, timerLimit: timers, router }
}
