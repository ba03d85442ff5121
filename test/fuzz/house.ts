import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { Binary, beryl, defineChannel, reject, stop } from '../../src/index.ts'
import { type CountingClock, countingClock } from '../support/counting-clock.ts'
import { Peer } from '../support/peer.ts'
import { until } from '../support/until.ts'
import { Violation } from './judge.ts'

const room = defineChannel('room:*', {
  schema: {
    in: {
      echo: { payload: Type.Any(), reply: Type.Any() },
      say: Type.Object({ body: Type.String() }),
      wait: { reply: Type.Object({ waited: Type.Boolean() }) },
      bytes: { payload: Binary(), reply: Binary() },
      boom: {},
      quit: {},
    },
    out: { said: Type.Object({ body: Type.String() }) },
    presence: Type.Object({ at: Type.Number() }),
  },
  join: () => ({ assigns: {} }),
  joined(socket) {
    socket.presence.track('somebody', { at: 1 })
  },
  in: {
    echo: (payload) => payload,
    say: (payload, socket) => socket.broadcast('said', payload),
    wait: async () => {
      await setImmediate()
      return { waited: true }
    },
    bytes: (payload) => payload,
    boom() {
      throw new Error('boom')
    },
    quit: () => stop('normal'),
  },
})

const control = defineChannel('control', {
  schema: {
    in: { tick: { payload: Type.Object({ n: Type.Integer() }), reply: Type.Object({ n: Type.Integer() }) } },
    out: { tock: Type.Object({ n: Type.Integer() }) },
  },
  join: () => ({ assigns: {} }),
  in: {
    tick(payload, socket) {
      socket.broadcast('tock', payload)
      return payload
    },
  },
})

const CHANNELS = [
  room,
  control,
  defineChannel('shy:*', { schema: {}, join: () => reject({ reason: 'shy' }) }),
  defineChannel('strict:*', {
    schema: { join: Type.Object({ n: Type.Integer() }) },
    join: () => ({ assigns: {} }),
  }),
  defineChannel('bang:*', {
    schema: {},
    join() {
      throw new Error('boom')
    },
  }),
  defineChannel('slow:*', {
    schema: {},
    async join() {
      await setImmediate()
      return { assigns: {} }
    },
  }),
]

const TICKS_PER_HEARTBEAT = 50

/** Places for clients: after all have left, so many must be free again. */
export const PLACES = 40

/**
 * The application under fire, with two control clients on real sockets. Each {@link House.tick} sends one numbered message
 * between them, answered and broadcast: whatever else goes on, none may be lost.
 */
export class House {
  readonly app: FastifyInstance
  readonly port: number
  readonly #clock: CountingClock
  readonly #timers: number
  readonly #speaker: Peer
  readonly #listener: Peer
  readonly #crashes: unknown[] = []
  #ticks = 0
  #answered = 0
  #heard = 0

