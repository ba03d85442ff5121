import { BrokerAdapter } from '../../src/adapters/broker-adapter.ts'
import type { BrokerOptions } from '../../src/adapters/broker-options.ts'
import { type Driver, type Link, type LinkEvents, Refused } from '../../src/adapters/driver.ts'
import { type FakeClock, fakeClock } from '../../src/testing/index.ts'

/** One command that the engine was sent, and what the test does about it. */
export interface Command {
  readonly kind: 'subscribe' | 'unsubscribe'
  readonly topics: readonly string[]
  confirm(): void
  refuse(): void
  fail(error: Error): void
}

/** An engine by hand: it confirms by itself unless it is told to hold. */
export class FakeLink implements Link {
  pendingBytes = 0
  isClosed = false
  readonly published: [topic: string, text: string][] = []
  readonly commands: Command[] = []
  readonly events: LinkEvents
  readonly #engine: FakeEngine

  constructor(engine: FakeEngine, events: LinkEvents) {
    this.#engine = engine
    this.events = events
  }

  publish(topic: string, bytes: Uint8Array): void {
    this.published.push([topic, Buffer.from(bytes).toString()])
  }

  subscribe(topics: readonly string[]): Promise<void> {
    return this.#command('subscribe', topics)
  }

  unsubscribe(topics: readonly string[]): Promise<void> {
    return this.#command('unsubscribe', topics)
  }

  probe(): Promise<void> {
    this.#engine.probes++
    return this.#engine.isDeaf ? new Promise(() => {}) : Promise.resolve()
  }

  async flush(): Promise<void> {}

  close(): void {
    this.isClosed = true
  }

  #command(kind: Command['kind'], topics: readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const command: Command = {
        kind,
        topics,
        confirm: resolve,
        refuse: () => reject(new Refused('NOPERM')),
        fail: reject,
      }
      this.commands.push(command)
      if (topics.some((topic) => this.#engine.forbidden.has(topic)) && kind === 'subscribe') command.refuse()
      else if (!this.#engine.isHolding) command.confirm()
    })
  }
}

export class FakeEngine implements Driver {
  readonly name = 'fake'
  readonly address = 'nowhere:1'
  readonly maxMessageBytes = 1_000
  readonly links: FakeLink[] = []
  /** Attempts to connect. */
  attempts = 0
  probes = 0
  isAway = false
  /** Takes connections and never answers. */
  isSilent = false
  isDeaf = false
  isHolding = false
  readonly forbidden = new Set<string>()

  async connect(_node: string, events: LinkEvents): Promise<Link> {
    this.attempts++
    if (this.isAway) throw new Error('connection refused')
    if (this.isSilent) await new Promise(() => {})
    const link = new FakeLink(this, events)
    this.links.push(link)
    return link
  }

  get link(): FakeLink {
    return this.links.at(-1) as FakeLink
  }

  /** The topics of each command of one kind. */
  sent(kind: Command['kind']): (readonly string[])[] {
    return this.link.commands.filter((command) => command.kind === kind).map(({ topics }) => topics)
  }
}

export interface Stage {
  readonly engine: FakeEngine
  readonly adapter: BrokerAdapter
  readonly clock: FakeClock
  readonly statuses: string[]
  readonly errors: unknown[]
  readonly heard: string[]
  start(): Promise<void>
}

/** An adapter on an engine by hand, by a clock that stands still. */
export function stage(options: Partial<BrokerOptions> = {}): Stage {
  const [engine, clock] = [new FakeEngine(), fakeClock()]
  const adapter = new BrokerAdapter(
    engine,
    { prefix: 'beryl:', connectTimeoutMs: 5_000, startDegraded: false, ...options },
    clock,
    () => 0.5,
  )
  const [statuses, errors, heard]: [string[], unknown[], string[]] = [[], [], []]
  const start = async (): Promise<void> => {
    const starting = adapter.start(
      'node',
      (topic, bytes) => void heard.push(`${topic}: ${Buffer.from(bytes)}`),
      (status, error) => {
        statuses.push(status)
        if (error !== undefined) errors.push(error)
      },
    )
    await clock.settle()
    await starting
  }
  return { engine, adapter, clock, statuses, errors, heard, start }
}
