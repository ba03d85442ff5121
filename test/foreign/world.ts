import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyServerOptions } from 'fastify'
import beryl, {
  type BerylOptions,
  type ChannelDefinition,
  type Clock,
  defineChannel,
  type PubSubLog,
  reject,
  type Socket,
} from 'fastify-beryl'
import { berylMetrics } from 'fastify-beryl/metrics'
import { connect, memoryNetwork, type TestClient } from 'fastify-beryl/testing'
import { Gauge, Registry } from 'prom-client'
import { Type } from 'typebox'
import { systemClock } from '../../src/ground/clock.ts'
import { local } from '../../src/pubsub/local.ts'
import type { Behaviour } from './behaviours.ts'
import { byPoll, type Place } from './places.ts'
import { room } from './room.ts'

/** A place that calls itself would have no end. */
const MAX_PLAYED = 50

/** Where the turns of a join are taken: within the call, behind a promise of `join`, behind the adapter's confirmation. */
export type Variant = 'at once' | 'async join' | 'async adapter'

export const variants: readonly Variant[] = ['at once', 'async join', 'async adapter']

/** The client in whose name the foreign code runs. It sends what it likes and waits for nothing. */
export class Victim {
  readonly client: TestClient
  #refs = 0
  #joinRef: string | null = null

  constructor(client: TestClient) {
    this.client = client
  }

