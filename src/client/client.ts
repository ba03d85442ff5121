import type { PayloadArgument } from '../contract/schema.ts'
import { type Channel, type Topics, TopicUser } from './channel.ts'
import { ChannelError, JOIN } from './error.ts'
import { Listeners } from './listeners.ts'
import type { PhoenixChannel, PhoenixSocket } from './phoenix.ts'
import { type Line, type OwnLine, openSocket, type SocketOptions } from './socket.ts'
import { type Link, Topic } from './topic.ts'
import type { AnyApp, ClientState, JoinPayload, Position, SchemaAt, TopicIn } from './types.ts'

export interface ClientOptions extends SocketOptions {
  /** A join and a push wait so long for their answer, and a push for its join. @default 10_000 */
  readonly timeoutMs?: number | undefined
}

export interface ChannelOptions {
  /** The position at which it begins: what came since is heard, where the server still has it. @default now */
  readonly from?: Position | undefined
}

/** The connection of a program to its server, with all its channels. */
export interface Client<App extends AnyApp = AnyApp> {
  readonly state: ClientState
  /**
   * A topic, which is not joined yet: nothing happens. All channels of a client with the same topic share one join.
   *
   * @param args The payload of the join, where its contract has one, and {@link ChannelOptions}.
   * @throws `TypeError` where the topic is joined with another payload
   */
  channel<T extends TopicIn<App>>(
    topic: T,
    ...args: [...PayloadArgument<JoinPayload<SchemaAt<App, T>>>, options?: ChannelOptions | undefined]
  ): Channel<SchemaAt<App, T>, T>
  /** Listens to the state. Gives what ends it. */
  onState(handler: (state: ClientState, detail: { readonly error?: unknown }) => void): () => void
  /** Leaves all channels, and disconnects; from a socket that was given it only leaves. Resolves when that is done. */
  close(): Promise<void>
}

/**
 * A client of a server of `fastify-beryl`, over phoenix.js. It connects with the first join.
 *
 * @typeParam App The contracts of the application, `[typeof room, typeof board]`. Without them a topic is a string, and payloads unknown.
 * @param target The path or URL of the socket, as for phoenix.js: `/socket`, `wss://example.com/socket`. Or a `Socket` of phoenix.js,
 * whose options, reconnects and token stay its own.
 * @throws `TypeError`
 */
export function createClient<App extends AnyApp = AnyApp>(
  target: string | PhoenixSocket,
  options: ClientOptions = {},
): Client<App> {
  const { timeoutMs = 10_000, ...others } = options
  if (!(timeoutMs > 0))
    throw new TypeError(`createClient: timeoutMs: wanted a number above 0, got ${timeoutMs}`)
  if (typeof target === 'string')
    return new SocketClient(openSocket(target, others, timeoutMs), timeoutMs) as unknown as Client<App>
  if (typeof target?.channel === 'function')
    return new SocketClient(
      { socket: target, connect: () => target.connect() },
      timeoutMs,
    ) as unknown as Client<App>
  throw new TypeError(`createClient: wanted a URL or a Socket of phoenix.js, got ${String(target)}`)
}

type StateChange = [state: ClientState, detail: { readonly error?: unknown }]

class SocketClient implements Link, Topics {
  readonly timeoutMs: number
  state: ClientState = 'connecting'
  readonly #line: Line & Partial<OwnLine>
  readonly #socket: PhoenixSocket
  readonly #topics = new Map<string, Topic>()
  readonly #listeners = new Listeners<StateChange>()
  readonly #refs: string[]

