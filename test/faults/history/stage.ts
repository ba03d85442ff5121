import assert from 'node:assert/strict'
import { took } from '../cluster/stage.ts'
import { atLeast, exactly, type Finding, noted } from '../scenario.ts'
import { Follower } from './follower.ts'
import { judge, type Truth, type Verdict } from './ledger.ts'

export interface Scale {
  readonly clients: number
  readonly topics: number
  /** One client in so many writes as well. */
  readonly writes: number
  /** A client that writes does so this often, in milliseconds, where it has an answer to the one before. */
  readonly pauseMs: number
  /** Entries of each writer between two faults. */
  readonly calm: number
  /** One connection after the other is cut so often, in milliseconds. */
  readonly cutMs: number
}

/** The nodes under test, and what is between them. */
export interface Site {
  ports(): readonly number[]
  /** The log of a topic; a client asks for it. */
  truth(topic: string, asker: Follower): Promise<Truth>
  /** Errors that nobody caught. */
  uncaught(): Promise<readonly string[]>
  end(): Promise<void>
}

/** The time that clients have for all that is on its way. */
const CATCH_UP_MS = 60_000
/** Anything that has to happen may take so long, on a machine that others keep busy. */
const PATIENCE_MS = 180_000

/** Waits for it, and leaves the machine to others meanwhile. */
async function happens(what: () => string, isSo: () => boolean): Promise<void> {
  await took(isSo, PATIENCE_MS)
  assert.ok(isSo(), `never: ${what()}`)
}

/** Clients that write and follow logs all the time, while something happens to a site. */
export class Stage<S extends Site> {
  readonly site: S
  readonly followers: readonly Follower[]
  readonly #scale: Scale
  #traffic: NodeJS.Timeout | undefined
  #cutting: NodeJS.Timeout | undefined
  #turn = 0
  readonly #verdicts: Verdict[] = []
  faults = 0

  private constructor(site: S, scale: Scale) {
    this.site = site
    this.#scale = scale
    this.followers = Array.from(
      { length: scale.clients },
      (_, n) => new Follower(n, `log:${n % scale.topics}`, () => site.ports()),
    )
  }