  tell(topic: string, event: string, given: object, ref = `v${++this.#refs}`): void {
    if (this.client.closed !== undefined) return
    const isJoin = event === 'phx_join'
    if (isJoin) this.#joinRef = ref
    const payload = isJoin ? { ...given, $resume: this.#position(topic) } : given
    this.client.send({ joinRef: this.#joinRef, ref, topic, event, payload })
  }

  /** The position that the last join was told, or a wish for one. Where there is no history the key does nothing. */
  #position(topic: string): unknown {
    const positions = this.client.received.flatMap(({ topic: of, payload }) => {
      const { response } = (payload ?? {}) as { response?: { $resume?: { epoch: string; offset: number } } }
      const { epoch, offset } = response?.$resume ?? {}
      return of === topic && epoch !== undefined ? [{ epoch, offset }] : []
    })
    return positions.at(-1) ?? true
  }
}

/** An application with foreign code in every place, of which one misbehaves. */
export class World {
  readonly app: FastifyInstance
  readonly variant: Variant
  readonly place: Place
  readonly #behaviour: Behaviour
  victim = undefined as unknown as Victim
  /** The socket of the victim in room:1, once it has one. */
  socket: Socket | undefined
  /** Times that the place has misbehaved. */
  played = 0
  #isArmed = false
  #isPlaying = false
  closing: Promise<unknown> | undefined

  private constructor(place: Place, behaviour: Behaviour, variant: Variant) {
    this.place = place
    this.variant = variant
    this.#behaviour = behaviour
    // A hook that hangs is given up on after so long.
    const pluginTimeout = place.isAtTheEnd && this.isEndless ? 500 : 10_000
    this.app = Fastify({ pluginTimeout, ...this.#logging() })
  }

  static async make(place: Place, behaviour: Behaviour, variant: Variant): Promise<World> {
    const world = new World(place, behaviour, variant)
    const { app } = world
    world.#hooks('before')
    await app.register(beryl, world.#options())
    world.#hooks('behind')
    await world.#metrics()
    await app.ready()
    return world
  }

  /** The result of foreign code in a place: normally that, and now and then something else. */
  at<T>(place: string, normal: () => T): T {
    // Not within itself: what enters the library may come by again.
    if (place !== this.place.name || !this.#isArmed || this.#isPlaying || this.played >= MAX_PLAYED)
      return normal()
    this.played++
    this.#isPlaying = true
    try {
      return this.#behaviour.play(this, normal) as T
    } finally {
      this.#isPlaying = false
    }
  }

  arm(isArmed: boolean): void {
    this.#isArmed = isArmed
  }

  track(key: string): void {
    if (this.socket !== undefined)
      this.app.presence.track('room:1', key, { n: 1 }, { owner: this.socket as never })
  }

  update(): void {
    const { socket } = this
    if (socket === undefined) return
    const update = (): { n: number } => this.at('update function of a presence', () => ({ n: 2 }))
    this.app.presence.update('room:1', 'me', update, { owner: socket as never })
  }

  infoThatSpeaks(): object {
    return { toJSON: () => this.at('toJSON of an info', () => ({ n: 1 })) }
  }

  /** Writes to the log of room:1, reads it and, where that is to misbehave, forgets it: all positions end with it. */
  remember(): void {
    if (!this.hasHistory) return
    const { channels } = this.app
    channels.publish('room:1', 'logged', { n: 3 }).catch(() => {})
    channels.history('room:1').catch(() => {})
    if (this.place.name === 'adapter.log.forget') channels.forgetHistory('room:1').catch(() => {})
  }

  /** Lets Prometheus read; it is told the figures, or that something is wrong. */
  scrape(): void {
    void this.app.inject('/metrics').then(
      ({ statusCode }) => assert.notEqual(statusCode, 404),
      // Closed meanwhile.
      () => {},
    )
  }

  /** Expectations of a test, whose patterns are functions. */
  expectations(): void {
    const { client } = this.victim
    const payload = (): boolean => this.at('a function in a pattern', () => false)
    // They reject where the function throws.
    void client.refuteMessage({ payload }).catch(() => {})
    void client.expectMessage({ payload }).catch(() => {})
  }

  /** True where it waits for what never comes. */
  get isEndless(): boolean {
    return this.#behaviour.needs === 'time'
  }

  closeApp(): Promise<unknown> {
    this.closing ??= this.app.close()
    return this.closing
  }

  connect(user: string): Promise<TestClient> {
    return connect(this.app, { params: { user }, headers: { origin: 'http://localhost' } })
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 4; turn++) await setImmediate()
  }

  #options(): BerylOptions {
    const { place } = this
    return {
      channels: [room(this), calmChannel] as readonly ChannelDefinition[],
      connect: ({ params, request }) =>
        this.at(byPoll('connect', request.url), () =>
          this.#granted('connect', { user: params.user }),
        ) as never,
      renew: ({ token }) => this.at('renew', () => this.#renewed(token)) as never,
      connectionTopic: ({ assigns, transport }) =>
        this.at(
          assigns.isRenewed === true ? 'connectionTopic of a renewal' : byPoll('connectionTopic', transport),
          () => `user:${assigns.user}`,
        ),
      checkOrigin: (_, { url }) => this.at(byPoll('checkOrigin', url), () => true),
      longPoll: { windowMs: 100, secret: 's'.repeat(32) },
      pubsub: this.#adapter(),
      clock: promptClock,
      supervision: { onGiveUp: () => this.at('supervision.onGiveUp', () => {}) },
      limits: {
        handshakeTimeoutMs: ['connect', 'connect of a poll', 'renew'].includes(place.name) ? 20 : 10_000,
        joins: false,
        messages: false,
      },
      drain: { pauseMs: 0, handlerMs: 10, closeMs: 10, timeoutMs: 100 },
    }
  }

  #renewed(token: string): unknown {
    const toJSON = (): object => this.at('toJSON of the error of a renewal', () => ({ n: 1 }))
    return token === 'no' ? reject({ toJSON }) : this.#granted('renew', { user: 'victim', isRenewed: true })
  }

  #granted(callback: string, assigns: object): object {
    const at = (): object => this.at(`a getter of what ${callback} gives`, () => assigns)
    return Object.defineProperty({}, 'assigns', { enumerable: true, get: at })
  }

  /** Its room has a history, of the event `logged`. */
  get hasHistory(): boolean {
    return this.place.name.startsWith('adapter.log')
  }

  #log(log: PubSubLog): PubSubLog {
    const at = this.at.bind(this)
    const { here } = log
    return {
      listen: (listener) => at('adapter.log.listen', () => log.listen(listener)),
      append: (...args) => at('adapter.log.append', () => log.append(...args)),
      read: (...args) => at('adapter.log.read', () => log.read(...args)),
      forget: (topic) => at('adapter.log.forget', () => log.forget(topic)),
      here: here && ((topic) => at('adapter.log.here', () => here.call(log, topic))),
    }
  }

  #adapter(): NonNullable<BerylOptions['pubsub']> {
    // Only a log in the memory of the process has its entries there.
    const inner = this.place.name === 'adapter.log.here' ? local() : memoryNetwork().adapter()
    const at = this.at.bind(this)
    // It is asked only where some topics are out of reach, and one was not confirmed at once.
    const isPartial = this.place.name === 'adapter.isDeaf'
    const status = () => (isPartial ? 'partial' : inner.status)
    const isAsync = isPartial || this.variant === 'async adapter'
    return {
      name: 'foreign',
      start: (...args) => at('adapter.start', () => inner.start(...args)),
      publish: (...args) => at('adapter.publish', () => inner.publish(...args)),
      subscribe: (topic) =>
        at('adapter.subscribe', () => {
          const done = inner.subscribe(topic)
          return isAsync ? done : undefined
        }),
      unsubscribe: (topic) => at('adapter.unsubscribe', () => inner.unsubscribe(topic)),
      log: inner.log && this.#log(inner.log),
      get status() {
        return at('adapter.status', () => status())
      },
      isDeaf: () => at('adapter.isDeaf', () => false),
      stop: () => at('adapter.stop', () => inner.stop()),
    }
  }

  #hooks(side: 'before' | 'behind'): void {
    const hook = (name: 'preClose' | 'onClose') => async () =>
      this.at(`${name === 'onClose' ? 'an' : 'a'} ${name} hook ${side} the plugin`, () => {})
    this.app.addHook('preClose', hook('preClose'))
    this.app.addHook('onClose', hook('onClose'))
  }

