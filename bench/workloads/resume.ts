import { Connection, type Listener, type Target } from '../load/connection.ts'
import { closeCrowd, openCrowd } from '../load/crowd.ts'
import type { Dialect } from '../load/dialect.ts'
import { maskedText } from '../load/frames.ts'
import { type Faults, noFaults } from '../load/ledger.ts'
import { findNumber, PLACEHOLDER, payloadText, readNumber } from '../load/sequence.ts'
import { Latencies } from '../measure/latencies.ts'
import { type Bout, type Outcome, PATIENCE_MS, type Workload } from './workload.ts'

/** The share of a run's size that warms the server up: one in so many. */
const WARM_SHARE = 10
const MISSED = 50
const BODY_BYTES = 100

/**
 * Clients of one topic that are told 50 messages each; one operation is TCP, upgrade, join and the messages. Where the dialect
 * asks for positions they come back behind a log that has the messages already. Elsewhere a speaker says them, each when all
 * have the last.
 */
export function resume({ id, title, size }: { id: string; title: string; size: number }): Workload {
  const open = async (target: Target): Promise<Bout> => {
    const bout = new ResumeBout(target, size)
    await bout.begin()
    return bout
  }
  return { id, title, unit: 'join', connections: size, open }
}

class ResumeBout implements Bout {
  readonly #topic: string
  readonly #size: number
  readonly #target: Target
  readonly #dialect: Dialect
  #speaker: Connection | undefined
  /** The position of the speaker, before anything was said. */
  #position: object | undefined
  #books = new Books(0)
  #crowd: readonly Connection[] = []
  #warm = false

  constructor(target: Target, size: number) {
    const [dialect] = target.dialects
    if (dialect === undefined) throw new Error('a target needs a dialect')
    this.#topic = `${target.topicPrefix}:resume-${process.hrtime.bigint()}`
    this.#size = size
    this.#target = target
    this.#dialect = dialect
  }

  get #resumes(): boolean {
    return this.#dialect.asksPositions === true
  }

  async begin(): Promise<void> {
    const joined = (text: string): number | undefined => {
      const [, , , , payload] = JSON.parse(text) as [unknown, unknown, unknown, unknown, Reply]
      const { epoch, offset } = payload.response?.$resume ?? {}
      if (epoch !== undefined) this.#position = { epoch, offset }
      return this.#dialect.joined(text)
    }
    this.#speaker = await this.#join({ ...this.#dialect, joined })
    if (!this.#resumes) return
    this.#books = new Books(1)
    this.#speaker.listen(this.#books)
    for (let n = 0; n < MISSED; n += 1) await this.#say(n)
  }

  #join(dialect: Dialect): Promise<Connection> {
    return Connection.open({ ...this.#target, dialects: [dialect] }, 0, [this.#topic])
  }

  /** Resolves when all have it. */
  #say(n: number): Promise<void> {
    const text = this.#dialect.push(this.#topic, 1, 'say', payloadText({ bodyBytes: BODY_BYTES }))
    this.#speaker?.write(maskedText(String(text).replaceAll(PLACEHOLDER, String(Number(PLACEHOLDER) + n))))
    return this.#books.all(n + 1)
  }

  /** The first run is smaller: it warms up. The size, not the time, bounds a run. @throws where a join fails */
  async run(): Promise<Outcome> {
    const size = this.#warm ? this.#size : Math.ceil(this.#size / WARM_SHARE)
    this.#warm = true
    const latencies = new Latencies()
    const books = new Books(size)
    this.#books = books
    const position = this.#position
    const join = (topic: string, ref: number): string =>
      JSON.stringify([String(ref), String(ref), topic, 'phx_join', { $resume: position }])
    const dialect = this.#resumes ? { ...this.#dialect, join } : this.#dialect
    this.#crowd = await openCrowd({ ...this.#target, dialects: [dialect], listener: books }, size, {
      topicsOf: () => [this.#topic],
      onJoined: (elapsedMs) => latencies.add(elapsedMs),
    })
    if (this.#resumes) await books.all(MISSED)
    else for (let n = 0; n < MISSED; n += 1) await this.#say(n)
    return { operations: size, latencies, faults: books.close() }
  }

  rest(): void {
    closeCrowd(this.#crowd)
    this.#crowd = []
  }

  close(): void {
    this.rest()
    this.#speaker?.reset()
  }
}

interface Reply {
  readonly response?: { readonly $resume?: { readonly epoch: string; readonly offset: number } }
}

/** Which messages came: each connection gets each once, in order. */
class Books implements Listener {
  readonly #faults: Faults = noFaults()
  readonly #size: number
  readonly #next: number[]
  #came = 0
  #wanted = 0
  #resolve: () => void = () => {}

  constructor(size: number) {
    this.#size = size
    this.#next = Array.from({ length: size }, () => 0)
  }

  /** Resolves when every connection has so many, or when they should have. */
  all(count: number): Promise<void> {
    this.#wanted = count * this.#size
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, PATIENCE_MS)
      this.#resolve = () => {
        clearTimeout(timer)
        resolve()
      }
      this.#look()
    })
  }

  close(): Faults {
    return { ...this.#faults, lost: this.#size * MISSED - this.#came }
  }

  frame({ index }: Connection, bytes: Buffer, start: number, end: number): void {
    const at = findNumber(bytes, start, end, 0)
    if (at === -1) return
    const n = readNumber(bytes, start + at) - Number(PLACEHOLDER)
    const next = this.#next[index] ?? 0
    if (n < next) this.#faults.doubled += 1
    else if (n > next) this.#faults.outOfOrder += 1
    this.#next[index] = n + 1
    this.#came += 1
    this.#look()
  }

  lost(): void {
    this.#faults.closed += 1
  }

  #look(): void {
    if (this.#came >= this.#wanted) this.#resolve()
  }
}