  /** Plays, and holds the books of all clients against the logs. Findings of the play are added. */
  static async play<S extends Site>(
    site: S,
    scale: Scale,
    play: (stage: Stage<S>) => Promise<Finding[]>,
  ): Promise<Finding[]> {
    const stage = new Stage(site, scale)
    try {
      await stage.#begin()
      const findings = await play(stage)
      return [...(await stage.#close()), ...findings]
    } finally {
      stage.#hush()
      for (const follower of stage.followers) follower.leave()
      await site.end()
    }
  }

  /** Plays one fault, from which all come back, and goes on for a while. */
  async fault(play: () => void | Promise<void>): Promise<void> {
    this.faults++
    await play()
    await this.everybodyIsThere()
    await this.written(this.#scale.calm)
  }

  /** Each of them is there once, at least: others may be cut meanwhile. */
  async everybodyIsThere(): Promise<void> {
    const missing = new Set(this.followers)
    await happens(
      () => `all are there: ${[...missing].map(({ state }) => state)}`,
      () => {
        for (const follower of missing) if (follower.isThere) missing.delete(follower)
        return missing.size === 0
      },
    )
  }

  /** Until everybody who writes was answered so many times more. */
  async written(times: number): Promise<void> {
    const writers = this.writers
    const wanted = writers.map(({ accepted }) => accepted.length + times)
    await happens(
      () => 'all have written',
      () => writers.every(({ accepted }, index) => accepted.length >= (wanted[index] ?? 0)),
    )
  }

  /** Connections are cut all the time, each fourth in the middle of what its client is told again. */
  cutOnAndOn(): void {
    this.#cutting = setInterval(() => {
      const turn = this.#turn++
      this.followers[turn % this.followers.length]?.cut(turn % 4 === 0)
    }, this.#scale.cutMs)
  }

  cutNoMore(): void {
    clearInterval(this.#cutting)
  }

  get writers(): Follower[] {
    return this.followers.filter((_, n) => n % this.#scale.writes === 0)
  }

  /** Holds the books against the logs while these are there; everybody is silent meanwhile. */
  async balance(): Promise<Verdict> {
    this.#hush()
    await this.everybodyIsThere()
    const verdict = judge(this.followers, await this.#truths(), this.#accepted())
    this.#verdicts.push(verdict)
    this.#speak()
    return verdict
  }

  async #begin(): Promise<void> {
    await this.everybodyIsThere()
    this.#speak()
    await this.written(3)
  }

  #speak(): void {
    this.#traffic = setInterval(() => {
      for (const follower of this.writers) follower.write()
    }, this.#scale.pauseMs)
  }

  #hush(): void {
    this.cutNoMore()
    clearInterval(this.#traffic)
  }

  async #close(): Promise<Finding[]> {
    const verdict = await this.balance()
    this.#hush()
    const uncaught = await this.site.uncaught()
    return [
      ...this.#totals(verdict),
      ...WRONGS.map(([name, what]) =>
        exactly(
          what,
          0,
          sum(this.#verdicts, (one) => one[name]),
        ),
      ),
      exactly(`uncaught errors${uncaught.length === 0 ? '' : ` (${uncaught[0]})`}`, 0, uncaught.length),
    ]
  }

  /** The logs, when all clients have all of them and nothing came meanwhile: what nodes repeat may come late. */
  async #truths(): Promise<Map<string, Truth>> {
    for (;;) {
      const truths = await this.#read()
      const isBehind = ({ topic, offset }: Follower): boolean => offset < (truths.get(topic)?.offset ?? 0)
      await took(() => !this.followers.some(isBehind), CATCH_UP_MS)
      const again = await this.#read()
      const isStill = [...truths].every(([topic, { offset }]) => again.get(topic)?.offset === offset)
      const isAhead = ({ topic, offset }: Follower): boolean => offset > (again.get(topic)?.offset ?? 0)
      if (isStill && !this.followers.some(isAhead)) return again
    }
  }

  async #read(): Promise<Map<string, Truth>> {
    const askers = this.followers.slice(0, this.#scale.topics)
    return new Map(
      await Promise.all(
        askers.map(async (asker) => [asker.topic, await this.site.truth(asker.topic, asker)] as const),
      ),
    )
  }

  #accepted(): Map<string, Map<string, Follower['accepted']>> {
    const accepted = new Map<string, Map<string, Follower['accepted']>>()
    for (const follower of this.followers) {
      const ofTopic = accepted.get(follower.topic) ?? new Map()
      accepted.set(follower.topic, ofTopic.set(follower.name, follower.accepted))
    }
    return accepted
  }

  #totals({ received, marks, gone }: Verdict): Finding[] {
    const { followers } = this
    const show = (count: number): string => count.toLocaleString('en')
    return [
      noted('clients, topics', `${this.#scale.clients}, ${this.#scale.topics}`),
      noted('faults, connections cut', `${this.faults}, ${show(sum(followers, ({ cuts }) => cuts))}`),
      noted(
        'entries accepted, taken by clients',
        `${show(sum(followers, ({ accepted }) => accepted.length))}, ${show(received)}`,
      ),
      noted('accepted, and lost by the engine', show(gone)),
      atLeast(
        'resumes with recovered: true',
        1,
        sum(followers, ({ resumes }) => resumes),
      ),
      noted('resumes with recovered: false', show(marks)),
    ]
  }
}

const WRONGS = [
  ['lost', 'lost'],
  ['doubled', 'doubled'],
  ['reordered', 'out of order'],
  ['foreign', 'taken, and the log has another one there'],
  ['dropped', 'accepted, and not in the log'],
  ['needless', 'recovered: false where nothing was gone'],
] as const satisfies readonly (readonly [keyof Verdict, string])[]

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
