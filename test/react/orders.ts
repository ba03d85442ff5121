/** One component that joins. */
export interface Seat {
  readonly id: string
  readonly topic: `room:${string}`
  readonly name: string
  /** Is put before each line that is heard. */
  readonly mark?: string
  /** Is said by an effect of a child. */
  readonly push?: string
}

/** The things that a component shows. */
export interface View {
  readonly state: string
  readonly recovered: boolean
  readonly reply?: object
  readonly error?: string
  readonly isRetried?: boolean
  readonly lines: readonly string[]
  readonly people?: readonly string[]
  /** The reply to `push`. */
  readonly pushed?: string
}

/** The things that the page can be asked. */
export interface Orders {
  /** That of React. */
  version(): string
  show(seats: readonly Seat[]): void
  /** Renders the HTML as a server does, and takes it over. Gives it. */
  hydrate(seats: readonly Seat[]): string
  /** A part of the tree waits, and all of it is hidden, until `release`. */
  suspend(): void
  release(): void
  unmount(): void
  /** Joins again after a refusal. */
  again(id: string): void
  views(): Readonly<Record<string, View>>
  /** Those that React told since the last call. */
  errors(): string[]
  subscriptions(): number
  text(): string
  close(): Promise<void>
}
