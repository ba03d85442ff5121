import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { type BerylOptions, Binary, beryl, defineChannel, fail, reject, stop } from 'fastify-beryl'
import { Type } from 'typebox'

const Text = Type.Object({ text: Type.String() })

const room = defineChannel('room:*', {
  schema: {
    join: {
      payload: Type.Object({ name: Type.String() }),
      reply: Type.Object({ room: Type.String(), token: Type.String() }),
    },
    in: {
      echo: { payload: Text, reply: Text },
      refuse: { payload: Type.Object({}), reply: Text },
      say: { payload: Text, reply: Type.Object({}) },
      whisper: { payload: Text, reply: Type.Object({}) },
      ask: { payload: Type.Object({}), reply: Type.Object({}) },
      bytes: { payload: Binary(), reply: Binary() },
      share: { payload: Binary(), reply: Type.Object({}) },
      rename: { payload: Text, reply: Type.Object({}) },
      crash: Type.Object({}),
      stop: { payload: Type.Object({}), reply: Type.Object({}) },
    },
    out: { said: Text, told: Text, shared: Binary() },
    presence: Type.Object({ name: Type.String() }),
  },
  join({ id, payload, connection }) {
    if (payload.name === 'Mallory') return reject({ reason: 'unwelcome' })
    const reply = { room: id, token: String(connection.assigns.token ?? 'none') }
    return { assigns: { name: payload.name }, reply }
  },
  joined({ assigns, presence }) {
    presence.track(assigns.name, { name: assigns.name })
  },
  in: {
    echo: (payload) => payload,
    refuse: () => fail({ reason: 'not today' }),
    say: (payload, socket) => {
      socket.broadcast('said', payload)
      return {}
    },
    whisper: (payload, socket) => {
      socket.broadcastFrom('said', payload)
      return {}
    },
    ask: (_payload, socket) => {
      socket.push('told', { text: 'you alone' })
      return {}
    },
    bytes: (payload) => payload.toReversed(),
    share: (payload, socket) => {
      socket.broadcast('shared', payload)
      return {}
    },
    rename: ({ text }, { assigns, presence }) => {
      presence.update(assigns.name, { name: text })
      return {}
    },
    crash: () => {
      throw new Error('as asked')
    },
    stop: () => stop('normal', {}),
  },
})

/** The server that all clients are tried on. It can be stopped, and started again on the same port. */
export class ClientServer {
  /** True while `connect` lets clients in. */
  isOpen = true
  readonly #prepare: (app: FastifyInstance) => void
  #app: FastifyInstance | undefined
  readonly #options: BerylOptions
  /** The extensions that were agreed to with clients. */
  readonly extensions = new Set<string>()
  #port = 0

  /** @param prepare Adds routes of the test's own. */
  constructor(prepare: (app: FastifyInstance) => void = () => {}, options: BerylOptions = {}) {
    this.#prepare = prepare
    this.#options = options
  }

  get origin(): string {
    return `127.0.0.1:${this.#port}`
  }

  get url(): string {
    return `ws://${this.origin}/socket`
  }

  async start(): Promise<void> {
    const app = Fastify()
    await app.register(beryl, {
      channels: [room],
      connect: ({ params, authToken }) =>
        this.isOpen ? { assigns: { name: params.name, token: authToken } } : reject({ reason: 'closed' }),
      connectionTopic: ({ assigns }) => `user:${assigns.name}`,
      // A client that polls is gone after three seconds.
      longPoll: { windowMs: 2_000 },
      ...this.#options,
    })
    app.websocketServer.on('connection', ({ extensions }) => void this.extensions.add(extensions))
    this.#prepare(app)
    await app.listen({ port: this.#port, host: '127.0.0.1' })
    this.#port = (app.server.address() as AddressInfo).port
    this.#app = app
  }

  async stop(): Promise<void> {
    await this.#app?.close()
    this.#app = undefined
  }

  /** Closes the connections of a user, as an application does that takes a session away. */
  disconnect(name: string): void {
    this.#app?.channels.disconnect(`user:${name}`)
  }
}
