// As much of phoenix.js as the client stands on, whichever version.

/** The socket of phoenix.js: what `createClient` takes in the place of a URL. */
export interface PhoenixSocket {
  connect(): void
  disconnect(callback?: () => void): void
  isConnected(): boolean
  channel(topic: string, params: () => object): PhoenixChannel
  push(message: object): void
  makeRef(): string
  onOpen(callback: () => void): string
  onClose(callback: (event: unknown) => void): string
  onError(callback: (error: unknown) => void): string
  onMessage(callback: (message: object) => void): string
  off(refs: string[]): void
}

/** A message that came. */
export interface PhoenixMessage {
  readonly topic: string
  readonly event: string
  readonly payload: { readonly response?: unknown } | undefined
}

export interface PhoenixChannel {
  readonly state: string
  on(event: string, callback: (payload: unknown) => void): unknown
  onMessage(event: string, payload: unknown, ref: unknown): unknown
  onClose(callback: (payload: unknown) => void): void
  onError(callback: () => void): void
  join(timeout: number): PhoenixPush
  leave(): unknown
  push(event: string, payload: object, timeout: number): PhoenixPush
}

export interface PhoenixReply {
  readonly status: string
  readonly response: unknown
}

export interface PhoenixPush {
  receive(status: string, callback: (response: unknown) => void): PhoenixPush
}
