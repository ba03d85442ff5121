import { refuseArgument } from '../ground/argument.ts'
import { systemClock } from '../ground/clock.ts'
import type { AdapterStatus, PubSubAdapter } from '../pubsub/adapter.ts'
import type { LogPosition } from '../pubsub/log.ts'
import { Patience } from './patience.ts'

// The stage of the facts about adapters: nodes, each with what came for it.

/** An engine under test, with nothing on it. */
export interface AdapterStage {
  /** Makes the adapter of one more node. */
  adapter(): PubSubAdapter
  /** Takes the engine out of reach of all nodes. */
  readonly cut?: (() => void | Promise<void>) | undefined
  /** The end of {@link AdapterStage.cut}. */
  readonly heal?: (() => void | Promise<void>) | undefined
  /** Anything that has to happen may take so long, in milliseconds. @default 15_000 */
  readonly timeoutMs?: number | undefined
}

export interface AdapterFact {
  /** In the present tense. */
  readonly title: string
  /** So many adapters take part. */
  readonly nodes: number
  /** Can only be seen where the stage can {@link AdapterStage.cut} and `heal`. */
  readonly needsOutage: boolean
  /** Can only be seen where the adapter has a `log`. */
  readonly needsLog: boolean
  /** Rejects where it is not so. Stops the adapters that it made. */
  run(stage: AdapterStage): Promise<void>
}

const TIMEOUT_MS = 15_000

/** One node: its adapter, and what came for it. */
export class AdapterProbe {
  readonly adapter: PubSubAdapter
  readonly heard: [topic: string, text: string][] = []
  readonly statuses: AdapterStatus[] = []
  readonly entries: [topic: string, position: LogPosition, text: string][] = []
  readonly #patience: Patience
  #slowMs = 0

  constructor(adapter: PubSubAdapter, timeoutMs: number) {
    this.adapter = adapter
    this.#patience = new Patience(systemClock, timeoutMs)
  }

  async start(name: string): Promise<this> {
    this.adapter.log?.listen({
      entry: (...entry) => {
        this.entries.push(entry)
        this.#patience.wake()
      },
      hears: () => true,
      full: () => {},
    })
    await this.adapter.start(
      name,
      (topic, bytes) => {
        this.heard.push([topic, Buffer.from(bytes).toString('latin1')])
        spin(this.#slowMs)
        this.#patience.wake()
      },
      (status) => {
        this.statuses.push(status)
        this.#patience.wake()
      },
    )
    return this
  }

  publish(topic: string, text: string): void {
    this.adapter.publish(topic, Buffer.from(text, 'latin1'))
  }

  /** From now on it takes its time for each message. */
  slowDown(): void {
    this.#slowMs = 2
  }

  /** The messages of a topic. */
  on(topic: string): string[] {
    return this.heard.filter(([at]) => at === topic).map(([, text]) => text)
  }

  /** @param againMs looks again after so long, also where nothing came */
  async until(what: string, isSo: () => boolean, againMs?: number): Promise<void> {
    const failure = (): Error => new Error(`waited in vain until ${what}; came: ${this.#last()}`)
    const timer =
      againMs === undefined ? undefined : systemClock.setInterval(() => this.#patience.wake(), againMs)
    await this.#patience
      .until(
        () => isSo() || undefined,
        () => false,
        failure,
      )
      .finally(() => timer?.cancel())
  }

  #last(): string {
    const last = this.heard.slice(-20).map(([topic, text]) => [topic, text.slice(0, 60)])
    return `${this.heard.length} messages, at last ${JSON.stringify(last)}`
  }

  hears(topic: string, text: string): Promise<void> {
    return this.until(`"${text}" came on "${topic}"`, () => this.on(topic).includes(text))
  }
}

function spin(ms: number): void {
  const end = systemClock.now() + ms
  while (ms > 0 && systemClock.now() < end);
}
export type Play = (probes: AdapterProbe[], stage: AdapterStage) => Promise<void>

export function fact(title: string, nodes: number, play: Play, needsOutage = false): AdapterFact {
  return {
    title,
    nodes,
    needsOutage,
    needsLog: false,
    async run(stage) {
      checkStage(stage)
      const { timeoutMs = TIMEOUT_MS } = stage
      const probes = Array.from({ length: nodes }, () => new AdapterProbe(stage.adapter(), timeoutMs))
      try {
        for (const [index, probe] of probes.entries()) await probe.start(`node-${index}`)
        await play(probes, stage)
      } finally {
        await Promise.all(probes.map(({ adapter }) => adapter.stop()))
      }
    },
  }
}

function checkStage(stage: unknown): void {
  try {
    if (typeof (stage as AdapterStage).adapter === 'function') return
  } catch {
    // An object that cannot be read is no stage either.
  }
  refuseArgument('run', 'stage', 'a stage with a function `adapter`', stage)
}
