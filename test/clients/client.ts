/** A Phoenix client, wherever it runs: in this process or in a browser. All of it crosses as JSON. */
export interface Client {
  /** Begins to connect: `open` follows. */
  connect(url: string, options?: ConnectOptions): Promise<void>
  /** Joins a topic and gives the first answer. */
  join(topic: string, params?: object): Promise<Answer>
  /** Pushes an event and gives the answer. */
  push(topic: string, event: string, payload?: object): Promise<Answer>
  /** Pushes an event that nobody answers. */
  send(topic: string, event: string): Promise<void>
  /** As {@link push}, with bytes as the payload. */
  pushBytes(topic: string, event: string, bytes: readonly number[]): Promise<Answer>
  leave(topic: string): Promise<Answer>
  /** The people on a topic: each key with the names of its metas, as the client's Presence lists them. */
  present(topic: string): Promise<Record<string, string[]>>
  /** The state of a topic: `joined`, `joining`, `errored`, `closed`. */
  state(topic: string): Promise<string>
  /**
   * The next thing that happened by that name, of those not yet asked for:
   *
   * - `open`, `close` (the code), `error`, `heartbeat` (one was answered)
   * - `<topic> joined` (the reply; again after each rejoin), `<topic> <event>` (the payload), `phx_error` and `phx_close` among them
   * - `<topic> came`, `<topic> left` (`[key, metas that were there before or stay]`), `<topic> sync`: of Presence
   */
  next(name: string): Promise<unknown>
  disconnect(): Promise<void>
}

export interface ConnectOptions {
  readonly params?: Record<string, string>
  readonly authToken?: string
  readonly heartbeatIntervalMs?: number
}

/** Bytes come as `{ bytes: […] }`. */
export interface Answer {
  readonly status: string
  readonly response: unknown
}
