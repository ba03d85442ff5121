import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { beryl, defineChannel, reject } from 'fastify-beryl'
import { room } from './contract.ts'

const PAGE = `<!doctype html><link rel="icon" href="data:," />
<div id="root"></div><script src="/page.js"></script>`

/** The server of the page. It writes down who joins and who leaves, and can be stopped and started again on the same port. */
export class HookServer {
  readonly seen: { readonly topic: string; readonly line: string }[] = []
  /** True while it lets Mallory in. */
  isKind = false
  readonly #script: string
  #app: ReturnType<typeof Fastify> | undefined
  #port = 0

  constructor(script: string) {
    this.#script = script
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}/socket`
  }

  /** All that came and went in a topic, in order: `join ada`, `leave ada left`. */
  of(topic: string): string[] {
    return this.seen.filter((seen) => seen.topic === topic).map(({ line }) => line)
  }

  say(topic: `room:${string}`, text: string): void {
    this.#app?.channels.broadcast(topic as never, 'said' as never, { text } as never)
  }

  async start(): Promise<void> {
    const app = Fastify({ forceCloseConnections: true })
    await app.register(beryl, { channels: [this.#room()], limits: { messages: false, joins: false } })
    app.get('/', (_request, reply) => reply.type('text/html').send(PAGE))
    app.get('/page.js', (_request, reply) => reply.type('text/javascript').send(this.#script))
    await app.listen({ port: this.#port, host: '127.0.0.1' })
    this.#port = (app.server.address() as AddressInfo).port
    this.#app = app
  }

  async stop(): Promise<void> {
    const app = this.#app
    this.#app = undefined
    await app?.close()
  }

  #room() {
    return defineChannel(room, {
      join: ({ topic, payload: { name } }) => {
        this.seen.push({ topic, line: `join ${name}` })
        if (name === 'mallory' && !this.isKind) return reject({ reason: 'unwelcome' as const })
        return { assigns: { name }, reply: { welcome: name } }
      },
      joined: (socket) => {
        socket.presence.track(socket.assigns.name, { name: socket.assigns.name })
        // So early that only who listens before the reply hears it.
        socket.push('said', { text: `hello ${socket.assigns.name}` })
      },
      in: {
        say: (payload, socket) => {
          socket.broadcast('said', payload)
          return payload
        },
      },
      terminate: ({ kind }, { topic, assigns }) => {
        this.seen.push({ topic, line: `leave ${assigns.name} ${kind}` })
      },
    })
  }
}