  constructor(line: Line & Partial<OwnLine>, timeoutMs: number) {
    const { socket } = line
    this.timeoutMs = timeoutMs
    this.#line = line
    this.#socket = socket
    if (socket.isConnected()) this.state = 'connected'
    this.#refs = [
      socket.onOpen(() => this.#opened()),
      socket.onClose((event) => this.#closed(event)),
      socket.onError((error) => this.#change('offline', error)),
      socket.onMessage((message) => this.#heard(message)),
    ]
    if (this.#isOwn) page.addEventListener?.('online', this.#online)
  }

  channel(topic: string, payload?: unknown, { from }: ChannelOptions = {}): TopicUser {
    this.#refuseOther(topic, payload)
    return new TopicUser(this, topic, payload, from)
  }

  onState(handler: (...change: StateChange) => void): () => void {
    return this.#listeners.add(handler)
  }

  close(): Promise<void> {
    for (const topic of this.#topics.values()) topic.end()
    this.#topics.clear()
    this.#socket.off(this.#refs)
    page.removeEventListener?.('online', this.#online)
    this.#change('closed')
    if (!this.#isOwn) return Promise.resolve()
    return new Promise((resolve) => this.#socket.disconnect(resolve))
  }

  // For its channels

  topic(name: string, payload: unknown, from: Position | undefined): Topic {
    if (this.state === 'closed') throw new ChannelError(name, JOIN, 'closed')
    this.#refuseOther(name, payload)
    const known = this.#topics.get(name)
    if (known !== undefined && isSame(known.payload, payload)) return known
    // Nobody uses it, but its last turn has not come.
    known?.end()
    const topic = new Topic(this, name, payload, from)
    this.#topics.set(name, topic)
    return topic
  }

  #refuseOther(name: string, payload: unknown): void {
    const known = this.#topics.get(name)
    if (known?.isUsed && !isSame(known.payload, payload))
      throw new TypeError(
        `${name}: joined with ${text(known.payload)}, wanted with ${text(payload)}: leave it first`,
      )
  }

  get #isOwn(): boolean {
    return this.#line.freshToken !== undefined
  }

  // For its topics

  get isConnected(): boolean {
    return this.#socket.isConnected()
  }

  open(topic: string, params: () => object): PhoenixChannel {
    this.#line.connect()
    return this.#socket.channel(topic, params)
  }

  retryAfter(ms: number): void {
    this.#line.retryAfter?.(ms)
  }

  forget(topic: Topic): void {
    if (this.#topics.get(topic.name) === topic) this.#topics.delete(topic.name)
  }

  // Events of phoenix.js

  #opened(): void {
    this.#change('connected')
    for (const topic of [...this.#topics.values()]) topic.connected()
  }

  /** A socket that was given is its maker's. */
  #closed(event: unknown): void {
    this.#change('offline')
    if (this.#isOwn && Object(event).reason === 'expired') this.#online()
  }

  /** At once. `connect` alone does nothing while phoenix.js waits for its next try. */
  readonly #online = (): void => {
    if (this.state === 'offline') this.#socket.disconnect(() => this.#socket.connect())
  }

  #heard(message: object): void {
    const { topic, event } = message as { readonly topic: string; readonly event: string }
    if (topic === 'phoenix' && event === 'expiring') this.#renew()
  }

  /** Where that fails the connection ends at its time, and the next one asks again. */
  #renew(): void {
    this.#line.freshToken?.().then(
      (token) => {
        if (typeof token !== 'string' || !this.isConnected) return
        this.#socket.push({
          topic: 'phoenix',
          event: 'renew',
          payload: { token },
          ref: this.#socket.makeRef(),
        })
      },
      () => {},
    )
  }

  #change(state: ClientState, error?: unknown): void {
    if (this.state === state || this.state === 'closed') return
    this.state = state
    this.#listeners.call(state, { error })
  }
}

/** The page, where there is one. */
const page: {
  readonly addEventListener?: (event: string, listener: () => void) => void
  readonly removeEventListener?: (event: string, listener: () => void) => void
} = globalThis as object

function isSame(one: unknown, other: unknown): boolean {
  return one === other || text(one) === text(other)
}

function text(payload: unknown): string {
  return JSON.stringify(payload ?? {})
}
