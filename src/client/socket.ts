import { LongPoll, Socket } from 'phoenix'
import { backOffMs } from './back-off.ts'
import type { PhoenixSocket } from './phoenix.ts'
import { lateTransport, type WireClass } from './transport.ts'

/** A value, or what gives it anew before every connect. */
export type Given<T> = T | (() => T | Promise<T>)

/** The options of the socket that a client makes. What is not named here is phoenix.js's, and goes to it as it is. */
export interface SocketOptions {
  /** The `params` of `connect` at the server, in the query of the URL. A function is asked before every connect. */
  readonly params?: Given<object> | undefined
  /** The `authToken` of `connect` at the server, in a header. A function is asked before every connect, and for a renewal. */
  readonly authToken?: Given<string | undefined> | undefined
  /** The WebSocket class, where the platform has none, or `LongPoll` of phoenix.js. @default that of the platform */
  readonly transport?: unknown
  /** Tries long polling where there is no WebSocket after so many milliseconds. @default never */
  readonly longPollFallbackMs?: number | undefined
  /** @default 30_000 */
  readonly heartbeatIntervalMs?: number | undefined
  /** The wait before the n-th try to connect, from 1. @default a random part of 1, 2, 4, … 20 s */
  readonly reconnectAfterMs?: ((tries: number) => number) | undefined
  /** The wait before the n-th try to join after a refusal or a crash. @default as to connect */
  readonly rejoinAfterMs?: ((tries: number) => number) | undefined
  readonly logger?: ((kind: string, message: string, data: unknown) => void) | undefined
  readonly sessionStorage?: object | undefined
}

/** A socket of phoenix.js, and what its maker can do with it. */
export interface Line {
  readonly socket: PhoenixSocket
  /** @throws `TypeError` where the URL leads nowhere */
  connect(): void
}

/** One that this client has made. */
export interface OwnLine extends Line {
  /** The next join is asked for no sooner. */
  retryAfter(ms: number): void
  /** Asks for a new token, where one can be asked for. */
  freshToken(): Promise<unknown>
}

export function openSocket(url: string, options: SocketOptions, timeoutMs: number): OwnLine {
  const { params = {}, authToken, transport, ...others } = options
  const { reconnectAfterMs = backOffMs, rejoinAfterMs = backOffMs } = options
  let known: object = {}
  let retryMs = 0

  const Wire: unknown = transport ?? Reflect.get(globalThis, 'WebSocket') ?? LongPoll
  const late = lateTransport({
    Wire: Wire as WireClass,
    slash: Wire === LongPoll ? '/' : '_',
    timeoutMs,
    async ask() {
      const [asked, token] = await Promise.all([value(params), value(authToken)])
      known = asked
      return { url: (socket as unknown as { endPointURL(): string }).endPointURL(), authToken: token }
    },
  })

  const socket: PhoenixSocket = new Socket(url.replace(/^http/, 'ws'), {
    ...(others as object),
    timeout: timeoutMs,
    transport: late as never,
    params: () => known,
    reconnectAfterMs,
    rejoinAfterMs(tries) {
      const ms = retryMs + rejoinAfterMs(tries)
      retryMs = 0
      return ms
    },
  })

  return {
    socket,
    connect() {
      if (url.startsWith('/') && !('location' in globalThis))
        throw new TypeError(`createClient: wanted a whole URL, such as ws://localhost${url}, got ${url}`)
      socket.connect()
    },
    retryAfter(ms) {
      retryMs = ms
    },
    async freshToken() {
      if (typeof authToken === 'function') return authToken()
      return typeof params === 'function' ? Reflect.get(await params(), 'token') : undefined
    },
  }
}

async function value<T>(given: Given<T>): Promise<T> {
  return typeof given === 'function' ? (given as () => T | Promise<T>)() : given
}
