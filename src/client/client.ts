import type { PayloadArgument } from '../contract/schema.ts'
import { type Channel, channelOf, type Topics } from './channel.ts'
import { ChannelError, JOIN } from './error.ts'
import { type Listeners, listen, STATE, tell } from './listeners.ts'
import type { PhoenixMessage, PhoenixSocket } from './phoenix.ts'
import { openLine, type SocketOptions } from './socket.ts'
import { type Topic, topicOf } from './topic.ts'
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
  if (typeof target !== 'string' && typeof target?.channel !== 'function')
    throw new TypeError(`createClient: wanted a URL or a Socket of phoenix.js, got ${String(target)}`)
  return clientOf(target, others, timeoutMs) as unknown as Client<App>
}

function clientOf(target: string | PhoenixSocket, options: SocketOptions, timeoutMs: number) {
  const known = new Map<string, Topic>()
  const listeners: Listeners = new Set()
  /** Where this client has made the socket. One that was given is its maker's. */
  const line = typeof target === 'string' ? openLine(target, options, timeoutMs, failed) : undefined
  const socket = line?.socket ?? (target as PhoenixSocket)
  /** The server has said that the time of the token ends, and has seen no other since. */
  let isExpiring = false

  const topics: Topics = {
    timeoutMs,
    get isConnected() {
      return socket.isConnected()
    },
    topic(name, payload, from) {
      if (client.state === 'closed') throw new ChannelError(name, JOIN, 'closed')
      refuseOther(name, payload)
      const former = known.get(name)
      if (former && text(former.payload) === text(payload)) return former
      // Nobody uses it, but its last turn has not come.
      former?.end()
      const topic = topicOf(topics, name, payload, from)
      known.set(name, topic)
      return topic
    },
    open(topic, params) {
      if (line) line.begin()
      else socket.connect()
      return socket.channel(topic, params)
    },
    retryAfter: (ms) => line?.retryAfter(ms),
    forget(topic) {
      if (known.get(topic.name) === topic) known.delete(topic.name)
    },
  }

  const client = {
    state: (socket.isConnected() ? 'connected' : 'connecting') as ClientState,
    channel(topic: string, payload?: unknown, { from }: ChannelOptions = {}) {
      refuseOther(topic, payload)
      return channelOf(topics, topic, payload, from)
    },
    onState: (handler: (state: ClientState, detail: object) => void) => listen(listeners, STATE, handler),
    close() {
      for (const topic of known.values()) topic.end()
      known.clear()
      socket.off(refs)
      page.removeEventListener?.('online', online)
      change('closed')
      return new Promise<void>((resolve) => {
        if (line) line.close(resolve)
        else resolve()
      })
    },
  }

  const refs = [
    socket.onOpen(() => {
      // LongPoll of phoenix.js 1.7 goes on with a session that it opened with the address of then, where no channel is joined.
      if (!line?.isReopened()) change('connected')
    }),
    socket.onClose((event) => {
      const isOver = isExpiring || Object(event).reason === 'expired'
      isExpiring = false
      change('offline')
      if (isOver) online()
    }),
    socket.onError(failed),
    socket.onMessage(heard as (message: object) => void),
  ]
  if (line) page.addEventListener?.('online', online)
  return client

  function refuseOther(name: string, payload: unknown): void {
    const topic = known.get(name)
    if (topic?.users.size && text(topic.payload) !== text(payload))
      throw new TypeError(
        `${name}: joined with ${text(topic.payload)}, wanted with ${text(payload)}: leave it first`,
      )
  }

  /** At once. `connect` alone does nothing while phoenix.js waits for its next try. */
  function online(): void {
    if (client.state === 'offline' && line) socket.disconnect(() => socket.connect())
  }

  function heard({ topic, event, payload }: PhoenixMessage): void {
    if (topic !== 'phoenix') return
    if (event !== 'expiring') isExpiring &&= Object(payload?.response).expires_at === undefined
    else if (line) {
      isExpiring = true
      // Where that fails the connection ends at its time, and the next one asks again.
      line.freshToken().then(renew, () => {})
    }
  }

  function renew(token: unknown): void {
    if (typeof token === 'string' && topics.isConnected)
      socket.push({ topic: 'phoenix', event: 'renew', payload: { token }, ref: socket.makeRef() })
  }

  function failed(error: unknown): void {
    // LongPoll of phoenix.js 1.7 tells errors before it closes, and some of which it does not die.
    if (!socket.isConnected()) change('offline', error)
  }

  function change(state: ClientState, error?: unknown): void {
    if (client.state === 'closed') return
    const isNew = client.state !== state
    client.state = state
    if (isNew) tell(listeners, STATE, state, { error })
    for (const topic of [...known.values()]) topic.lost()
  }
}

/** The page, where there is one. */
const page: {
  readonly addEventListener?: (event: string, listener: () => void) => void
  readonly removeEventListener?: (event: string, listener: () => void) => void
} = globalThis as object

function text(payload: unknown): string {
  return JSON.stringify(payload ?? {})
}