  static async open(): Promise<House> {
    const clock = countingClock()
    const app = Fastify()
    await app.register(beryl, {
      channels: CHANNELS,
      clock,
      compression: { mode: 'shared', thresholdBytes: 64 },
      presence: { broadcastMs: 10, limits: { changesPerSecond: false } },
      limits: { messages: false, joins: false, bytesPerSecond: false, connections: PLACES },
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    const timers = clock.pending
    const [speaker, listener] = [await Peer.open({ port }), await Peer.open({ port })]
    const house = new House(app, port, { clock, timers, speaker, listener })
    await house.#begin()
    return house
  }

  private constructor(
    app: FastifyInstance,
    port: number,
    rest: { clock: CountingClock; timers: number; speaker: Peer; listener: Peer },
  ) {
    this.app = app
    this.port = port
    this.#clock = rest.clock
    this.#timers = rest.timers
    this.#speaker = rest.speaker
    this.#listener = rest.listener
    const crashed = (error: unknown): void => {
      if (!isExpected(error)) this.#crashes.push(error)
    }
    app.channels.onTelemetry('channel.crash', (_, { error }) => crashed(error))
    app.channels.onTelemetry('channel.join', (_, { error }) => error !== undefined && crashed(error))
    app.channels.onTelemetry('listener.failed', (_, { error }) => crashed(error))
  }

  /** The numbered messages between the control clients: sent, answered and heard, all the same number. */
  get ticks(): number {
    return this.#ticks
  }

  async #begin(): Promise<void> {
    let joins = 0
    this.#speaker.onMessage = this.#listener.onMessage = () => joins++
    for (const peer of [this.#speaker, this.#listener]) peer.text('["1","1","control","phx_join",{}]')
    await until('the control clients have joined', () => joins === 2)
    this.#listener.onMessage = (payload) => this.#hears(payload.toString())
    this.#speaker.onMessage = (payload) => this.#isAnswered(payload.toString())
  }

  #hears(text: string): void {
    const [, , topic, event, { n }] = JSON.parse(text)
    if (topic === 'phoenix') return
    if (event !== 'tock' || n !== ++this.#heard) throw new Violation(`the control client heard ${text}`)
  }

  #isAnswered(text: string): void {
    const [, , , event, payload] = JSON.parse(text)
    if (event === 'tock') return
    if (payload.response?.n !== ++this.#answered) throw new Violation(`the control client was told ${text}`)
  }

  /** One numbered message between the control clients, answered and heard. */
  async tick(): Promise<void> {
    const n = ++this.#ticks
    // A client that only listens must say that it lives.
    if (n % TICKS_PER_HEARTBEAT === 0) this.#listener.text('[null,"h","phoenix","heartbeat",{}]')
    this.#speaker.text(`["1","t${n}","control","tick",{"n":${n}}]`)
    await until(
      () => `tick ${n} is answered (${this.#answered}) and heard (${this.#heard}): ${this.#controlState()}`,
      () => this.#answered >= n && this.#heard >= n,
    )
  }

  #controlState(): string {
    const states = [this.#speaker, this.#listener].map(({ isGone, closeCode }) => `${isGone} ${closeCode}`)
    return `gone: ${states.join(', ')}; ${JSON.stringify(this.app.channels.status())}`
  }

  /** Waits until nothing is left of anybody but the control clients, and looks for what went wrong meanwhile. */
  async calm(): Promise<void> {
    const { channels, presence } = this.app
    const isCalm = (): boolean => {
      const { connections, channels: joined, topics } = channels.status()
      return connections === 2 && joined === 2 && topics === 1
    }
    await until('only the control clients are left', isCalm, 20_000)
    for (const topic of ['room:1', 'room:2', 'room:'])
      if (presence.count(topic) !== 0) throw new Violation(`a presence is left on ${topic}`)
    if (this.#crashes.length > 0)
      throw new Violation('an error that no handler threw', { cause: this.#crashes[0] })
    for (const peer of [this.#speaker, this.#listener])
      if (peer.isGone || peer.broken !== undefined)
        throw new Violation(`a control client ended: ${peer.broken}`)
  }

  /** Everybody leaves: every timer and every place is free again. */
  async close(): Promise<void> {
    await this.calm()
    await this.#allPlacesAreFree()
    await Promise.all([this.#speaker.close(), this.#listener.close()])
    await until('the timers are back to their number', () => this.#clock.pending <= this.#timers, 20_000)
    await this.app.close()
    assert.equal(this.#clock.pending, 0, 'a timer is left after close')
    await until('no socket is left after close', () => openSockets() === 0, 20_000)
  }

  async #allPlacesAreFree(): Promise<void> {
    const peers: Peer[] = []
    for (let place = 2; place < PLACES; place++) peers.push(await Peer.open({ port: this.port }))
    await Promise.all(peers.map((peer) => peer.close()))
    await this.calm()
  }
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
}

/** The errors that the application throws on purpose, and the one that it cannot know of: a join_ref too long for its bytes. */
function isExpected(error: unknown): boolean {
  return error instanceof Error && (error.message === 'boom' || /255 bytes at most/.test(error.message))
}