  async #metrics(): Promise<void> {
    const register = new Registry()
    const at = this.at.bind(this)
    new Gauge({
      name: 'foreign',
      help: 'A metric of the application',
      registers: [register],
      collect: () => at('collect of a metric', () => {}),
    })
    await this.app.register(berylMetrics, { register, path: '/metrics' })
  }

  #logging(): FastifyServerOptions {
    const { name } = this.place
    const err = (): never => this.at('a serializer of the logger', () => ({}) as never)
    const stream = { write() {} }
    if (name === 'a serializer of the logger')
      return { logger: { level: 'debug', serializers: { err }, stream } }
    if (name === 'a method of the logger that is asked by us alone')
      return { loggerInstance: this.#logger(name, silent) }
    return name.includes('logger') ? { loggerInstance: this.#logger('a method of the logger') } : {}
  }

  /** @param child that of callbacks and requests; Fastify makes its own of the logger at the start */
  #logger(place: string, child?: FastifyBaseLogger): FastifyBaseLogger {
    const write = (): unknown => this.at(place, () => undefined)
    const logger: object = {
      level: 'debug',
      isLevelEnabled: () => this.at('isLevelEnabled of the logger', () => true),
      child: () => this.at('child of the logger', () => (this.#isArmed ? (child ?? logger) : logger)),
      silent() {},
    }
    for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal'])
      Object.assign(logger, { [level]: write })
    return logger as unknown as FastifyBaseLogger
  }
}

const silent = Fastify().log

/** A timer of nothing runs within the turns that the story waits for. */
const promptClock: Clock = {
  ...systemClock,
  setTimeout: (callback, ms) =>
    ms === 0 ? systemClock.setImmediate(callback) : systemClock.setTimeout(callback, ms),
}

/** A channel that nobody may disturb. */
export const calmChannel = defineChannel('calm:*', {
  schema: {
    in: { echo: { payload: Type.Number(), reply: Type.Number() } },
    out: { news: Type.Number() },
  },
  join: () => ({ assigns: {} }),
  in: { echo: (n) => n },
})
