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
  onclose: (event: { readonly code: number; readonly reason: string }) => void
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
  /** Asks the application. */
  ask(): Promise<Opening>
  /** It may take so long. */
  readonly timeoutMs: number
  /** The time that the token had is over. */
  expired(): void
}

const CLOSED = 3

export function lateTransport({ Wire, ask, timeoutMs, expired }: Opener): WireClass {
  return class LateTransport implements Wire {
    binaryType: unknown
    timeout: unknown
    onopen = nothing
    onerror = nothing
    onmessage = nothing
    onclose: Wire['onclose'] = nothing
    #wire: Wire | undefined
    #isOver = false

    constructor() {
      const forget = after(timeoutMs, () => this.#fail(new Error('params or authToken did not come in time')))
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
      const wire = new Wire(url, authToken === undefined ? undefined : ['phoenix', bearer(authToken)])
      this.#wire = wire
      wire.binaryType = this.binaryType
      wire.timeout = this.timeout
      wire.onopen = (event) => this.onopen(event)
      wire.onerror = (error) => this.onerror(error)
      wire.onmessage = (event) => this.onmessage(event)
      wire.onclose = (event) => {
        if (event.reason === 'expired') expired()
        this.onclose(event)
      }
    }

    #fail(error: unknown): void {
      if (this.#isOver || this.#wire !== undefined) return
      this.#isOver = true
      this.onerror(error)
      this.onclose({ code: 1006, reason: '' })
    }
  }
}

/** As phoenix.js carries it, in the sub-protocol; but a slash, which phoenix.js leaves in it, may not stand there. */
function bearer(token: string): string {
  return `base64url.bearer.phx.${btoa(token).replaceAll('=', '').replaceAll('/', '_')}`
}

function nothing(_event: unknown): void {}
