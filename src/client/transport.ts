import { after } from './clock.ts'

// phoenix.js asks for params and token in the turn in which it connects. This transport is there at once, and opens the
// WebSocket when they are.

/** As much of a WebSocket as phoenix.js uses. */
export interface Wire {
  binaryType: unknown
  timeout: unknown
  readonly readyState: number
  readonly bufferedAmount: number
  readonly skipHeartbeat?: boolean
  onopen: (event: unknown) => void
  onerror: (error: unknown) => void
  onmessage: (event: unknown) => void
  onclose: (event: unknown) => void
  send(data: unknown): void
  close(code?: number, reason?: string): void
}

export type WireClass = new (url: string, protocols?: string[]) => Wire

/** The address and the token that a transport is opened with. */
export interface Opening {
  readonly url: string
  readonly authToken: string | undefined
}

export interface Opener {
  readonly Wire: WireClass
  /** Stands for a slash in the base64 of a token: a sub-protocol of a WebSocket has none, and `LongPoll` reads no other. */
  readonly slash: '/' | '_'
  /** Asks the application. */
  ask(): Promise<Opening>
  /** It may take so long. */
  readonly timeoutMs: number
}

const CLOSED = 3
const EVENTS = ['onopen', 'onerror', 'onclose'] as const

export function lateTransport({ Wire, slash, ask, timeoutMs }: Opener): WireClass {
  return class LateTransport implements Wire {
    binaryType: unknown
    timeout: unknown
    onopen = nothing
    onerror = nothing
    onmessage = nothing
    onclose = nothing
    #wire: Wire | undefined
    #isOver = false

    constructor() {
      const forget = after(timeoutMs, () => this.#fail(new Error('params or authToken: timeout')))
      ask()
        .then((opening) => this.#open(opening))
        .catch((error) => this.#fail(error))
        .finally(forget)
    }

    get readyState(): number {
      return this.#isOver ? CLOSED : (this.#wire?.readyState ?? 0)
    }

    get bufferedAmount(): number {
      return this.#wire?.bufferedAmount ?? 0
    }

    get skipHeartbeat(): boolean {
      return this.#wire?.skipHeartbeat ?? false
    }

    send(data: unknown): void {
      this.#wire?.send(data)
    }

    close(code?: number, reason?: string): void {
      if (this.#wire === undefined) this.#isOver = true
      else if (code === undefined) this.#wire.close()
      else this.#wire.close(code, reason)
    }

    #open({ url, authToken }: Opening): void {
      if (this.#isOver) return
      const wire = new Wire(url, authToken === undefined ? undefined : ['phoenix', bearer(authToken, slash)])
      this.#wire = wire
      wire.binaryType = this.binaryType
      wire.timeout = this.timeout
      for (const on of EVENTS) wire[on] = (event: unknown) => this[on](event)
      wire.onmessage = (event) => this.onmessage(withBytes(event as Message))
    }

    #fail(error: unknown): void {
      if (this.#isOver || this.#wire !== undefined) return
      this.#isOver = true
      this.onerror(error)
      this.onclose({ code: 1006, reason: '' })
    }
  }
}

/** As phoenix.js carries it, in the sub-protocol. */
function bearer(token: string, slash: string): string {
  return `base64url.bearer.phx.${btoa(token).replaceAll('=', '').replaceAll('/', slash)}`
}

interface Message {
  readonly data: unknown
}

/** Long polling carries a binary frame as base64, which phoenix.js would read as JSON. */
function withBytes(message: Message): Message {
  const { data } = message
  if (typeof data !== 'string' || data[0] === '[') return message
  return { data: Uint8Array.from(atob(data), (char) => char.charCodeAt(0)).buffer }
}

function nothing(_event: unknown): void {}
