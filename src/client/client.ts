import type { PayloadArgument } from '../contract/schema.ts'
import { type Channel, channelOf, type Topics } from './channel.ts'
import { LONGEST_MS } from './clock.ts'
import { ChannelError, JOIN } from './error.ts'
import { type Listeners, listen, STATE, tell } from './listeners.ts'
import type { PhoenixSocket } from './phoenix.ts'
import { openLine, type SocketOptions } from './socket.ts'
import { type Topic, topicOf } from './topic.ts'
import type { AnyApp, ClientState, JoinPayload, Position, SchemaAt, TopicIn } from './types.ts'

/** The options of a client. All are optional. */
export interface ClientOptions extends SocketOptions {
  /** A join and a push wait so long for their answer, and a push for its join. @default 10_000 */
  readonly timeoutMs?: number | undefined
}

/** The options of a channel of a client. */
export interface ChannelOptions {
  /** The position at which it begins: what came since is heard, where the server still has it. @default now */
  readonly from?: Position | undefined
}

/** The connection of a program to its server, with all its channels. */
export interface Client<App extends AnyApp = AnyApp> {
  /** The state as it is now; `onState` tells of each change. */
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
  if (!(timeoutMs > 0 && timeoutMs <= LONGEST_MS))
    throw new TypeError(
      `createClient: timeoutMs: wanted a number above 0, up to ${LONGEST_MS}, got ${timeoutMs}`,
    )
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

  const topics: Topics = {
    timeoutMs,
    socket,
    line,
    topic(name, payload, from) {
      if (client.state === 'closed') throw new ChannelError(name, JOIN, 'closed')
      let topic = same(name, payload)
      if (!topic) {
        // Nobody uses it, but its last turn has not come.
        known.get(name)?.end()
        topic = topicOf(topics, name, payload, from)
        known.set(name, topic)
      }
      return topic
    },
    forget(topic) {
      if (known.get(topic.name) === topic) known.delete(topic.name)
    },
  }

  const client = {
    state: (socket.isConnected() ? 'connected' : 'connecting') as ClientState,
    channel(topic: string, payload?: unknown, { from }: ChannelOptions = {}) {
      if (typeof topic !== 'string')
        throw new TypeError(`client.channel: topic: wanted a string, got ${topic}`)
      same(topic, payload)
      return channelOf(topics, topic, payload, from)
    },
    onState: (handler: (state: ClientState, detail: object) => void) => listen(listeners, STATE, handler),
    async close() {
      for (const topic of known.values()) topic.end()
      known.clear()
      socket.off(refs)
      change('closed')
      await line?.close()
    },
  }

  const refs = [
    socket.onOpen(() => {
      // LongPoll of phoenix.js 1.7 goes on with a session that it opened with the address of then, where no channel is joined.
      if (!line?.isReopened()) change('connected')
      topics.cause = undefined
    }),
    socket.onClose(() => change('offline')),
    socket.onError(failed),
  ]
  return client

  /** The topic that there is, with this payload. @throws `TypeError` where it is used with another one */
  function same(name: string, payload: unknown): Topic | undefined {
    const topic = known.get(name)
    const former = text(topic?.payload)
    const wanted = text(payload)
    if (former === wanted) return topic
    if (topic?.users.size)
      throw new TypeError(`${name}: joined with ${former}, wanted with ${wanted}: leave it first`)
    return undefined
  }

  function failed(error: unknown): void {
    // LongPoll of phoenix.js 1.7 tells errors before it closes, and some of which it does not die.
    if (socket.isConnected()) return
    // The event of ws has the error.
    topics.cause = Object(error).error ?? error
    change('offline', error)
  }

  function change(state: ClientState, error?: unknown): void {
    if (client.state === 'closed') return
    if (client.state !== state) {
      client.state = state
      tell(listeners, STATE, state, { error })
    }
    for (const topic of [...known.values()]) topic.lost()
  }
}

function text(payload: unknown): string {
  return JSON.stringify(payload ?? {})
}
