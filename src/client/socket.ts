import { LongPoll, Socket } from 'phoenix'
import { backOffMs } from './back-off.ts'
import { after } from './clock.ts'
import type { PhoenixSocket } from './phoenix.ts'
import { renewTokens } from './renewal.ts'

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

/** A socket that this client has made, and what its maker can do with it. */
export interface Line {
  readonly socket: PhoenixSocket
  /** The next join is asked for so much later. */
  retryMs: number
  /** Connects, once: from then on phoenix.js does. @throws `TypeError` where the URL leads nowhere */
  begin(): void
  /** It is open. True where it was open before, and nothing of before holds: then it breaks, and phoenix.js comes back. */
  isReopened(): boolean
  /** Resolves when it is closed. */
  close(): Promise<void>
}

/** As much of a socket of phoenix.js as only its maker uses. */
interface OwnSocket extends PhoenixSocket {
  readonly conn?: Conn | null
  authToken?: (() => string | undefined) | undefined
  decode: (data: unknown, done: (message: object) => void) => void
}

/** A WebSocket, or a LongPoll of phoenix.js. */
interface Conn {
  poll?: () => void
  /** The frames of this turn, and whether others are on their way. */
  readonly currentBatch?: unknown
  readonly awaitingBatchAck?: unknown
  close(code: number): void
}

type WireClass = new (url: string, protocols?: string[]) => object

/** @param failed Is told why it could not even try to connect. */
export function openLine(
  url: string,
  options: SocketOptions,
  timeoutMs: number,
  failed: (error: unknown) => void,
): Line {
  const {
    params = {},
    authToken,
    transport,
    reconnectAfterMs = backOffMs,
    rejoinAfterMs = backOffMs,
    ...others
  } = options
  const Wire = (transport ?? page.WebSocket ?? LongPoll) as WireClass
  let known: object = {}
  let token: string | undefined
  let tries = 0
  let isAsking = false
  /** From the first join on, until it is closed. */
  let isOn = false
  let wire: unknown
  let stop = (): void => {}

  const socket = new Socket(url.replace(/^http/, 'ws'), {
    ...others,
    timeout: timeoutMs,
    transport: function transport(address: string, protocols?: string[]) {
      return new Wire(
        address,
        (Wire as unknown) === LongPoll ? protocols : token ? ['phoenix', bearer(token)] : undefined,
      )
    },
    params: () => known,
    reconnectAfterMs,
    rejoinAfterMs(count: number) {
      const ms = line.retryMs + rejoinAfterMs(count)
      line.retryMs = 0
      return ms
    },
  } as object) as unknown as OwnSocket

  const { connect, decode } = socket
  socket.decode = (data, done) => decode(withBytes(data), done)

  // phoenix.js connects by this method, again as well, and reads params and token at once: it is let on when they are there.
  socket.connect = async () => {
    if (isAsking || !isOn) return
    stop()
    isAsking = true
    try {
      ;[known, token] = await Promise.race([
        Promise.all([value(params), value(authToken)]),
        new Promise<never>((_, reject) => {
          stop = after(timeoutMs, () => reject(new Error('params or authToken: timeout')))
        }),
      ])
      stop()
      tries = 0
      // Of phoenix.js itself, from 1.8 on, where it falls back to long polling.
      socket.authToken = token ? () => token : undefined
      if (isOn) connect.call(socket)
    } catch (error) {
      stop()
      if (isOn) {
        failed(error)
        stop = after(reconnectAfterMs(++tries), socket.connect)
      }
    }
    isAsking = false
  }

  renewTokens(socket, freshToken, again)
  page.addEventListener?.('online', again)

  const line: Line = {
    socket,
    retryMs: 0,
    begin() {
      if (url[0] === '/' && !page.location)
        throw new TypeError(`createClient: wanted a whole URL, such as ws://localhost${url}, got ${url}`)
      if (isOn) return
      isOn = true
      socket.connect()
    },
    isReopened() {
      const { conn } = socket
      const isSame = wire === conn
      wire = conn
      if (isSame && conn) {
        // It would ask for that session now.
        conn.poll = () => {}
        queueMicrotask(() => conn.close(3410))
      }
      return isSame
    },
    close() {
      isOn = false
      stop()
      page.removeEventListener?.('online', again)
      const { conn } = socket
      // phoenix.js waits for what a connection still holds. Its LongPoll would drop that, for it does not say so.
      if (conn?.poll)
        Object.defineProperty(conn, 'bufferedAmount', {
          get: () => conn.currentBatch ?? conn.awaitingBatchAck,
        })
      return new Promise((resolve) => socket.disconnect(resolve))
    },
  }
  return line

  /** At once. `connect` alone does nothing while phoenix.js waits for its next try. */
  function again(): void {
    if (isOn && !socket.isConnected()) socket.disconnect(() => socket.connect())
  }

  /** Where one can be asked for. */
  async function freshToken(): Promise<unknown> {
    if (typeof authToken === 'function') return authToken()
    if (typeof params === 'function') return ((await params()) as { readonly token?: unknown }).token
  }
}

/** The page, where there is one. */
const page: {
  readonly location?: unknown
  readonly WebSocket?: unknown
  readonly addEventListener?: (event: string, listener: () => void) => void
  readonly removeEventListener?: (event: string, listener: () => void) => void
} = globalThis as object

/** As phoenix.js carries it. A sub-protocol has no slash. */
function bearer(token: string): string {
  return `base64url.bearer.phx.${btoa(token).replace(/=/g, '').replace(/\//g, '_')}`
}

/** Long polling carries a binary frame as base64, which phoenix.js would read as JSON. */
function withBytes(data: unknown): unknown {
  if (typeof data !== 'string' || data[0] === '[') return data
  return Uint8Array.from(atob(data), (char) => char.charCodeAt(0)).buffer
}

async function value<T>(given: Given<T>): Promise<T> {
  return typeof given === 'function' ? (given as () => T | Promise<T>)() : given
}
