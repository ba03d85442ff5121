/** phoenix.js as a project without its types knows it: written by hand. */
export declare class Socket {
  constructor(url: string)
  connect(): void
  disconnect(callback?: () => void): void
  isConnected(): boolean
  channel(topic: string, params?: object): Channel
  push(message: object): void
  makeRef(): string
  onOpen(callback: () => void): string
  onClose(callback: (event: unknown) => void): string
  onError(callback: (error: unknown) => void): string
  onMessage(callback: (message: object) => void): string
  off(refs: string[]): void
}

declare class Channel {
  state: string
  on(event: string, callback: (payload: unknown) => void): number
  onMessage(event: string, payload: unknown, ref: unknown): unknown
  onClose(callback: (payload: unknown) => void): void
  onError(callback: (reason?: unknown) => void): number
  join(timeout?: number): Push
  leave(timeout?: number): Push
  push(event: string, payload: object, timeout?: number): Push
}

declare class Push {
  receive(status: string, callback: (response: unknown) => void): this
}
